/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/record.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/wire/json.h"

#include <inttypes.h>
#include <string.h>

static const char *const state_names[] = {
    [ENGINE_CREATED] = "created", [ENGINE_RUNNING] = "running", [ENGINE_STOPPING] = "stopping",
    [ENGINE_EXITED] = "exited",	  [ENGINE_LOST] = "lost",
};

static const char *const health_names[] = {
    [ENGINE_HEALTH_NONE] = "none",
    [ENGINE_HEALTH_STARTING] = "starting",
    [ENGINE_HEALTHY] = "healthy",
    [ENGINE_UNHEALTHY] = "unhealthy",
};

const char *engine_state_name(enum engine_state s)
{
	return state_names[s];
}

const char *record_health_name(enum engine_health h)
{
	return health_names[h];
}

static int name_index(const char *const *names, size_t n, const char *name, const char *what, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(names[i], name))
			return (int)i;
	}
	return err_set(err, EINVAL, "%s \"%.50s\" is not known", what, name);
}

void record_write(struct buf *out, const struct record *r)
{
	buf_printf(out, "{\"state\":\"%s\",\"health\":\"%s\",\"pid\":%d,\"start_time\":%" PRIu64, state_names[r->state],
		   health_names[r->health], r->pid, r->start_time);
	buf_printf(out, ",\"run\":%" PRIu32, r->run);
	if (r->paused)
		buf_adds(out, ",\"paused\":true");
	if (r->ooms)
		buf_printf(out, ",\"ooms\":%" PRIu32, r->ooms);
	if (r->warned_ms)
		buf_printf(out, ",\"warned_ms\":%" PRId64, r->warned_ms);
	buf_printf(out, ",\"started_ms\":%" PRId64 ",\"ended_ms\":%" PRId64, r->started_ms, r->ended_ms);
	buf_printf(out, ",\"staged_files\":%" PRIu64 ",\"staged_bytes\":%" PRIu64, r->staged_files, r->staged_bytes);
	if (r->cgroup) {
		buf_adds(out, ",\"cgroup\":");
		json_quote(out, r->cgroup, strlen(r->cgroup));
	}
	if (r->state == ENGINE_EXITED || r->state == ENGINE_LOST) {
		buf_printf(out, ",\"code\":%d,\"signal\":%d,\"oom\":%s,\"never_started\":%s", r->exit.code,
			   r->exit.signal, r->exit.oom ? "true" : "false", r->exit.never_started ? "true" : "false");
		buf_printf(out, ",\"memory_peak\":%" PRIu64 ",\"cpu_us\":%" PRIu64, r->exit.memory_peak,
			   r->exit.cpu_us);
		if (r->exit.fenced)
			buf_adds(out, ",\"fenced\":true");
		if (r->exit.error) {
			buf_adds(out, ",\"error\":");
			json_quote(out, r->exit.error, strnlen(r->exit.error, RECORD_ERROR_MAX));
		}
	}
	buf_adds(out, "}\n");
}

static int parse_exit(yyjson_val *v, struct engine_exit *ret, struct err *err)
{
	int64_t code = 0, signal = 0, peak = 0, cpu = 0;
	const char *error = NULL;
	int r = json_opt_int(v, "code", 0, 255, &code, err);

	if (r == 0)
		r = json_opt_int(v, "signal", 0, 64, &signal, err);
	if (r == 0)
		r = json_opt_bool(v, "oom", &ret->oom, err);
	if (r == 0)
		r = json_opt_bool(v, "never_started", &ret->never_started, err);
	if (r == 0)
		r = json_opt_bool(v, "fenced", &ret->fenced, err);
	if (r == 0)
		r = json_opt_int(v, "memory_peak", 0, INT64_MAX, &peak, err);
	if (r == 0)
		r = json_opt_int(v, "cpu_us", 0, INT64_MAX, &cpu, err);
	if (r == 0)
		r = json_opt_str(v, "error", &error, err);
	if (r < 0)
		return r;
	ret->code = (int)code;
	ret->signal = (int)signal;
	ret->memory_peak = (uint64_t)peak;
	ret->cpu_us = (uint64_t)cpu;
	ret->error = mem_strdup(error);
	return 0;
}

static int parse_times(yyjson_val *v, struct record *ret, struct err *err)
{
	int64_t pid = 0, start = 0, files = 0, bytes = 0, run = 1, ooms = 0;
	const char *cgroup = NULL;
	int r = json_opt_int(v, "pid", 0, INT32_MAX, &pid, err);

	if (r == 0)
		r = json_opt_int(v, "run", 1, UINT32_MAX, &run, err);
	if (r == 0)
		r = json_opt_bool(v, "paused", &ret->paused, err);
	if (r == 0)
		r = json_opt_int(v, "ooms", 0, UINT32_MAX, &ooms, err);
	if (r == 0)
		r = json_opt_int(v, "start_time", 0, INT64_MAX, &start, err);
	if (r == 0)
		r = json_opt_int(v, "started_ms", 0, INT64_MAX, &ret->started_ms, err);
	if (r == 0)
		r = json_opt_int(v, "ended_ms", 0, INT64_MAX, &ret->ended_ms, err);
	if (r == 0)
		r = json_opt_int(v, "warned_ms", 0, INT64_MAX, &ret->warned_ms, err);
	if (r == 0)
		r = json_opt_int(v, "staged_files", 0, INT64_MAX, &files, err);
	if (r == 0)
		r = json_opt_int(v, "staged_bytes", 0, INT64_MAX, &bytes, err);
	if (r == 0)
		r = json_opt_str(v, "cgroup", &cgroup, err);
	if (r == 0)
		ret->cgroup = mem_strdup(cgroup);
	ret->run = (uint32_t)run;
	ret->ooms = (uint32_t)ooms;
	ret->pid = (int)pid;
	ret->start_time = (uint64_t)start;
	ret->staged_files = (uint64_t)files;
	ret->staged_bytes = (uint64_t)bytes;
	return r;
}

int record_parse(const char *text, size_t n, struct record *ret, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = json_parse(text, n, RECORD_MAX * 2, "a container's record", err);
	struct record rec = {.pid = 0};
	const char *state, *health = "none";
	yyjson_val *v;
	int s, h, r;

	if (!doc)
		return -EINVAL;
	v = yyjson_doc_get_root(doc);
	if (!yyjson_is_obj(v))
		return err_set(err, EINVAL, "a container's record is not an object");
	if (json_get_str(v, "state", &state, err) < 0 || json_opt_str(v, "health", &health, err) < 0)
		return -EINVAL;
	s = name_index(state_names, 5, state, "state", err);
	h = name_index(health_names, 4, health, "health", err);
	if (s < 0 || h < 0)
		return -EINVAL;
	rec.state = (enum engine_state)s;
	rec.health = (enum engine_health)h;
	r = parse_times(v, &rec, err);
	if (r == 0)
		r = parse_exit(v, &rec.exit, err);
	if (r < 0)
		record_clear(&rec);
	else
		*ret = rec;
	return r;
}

void record_clear(struct record *r)
{
	free(r->exit.error);
	r->exit.error = NULL;
	free(r->cgroup);
	r->cgroup = NULL;
}

int record_read(int dir, const char *name, struct record *ret, struct err *err)
{
	mem_cleanup char *text = NULL;
	size_t n;
	int r = fs_read(dir, name, RECORD_MAX * 2, &text, &n, err);

	return r < 0 ? r : record_parse(text, n, ret, err);
}
