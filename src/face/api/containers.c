/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/core/signal_name.h"
#include "base/wire/http_server.h"
#include "base/wire/json.h"
#include "face/api/api_private.h"
#include "face/docker/policy.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_time(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, int64_t ms)
{
	if (ms > 0)
		yyjson_mut_obj_add_int(d, o, key, ms);
	else
		yyjson_mut_obj_add_null(d, o, key);
}

static void add_text(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, const char *text)
{
	if (text)
		yyjson_mut_obj_add_strcpy(d, o, key, text);
	else
		yyjson_mut_obj_add_null(d, o, key);
}

static bool has_ended(const struct engine_container *c)
{
	return c->state == ENGINE_EXITED || c->state == ENGINE_LOST;
}

void containers_add(yyjson_mut_doc *d, yyjson_mut_val *o, const struct engine_container *c)
{
	static const char *const health[] = {[ENGINE_HEALTH_NONE] = NULL,
					     [ENGINE_HEALTH_STARTING] = "starting",
					     [ENGINE_HEALTHY] = "healthy",
					     [ENGINE_UNHEALTHY] = "unhealthy"};

	yyjson_mut_obj_add_strcpy(d, o, "id", c->id);
	add_text(d, o, "name", c->name);
	add_text(d, o, "image", c->image);
	add_text(d, o, "command", c->command);
	yyjson_mut_obj_add_str(d, o, "state", engine_state_name(c->state));
	add_text(d, o, "health", health[c->health]);
	add_time(d, o, "created_ms", c->created_ms);
	add_time(d, o, "started_ms", c->started_ms);
	add_time(d, o, "ended_ms", c->ended_ms);
	add_text(d, o, "job", c->job);
	add_text(d, o, "task", c->task);
	if (c->job) {
		yyjson_mut_obj_add_uint(d, o, "index", c->index);
		yyjson_mut_obj_add_uint(d, o, "attempt", c->epoch);
	}
	if (!has_ended(c)) {
		yyjson_mut_obj_add_int(d, o, "pid", c->pid);
		yyjson_mut_obj_add_null(d, o, "exit_code");
		return;
	}
	yyjson_mut_obj_add_int(d, o, "exit_code", c->exit.code);
	yyjson_mut_obj_add_int(d, o, "signal", c->exit.signal);
	yyjson_mut_obj_add_bool(d, o, "oom", c->exit.oom);
	add_text(d, o, "error", c->exit.error);
	yyjson_mut_obj_add_uint(d, o, "memory_peak", c->exit.memory_peak);
	yyjson_mut_obj_add_uint(d, o, "cpu_us", c->exit.cpu_us);
}

void containers_exit(const struct engine_container *c, struct buf *out)
{
	buf_printf(out, "{\"code\":%d,\"exit_code\":%d,\"signal\":%d,\"oom\":%s,\"error\":", c->exit.code, c->exit.code,
		   c->exit.signal, c->exit.oom ? "true" : "false");
	if (c->exit.error)
		json_quote(out, c->exit.error, strlen(c->exit.error));
	else
		buf_adds(out, "null");
	buf_addc(out, '}');
}

void containers_list(struct api *a, struct http_req *r, const char *id)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *list = yyjson_mut_arr(d);
	bool all = api_query_bool(r, "all");
	const struct engine_container *c;
	mem_cleanup char *text = NULL;

	(void)id;
	yyjson_mut_doc_set_root(d, list);
	for (size_t i = 0; (c = engine_at(a->o.engine, i)); i++) {
		if (all || !has_ended(c))
			containers_add(d, yyjson_mut_arr_add_obj(d, list), c);
	}
	text = json_text(d, false, NULL);
	http_reply_json(r, 200, text);
}

void containers_get(struct api *a, struct http_req *r, const char *id)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	const struct engine_container *c;
	mem_cleanup char *text = NULL;
	struct err err = ERR_INIT;

	if (engine_find(a->o.engine, id, &c, &err) < 0) {
		http_reply_err(r, &err);
		return;
	}
	yyjson_mut_doc_set_root(d, yyjson_mut_obj(d));
	containers_add(d, yyjson_mut_doc_get_root(d), c);
	text = json_text(d, false, NULL);
	http_reply_json(r, 200, text);
}

static int find_for(struct api *a, struct http_req *r, const char *id, const struct engine_container **ret,
		    struct err *err)
{
	int x = engine_find(a->o.engine, id, ret, err);

	return x < 0 ? x : policy_check_container(a->o.engine, r, (*ret)->id, err);
}

void containers_kill(struct api *a, struct http_req *r, const char *id)
{
	const char *text = http_req_query(r, "signal");
	const struct engine_container *c;
	struct err err = ERR_INIT;
	int signal = text ? signal_number(text, &err) : SIGKILL;
	int x = signal;

	if (x >= 0)
		x = find_for(a, r, id, &c, &err);
	if (x >= 0)
		x = engine_kill(a->o.engine, c->id, signal, &err);
	if (x == -ESRCH)
		err.code = EBUSY; /* a conflict with its state, not a missing thing */
	if (x < 0)
		http_reply_err(r, &err);
	else
		http_reply(r, 204, NULL, NULL, 0);
}

void containers_remove(struct api *a, struct http_req *r, const char *id)
{
	const struct engine_container *c;
	struct err err = ERR_INIT;
	int x = find_for(a, r, id, &c, &err);

	if (x >= 0 && c->job)
		x = err_set(&err, EBUSY, "container %s belongs to job %s; remove that: berth rm %s", c->name, c->job,
			    c->job);
	if (x >= 0)
		x = engine_remove(a->o.engine, c->id, api_query_bool(r, "force"), &err);
	if (x < 0)
		http_reply_err(r, &err);
	else
		http_reply(r, 204, NULL, NULL, 0);
}
