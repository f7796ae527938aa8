/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/server/jobspec_data.h"

#include "base/core/mem.h"
#include "cluster/server/jobspec.h"

#include <inttypes.h>
#include <string.h>

#define NAME_MOST 200

static void add(struct sched_task_spec *t, char ***names, const char *name)
{
	if (t->n_data == SCHED_DATA_MAX || strlen(name) > NAME_MOST)
		return;
	for (size_t k = 0; k < t->n_data; k++) {
		if (!strcmp((*names)[k], name))
			return;
	}
	mem_strv_add(names, name);
	t->n_data++;
}

static void add_volumes(struct sched_task_spec *t, char ***names, yyjson_val *mounts)
{
	yyjson_val *mount;
	size_t i, n;

	yyjson_arr_foreach (mounts, i, n, mount) {
		const char *type = yyjson_get_str(yyjson_obj_get(mount, "type"));
		const char *source = yyjson_get_str(yyjson_obj_get(mount, "source"));
		mem_cleanup char *name = source ? mem_printf("volume.%s", source) : NULL;

		if (type && name && !strcmp(type, "volume"))
			add(t, names, name);
	}
}

/* One with a path of its own is the same for all nodes, as far as anybody knows. */
static bool has_path(const struct jobspec *j, const char *wanted)
{
	yyjson_val *space;
	size_t i, n;

	yyjson_arr_foreach (yyjson_obj_get(j->root, "spaces"), i, n, space) {
		const char *name = yyjson_get_str(yyjson_obj_get(space, "name"));

		if (name && !strcmp(name, wanted))
			return yyjson_obj_get(space, "path") != NULL;
	}
	return false;
}

static char *space_name(const struct jobspec *j, const char *space)
{
	if (!strcmp(space, "global"))
		return mem_strdup("space.global");
	if (!strcmp(space, "user"))
		return mem_printf("space.user/%" PRIu32, j->uid);
	return mem_printf("space.job/%s/%s", j->id, space);
}

/* One of the job's own: nobody else writes there, and it lies on the node where it was written. */
static bool is_private(const struct jobspec *j, const char *space)
{
	return strcmp(space, "global") != 0 && strcmp(space, "user") != 0 && !has_path(j, space);
}

static bool has_private(const struct jobspec *j, yyjson_val *rules)
{
	yyjson_val *rule;
	size_t i, n;

	yyjson_arr_foreach (rules, i, n, rule) {
		const char *space = yyjson_get_str(yyjson_obj_get(rule, "space"));

		if (space && is_private(j, space))
			return true;
	}
	return false;
}

static void add_spaces(const struct jobspec *j, struct sched_task_spec *t, char ***names, yyjson_val *rules)
{
	yyjson_val *rule;
	size_t i, n;

	yyjson_arr_foreach (rules, i, n, rule) {
		const char *space = yyjson_get_str(yyjson_obj_get(rule, "space"));
		mem_cleanup char *name = space && !has_path(j, space) ? space_name(j, space) : NULL;

		if (name)
			add(t, names, name);
	}
}

static const char *over_space(const struct jobspec *j, uint32_t task)
{
	return yyjson_get_str(yyjson_obj_get(yyjson_obj_get(yyjson_arr_get(j->services, task), "over"), "space"));
}

char *jobspec_data_over(const struct jobspec *j, uint32_t task)
{
	const char *space = over_space(j, task);
	mem_cleanup char *name = space && !has_path(j, space) ? space_name(j, space) : NULL;

	return name ? mem_printf("has.%s", name) : NULL;
}

static void read_task(struct jobspec *j, uint32_t task)
{
	yyjson_val *service = yyjson_arr_get(j->services, task);
	struct sched_task_spec *t = &j->tasks[task];
	char **names = NULL;

	add_volumes(t, &names, yyjson_obj_get(service, "mounts"));
	add_spaces(j, t, &names, yyjson_obj_get(service, "stage_in"));
	t->data = (const char *const *)names;
	t->home = (over_space(j, task) && is_private(j, over_space(j, task))) ||
		  has_private(j, yyjson_obj_get(service, "stage_in")) ||
		  has_private(j, yyjson_obj_get(service, "stage_out"));
}

void jobspec_data_read(struct jobspec *j)
{
	jobspec_data_free(j);
	for (uint32_t k = 0; k < j->sched.n_tasks; k++)
		read_task(j, k);
}

void jobspec_data_free(struct jobspec *j)
{
	for (size_t k = 0; j->tasks && k < j->sched.n_tasks; k++) {
		mem_strv_free((char **)j->tasks[k].data);
		j->tasks[k].data = NULL;
		j->tasks[k].n_data = 0;
	}
}
