/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/job_task.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "face/cli/client.h"
#include "face/cli/show.h"
#include "face/cli/text.h"
#include "face/cli/units.h"

#include <inttypes.h>
#include <string.h>

struct parts {
	char *job, *task; /* task points into job's memory */
	bool one;	  /* a copy is named: index */
	uint64_t index;
};

static void parts_free(struct parts *p)
{
	free(p->job);
}

static bool parts_read(const char *name, struct parts *ret)
{
	struct err err = ERR_INIT;
	char *index = NULL;

	ret->job = mem_strdup(name);
	ret->task = strchr(ret->job, '/');
	if (ret->task) {
		*ret->task++ = '\0';
		index = strchr(ret->task, '/');
	}
	if (index)
		*index++ = '\0';
	ret->one = index != NULL;
	return ret->task && *ret->task && *ret->job &&
	       (!index || (units_count(index, &ret->index, &err) == 0 && ret->index <= INT32_MAX));
}

int job_task_post(struct cli *cli, const char *name, const char *tail, const char *as, struct err *err)
{
	struct parts p cleanup_with(parts_free) = {.job = NULL};
	struct buf body buf_cleanup = BUF_INIT;
	yyjson_doc *doc json_doc_cleanup = NULL;
	mem_cleanup char *target = NULL;
	yyjson_val *warning;
	size_t i, n;
	int r;

	if (!parts_read(name, &p))
		return err_set(err, EINVAL, "\"%s\": a task is JOB/TASK, one of its copies JOB/TASK/INDEX", name);
	buf_adds(&body, "{\"task\":");
	json_quote(&body, p.task, strlen(p.task));
	if (p.one)
		buf_printf(&body, ",\"index\":%" PRIu64, p.index);
	if (as) {
		buf_adds(&body, ",\"as\":");
		json_quote(&body, as, strlen(as));
	}
	buf_addc(&body, '}');
	target = client_target("/v1/jobs/", p.job, tail);
	r = client_call(cli, "POST", target, buf_str(&body), &doc, err);
	yyjson_arr_foreach (yyjson_obj_get(yyjson_doc_get_root(doc), "warnings"), i, n, warning) {
		text_error("note: %s", yyjson_get_str(warning));
	}
	return r;
}

/* ---- its container ---- */

static yyjson_val *find_task(yyjson_val *job, const char *name)
{
	yyjson_val *task;
	size_t i, n;

	yyjson_arr_foreach (yyjson_obj_get(job, "tasks"), i, n, task) {
		if (!strcmp(show_str(task, "name", ""), name))
			return task;
	}
	return NULL;
}

static yyjson_val *find_copy(yyjson_val *task, uint64_t index)
{
	yyjson_val *copy;
	size_t i, n;

	yyjson_arr_foreach (yyjson_obj_get(task, "instances"), i, n, copy) {
		if (show_int(copy, "index", -1) == (int64_t)index)
			return copy;
	}
	return NULL;
}

static int latest_try(yyjson_val *job, const struct parts *p, char **ret, struct err *err)
{
	const char *id = show_str(job, "id", p->job);
	yyjson_val *task = find_task(job, p->task), *copy;
	int64_t copies = show_int(task, "n_instances", 0);

	if (!task)
		return err_set(err, ENOENT, "job %s has no task \"%s\" (berth job %s lists them)", id, p->task, id);
	if (!p->one && copies > 1)
		return err_set(err, EINVAL, "task \"%s\" of job %s has %" PRId64 " copies: say which one, %s/%s/INDEX",
			       p->task, id, copies, p->job, p->task);
	copy = find_copy(task, p->index);
	if (!copy)
		return err_set(err, ENOENT,
			       "task \"%s\" of job %s has no copy %" PRIu64 " (it has %" PRId64 ", from 0)", p->task,
			       id, p->index, copies);
	if (yyjson_arr_size(yyjson_obj_get(copy, "attempts")) == 0)
		return err_set(err, EBUSY, "copy %" PRIu64 " of task \"%s\" of job %s has not started yet", p->index,
			       p->task, id);
	*ret = mem_strdup(show_str(yyjson_arr_get_last(yyjson_obj_get(copy, "attempts")), "container", ""));
	return 0;
}

int job_task_container(struct cli *cli, const char *name, char **ret, struct err *err)
{
	struct parts p cleanup_with(parts_free) = {.job = NULL};
	mem_cleanup char *container = NULL, *job = NULL;
	yyjson_doc *doc json_doc_cleanup = NULL;
	struct err none = ERR_INIT;

	*ret = NULL;
	if (parts_read(name, &p)) {
		container = client_target("/v1/containers/", name, "");
		job = client_target("/v1/jobs/", p.job, "");
	}
	if (!job || client_call(cli, "GET", container, NULL, NULL, &none) == 0 ||
	    client_call(cli, "GET", job, NULL, &doc, &none) < 0) {
		*ret = mem_strdup(name);
		return 0;
	}
	return latest_try(yyjson_doc_get_root(doc), &p, ret, err);
}
