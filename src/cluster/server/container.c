/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/server/container.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "cluster/link/msg.h"
#include "cluster/server/jobspec.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Keys of a service that go to the engine as they are. */
static const char *const copied[] = {"image",	     "entrypoint", "command",	  "working_dir",   "user",
				     "hostname",     "mounts",	   "files",	  "read_only",	   "limit_cpu_milli",
				     "limit_memory", "limit_pids", "stop_signal", "stop_grace_ms", "healthcheck",
				     "labels",	     NULL};

#define PATTERN_MAX (64u << 10)

struct words {
	char index[16], count[16];
	const char *item, *job;
	size_t used; /* bytes of the patterns so far */
};

static const char *word_of(const struct words *w, const char *name, size_t n)
{
	const struct {
		const char *name, *value;
	} table[] = {{"index", w->index}, {"count", w->count}, {"item", w->item}, {"job", w->job}};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		if (strlen(table[i].name) == n && !memcmp(table[i].name, name, n))
			return table[i].value;
	}
	return NULL;
}

/* A file's name is put into a pattern as itself: its wildcard characters lose their meaning. */
static void add_literal(struct buf *out, const char *text)
{
	for (; *text && !out->full; text++) {
		if (strchr("*?[", *text))
			buf_printf(out, "[%c]", *text);
		else
			buf_addc(out, *text);
	}
}

static int too_long(struct err *err)
{
	return err_set(err, E2BIG, "what the node is told of this container is too long: %u MiB at most",
		       (MSG_TEXT_MAX + (1u << 20) - 1) >> 20);
}

static int substitute(struct words *w, const char *text, bool pattern, char **ret, struct err *err)
{
	buf_cleanup struct buf out = BUF_LIMIT(PATTERN_MAX);

	while (*text && !out.full) {
		const char *end = *text == '{' ? strchr(text, '}') : NULL;
		const char *value = end ? word_of(w, text + 1, (size_t)(end - text) - 1) : NULL;

		if (!value) {
			buf_addc(&out, *text++);
			continue;
		}
		if (pattern)
			add_literal(&out, value);
		else
			buf_adds(&out, value);
		text = end + 1;
	}
	w->used += out.len;
	if (out.full)
		return err_set(err, E2BIG, "a pattern has more than %u KiB when its words are put in",
			       PATTERN_MAX >> 10);
	if (w->used > MSG_TEXT_MAX)
		return too_long(err);
	*ret = buf_take(&out);
	return 0;
}

static int add_patterns(yyjson_mut_doc *d, yyjson_mut_val *to, const char *key, yyjson_val *from, struct words *w,
			struct err *err)
{
	yyjson_mut_val *list = yyjson_mut_arr(d);
	yyjson_val *item;
	size_t i, n;

	yyjson_arr_foreach (from, i, n, item) {
		mem_cleanup char *text = NULL;
		int r = substitute(w, yyjson_is_str(item) ? yyjson_get_str(item) : "", true, &text, err);

		if (r < 0)
			return r;
		yyjson_mut_arr_add_strcpy(d, list, text);
	}
	yyjson_mut_obj_add_val(d, to, key, list);
	return 0;
}

static int add_rules(yyjson_mut_doc *d, const char *key, yyjson_val *service, struct words *w, struct err *err)
{
	yyjson_val *rules = yyjson_obj_get(service, key), *rule;
	yyjson_mut_val *list = yyjson_mut_arr(d);
	size_t i, n;

	if (!rules)
		return 0;
	yyjson_arr_foreach (rules, i, n, rule) {
		yyjson_mut_val *out = yyjson_mut_arr_add_obj(d, list);
		const char *space, *to = NULL;
		mem_cleanup char *dir = NULL;
		int r = yyjson_is_obj(rule) ? json_get_str(rule, "space", &space, err)
					    : err_set(err, EINVAL, "%s: a list of objects is needed", key);

		if (r == 0)
			r = json_opt_str(rule, "to", &to, err);
		if (r < 0)
			return r;
		yyjson_mut_obj_add_strcpy(d, out, "space", space);
		r = add_patterns(d, out, "include", yyjson_obj_get(rule, "include"), w, err);
		if (r == 0)
			r = add_patterns(d, out, "exclude", yyjson_obj_get(rule, "exclude"), w, err);
		if (r == 0 && to)
			r = substitute(w, to, false, &dir, err);
		if (r < 0)
			return r;
		if (dir)
			yyjson_mut_obj_add_strcpy(d, out, "to", dir);
	}
	yyjson_mut_obj_add_val(d, yyjson_mut_doc_get_root(d), key, list);
	return 0;
}

static char *space_path(const struct jobspec *j, const char *name, const char *path, const char *spaces)
{
	if (path)
		return mem_strdup(path);
	if (!strcmp(name, "global"))
		return mem_printf("%s/global", spaces);
	if (!strcmp(name, "user"))
		return mem_printf("%s/user/%" PRIu32, spaces, j->uid);
	return mem_printf("%s/job/%s/%s", spaces, j->id, name);
}

static int space_name_ok(const char *name, struct err *err)
{
	size_t n = strlen(name);

	if (n == 0 || n > 64 || name[0] == '.' ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != n)
		return err_set(err, EINVAL, "spaces: \"%s\" is not a name of a space", name);
	return 0;
}

static int find_space(const struct jobspec *j, const char *wanted, const char *spaces, char **ret, struct err *err)
{
	yyjson_val *space;
	size_t i, n;

	yyjson_arr_foreach (yyjson_obj_get(j->root, "spaces"), i, n, space) {
		const char *name, *path = NULL;
		int r = yyjson_is_obj(space) ? json_get_str(space, "name", &name, err)
					     : err_set(err, EINVAL, "spaces: a list of objects is needed");

		if (r == 0)
			r = space_name_ok(name, err);
		if (r == 0)
			r = json_opt_str(space, "path", &path, err);
		if (r < 0)
			return r;
		if (path && path[0] != '/')
			return err_set(err, EINVAL, "spaces.%s: path \"%s\" is not absolute", name, path);
		if (strcmp(name, wanted) != 0)
			continue;
		*ret = space_path(j, name, path, spaces);
		return 0;
	}
	if (!strcmp(wanted, "user") || !strcmp(wanted, "global")) {
		*ret = space_path(j, wanted, NULL, spaces);
		return 0;
	}
	return err_set(err, EINVAL, "there is no space \"%s\" in this job", wanted);
}

/* The spaces that the rules of this service name, each once. */
static int add_spaces(yyjson_mut_doc *d, const struct jobspec *j, const char *spaces, yyjson_val *service,
		      struct err *err)
{
	static const char *const keys[] = {"stage_in", "stage_out"};
	yyjson_mut_val *list = yyjson_mut_arr(d);
	char **seen = NULL;
	int r = 0;

	for (size_t k = 0; k < 2 && r == 0; k++) {
		yyjson_val *rule;
		size_t i, n;

		yyjson_arr_foreach (yyjson_obj_get(service, keys[k]), i, n, rule) {
			const char *name = yyjson_get_str(yyjson_obj_get(rule, "space"));
			mem_cleanup char *path = NULL;
			yyjson_mut_val *out;
			char **s = seen;

			while (s && *s && strcmp(*s, name) != 0)
				s++;
			if (s && *s)
				continue;
			mem_strv_add(&seen, name);
			r = find_space(j, name, spaces, &path, err);
			if (r < 0)
				break;
			out = yyjson_mut_arr_add_obj(d, list);
			yyjson_mut_obj_add_strcpy(d, out, "name", name);
			yyjson_mut_obj_add_strcpy(d, out, "path", path);
		}
	}
	mem_strv_free(seen);
	if (r == 0 && yyjson_mut_arr_size(list) > 0)
		yyjson_mut_obj_add_val(d, yyjson_mut_doc_get_root(d), "spaces", list);
	return r;
}

static void add_env(yyjson_mut_doc *d, yyjson_val *service, const struct jobspec *j, const struct sched_attempt_id *a,
		    const struct words *w)
{
	yyjson_mut_val *list = yyjson_mut_arr(d);
	const char *values[] = {j->id, j->tasks[a->task].name, w->index, w->count, w->item};
	static const char *const names[] = {"BERTH_JOB", "BERTH_TASK", "BERTH_INDEX", "BERTH_COUNT", "BERTH_ITEM"};
	mem_cleanup char *attempt = mem_printf("BERTH_ATTEMPT=%" PRIu32, a->epoch);
	yyjson_val *item;
	size_t i, n;

	yyjson_arr_foreach (yyjson_obj_get(service, "environment"), i, n, item) {
		yyjson_mut_arr_append(list, yyjson_val_mut_copy(d, item));
	}
	for (i = 0; i < 5; i++) {
		mem_cleanup char *pair = *values[i] ? mem_printf("%s=%s", names[i], values[i]) : NULL;

		if (pair)
			yyjson_mut_arr_add_strcpy(d, list, pair);
	}
	yyjson_mut_arr_add_strcpy(d, list, attempt);
	if (j->scheduled_ms) {
		char text[CLOCK_TEXT_MAX];
		mem_cleanup char *scheduled = mem_printf("BERTH_SCHEDULED=%s", clock_format(j->scheduled_ms, text));

		yyjson_mut_arr_add_strcpy(d, list, scheduled);
	}
	yyjson_mut_obj_add_val(d, yyjson_mut_doc_get_root(d), "environment", list);
}

static void add_identity(yyjson_mut_doc *d, const struct jobspec *j, const struct sched_attempt_id *a)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(d);
	const char *task = j->tasks[a->task].name;
	mem_cleanup char *key = mem_printf("%s/%" PRIu32 "/%" PRIu32 "/%" PRIu32, j->id, a->task, a->index, a->epoch);
	mem_cleanup char *name = a->epoch > 1
				     ? mem_printf("%s-%s-%" PRIu32 "-try%" PRIu32, j->id, task, a->index, a->epoch)
				     : mem_printf("%s-%s-%" PRIu32, j->id, task, a->index);

	yyjson_mut_obj_add_strcpy(d, root, "key", key);
	yyjson_mut_obj_add_strcpy(d, root, "name", name);
	yyjson_mut_obj_add_strcpy(d, root, "job", j->id);
	yyjson_mut_obj_add_strcpy(d, root, "task", task);
	yyjson_mut_obj_add_uint(d, root, "index", a->index);
	yyjson_mut_obj_add_uint(d, root, "epoch", a->epoch);
}

/* Whatever the job file says there. */
static void add_owner(yyjson_mut_doc *d, const struct jobspec *j)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(d), *labels = yyjson_mut_obj_get(root, "labels");

	if (!labels)
		labels = yyjson_mut_obj_add_obj(d, root, "labels");
	yyjson_mut_obj_remove_key(labels, OWNER_LABEL);
	yyjson_mut_obj_add_strcpy(d, labels, OWNER_LABEL, j->owner);
}

/* From its start, which its node knows before the server does: so the warning is never late. */
static void add_warning(yyjson_mut_doc *d, const struct jobspec *j, uint32_t task)
{
	struct jobspec_warn w = jobspec_warn(j, task);
	yyjson_mut_val *root = yyjson_mut_doc_get_root(d);

	if (!w.signal || !w.before_ms)
		return;
	yyjson_mut_obj_add_int(d, root, "warn_signal", w.signal);
	yyjson_mut_obj_add_int(d, root, "warn_after_ms", j->tasks[task].walltime_ms - w.before_ms);
}

static void words_of(const struct jobspec *j, const struct sched_attempt_id *a, struct words *w)
{
	uint32_t count = j->tasks[a->task].count;
	char **items = j->items[a->task];

	snprintf(w->index, sizeof w->index, "%" PRIu32, a->index);
	snprintf(w->count, sizeof w->count, "%" PRIu32, count);
	w->item = items && a->index < count ? items[a->index] : "";
	/* At submit nobody knows yet which files there will be: any name does for the check. */
	if (!items && j->tasks[a->task].expand)
		w->item = "item";
	w->job = j->id;
}

int container_json(const struct jobspec *j, const struct sched_attempt_id *a, const char *spaces, bool strict,
		   char **ret, struct err *err)
{
	enum jobspec_fencing fencing = jobspec_fencing(j, a->task);
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_val *service = yyjson_arr_get(j->services, a->task);
	struct words w = {.item = ""};
	size_t n = 0;
	int r;

	if (!service)
		return err_set(err, EINVAL, "job %s has no task %u", j->id, a->task);
	yyjson_mut_doc_set_root(d, yyjson_mut_obj(d));
	for (const char *const *key = copied; *key; key++) {
		yyjson_val *value = yyjson_obj_get(service, *key);

		if (value)
			yyjson_mut_obj_add_val(d, yyjson_mut_doc_get_root(d), *key, yyjson_val_mut_copy(d, value));
	}
	words_of(j, a, &w);
	add_identity(d, j, a);
	add_owner(d, j);
	add_warning(d, j, a->task);
	if (fencing == JOBSPEC_STRICT || (fencing == JOBSPEC_AS_THE_SERVER && strict))
		yyjson_mut_obj_add_bool(d, yyjson_mut_doc_get_root(d), "fenced", true);
	if (j->confined)
		yyjson_mut_obj_add_bool(d, yyjson_mut_doc_get_root(d), "confined", true);
	add_env(d, service, j, a, &w);
	r = add_rules(d, "stage_in", service, &w, err);
	if (r == 0)
		r = add_rules(d, "stage_out", service, &w, err);
	if (r == 0)
		r = add_spaces(d, j, spaces, service, err);
	if (r < 0)
		return r;
	*ret = json_text(d, false, &n);
	if (n <= MSG_TEXT_MAX)
		return 0;
	free(mem_take(*ret));
	return too_long(err);
}

int container_over(const struct jobspec *j, uint32_t task, const char *spaces, char **ret_path, char **ret_glob,
		   struct err *err)
{
	yyjson_val *over = yyjson_obj_get(yyjson_arr_get(j->services, task), "over");
	const char *space, *glob;
	mem_cleanup char *path = NULL;
	int r;

	if (!yyjson_is_obj(over))
		return err_set(err, EINVAL, "over: an object is needed");
	r = json_get_str(over, "space", &space, err);
	if (r == 0)
		r = json_get_str(over, "glob", &glob, err);
	if (r == 0)
		r = find_space(j, space, spaces, &path, err);
	if (r < 0)
		return r;
	*ret_path = mem_take(path);
	*ret_glob = mem_strdup(glob);
	return 0;
}
