/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/emit.h"

#include "base/core/counts.h"
#include "base/wire/json.h"
#include "face/compose/job.h"
#include "face/compose/loader.h"
#include "face/compose/read.h"
#include "face/compose/params.h"

#include <string.h>

struct out {
	yyjson_mut_doc *doc;
	yyjson_mut_val *obj; /* of the service */
};

/* All texts live in the loader's arena, longer than the document: nothing is copied. */
static void add_str(struct out *o, const char *key, const char *value)
{
	if (value)
		yyjson_mut_obj_add_str(o->doc, o->obj, key, value);
}

static void add_int(struct out *o, const char *key, int64_t value)
{
	yyjson_mut_obj_add_sint(o->doc, o->obj, key, value);
}

static void add_limit(struct out *o, const char *key, int64_t value)
{
	if (value > 0)
		add_int(o, key, value);
}

static yyjson_mut_val *list_of(yyjson_mut_doc *doc, char *const *v)
{
	yyjson_mut_val *list = yyjson_mut_arr(doc);

	for (; v && *v; v++)
		yyjson_mut_arr_add_str(doc, list, *v);
	return list;
}

static char *base64(struct arena *a, const char *data, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = (const unsigned char *)data;
	char *text = arena_alloc(a, (n + 2) / 3 * 4 + 1), *t = text;

	for (size_t i = 0; i < n; i += 3) {
		unsigned b = (unsigned)p[i] << 16 | (i + 1 < n ? (unsigned)p[i + 1] << 8 : 0) |
			     (i + 2 < n ? (unsigned)p[i + 2] : 0);

		*t++ = digits[b >> 18];
		*t++ = digits[b >> 12 & 63];
		*t++ = i + 1 < n ? digits[b >> 6 & 63] : '=';
		*t++ = i + 2 < n ? digits[b & 63] : '=';
	}
	return text;
}

static void add_where(struct out *o, const struct job_service *s)
{
	yyjson_mut_val *where = yyjson_mut_obj(o->doc);

	for (size_t i = 0; i < s->n_where; i++) {
		yyjson_mut_val *pair = yyjson_mut_arr(o->doc);

		yyjson_mut_arr_add_int(o->doc, pair, s->where[i].line);
		yyjson_mut_arr_add_int(o->doc, pair, s->where[i].column);
		yyjson_mut_obj_add_val(o->doc, where, s->where[i].path, pair);
	}
	yyjson_mut_obj_add_val(o->doc, o->obj, "where", where);
}

static void add_mount(struct out *o, yyjson_mut_val *list, const struct job_mount *m)
{
	static const char *const types[] = {"bind", "volume", "tmpfs"};
	struct out in = {o->doc, yyjson_mut_arr_add_obj(o->doc, list)};

	add_str(&in, "type", types[m->type]);
	if (m->type != JOB_TMPFS)
		add_str(&in, "source", m->source);
	add_str(&in, "target", m->target);
	yyjson_mut_obj_add_bool(in.doc, in.obj, "read_only", m->read_only);
	if (m->type == JOB_BIND)
		yyjson_mut_obj_add_bool(in.doc, in.obj, "create", m->create);
	if (m->type == JOB_TMPFS) {
		add_limit(&in, "size", m->size);
		add_int(&in, "mode", m->mode);
	}
}

static void add_mounts(struct out *o, const struct job_service *s)
{
	yyjson_mut_val *list = yyjson_mut_arr(o->doc);

	for (size_t i = 0; i < s->n_mounts; i++)
		add_mount(o, list, &s->mounts[i]);
	yyjson_mut_obj_add_val(o->doc, o->obj, "mounts", list);
}

static void add_files(const struct loader *l, struct out *o, const struct job_service *s)
{
	yyjson_mut_val *list = yyjson_mut_arr(o->doc);

	for (size_t i = 0; i < s->n_files; i++) {
		const struct job_file *f = &s->files[i];
		struct out in = {o->doc, yyjson_mut_arr_add_obj(o->doc, list)};

		add_str(&in, "target", f->target);
		add_int(&in, "mode", f->mode);
		add_int(&in, "uid", f->uid);
		add_int(&in, "gid", f->gid);
		add_str(&in, "base64", base64((struct arena *)&l->arena, f->data, f->len));
	}
	yyjson_mut_obj_add_val(o->doc, o->obj, "files", list);
}

static void add_deps(struct out *o, const struct job_service *s)
{
	static const char *const conditions[] = {"started", "healthy", "completed"};
	yyjson_mut_val *list = yyjson_mut_arr(o->doc);

	for (size_t i = 0; i < s->n_deps; i++) {
		struct out in = {o->doc, yyjson_mut_arr_add_obj(o->doc, list)};

		add_str(&in, "service", s->deps[i].service);
		add_str(&in, "condition", conditions[s->deps[i].condition]);
		yyjson_mut_obj_add_bool(in.doc, in.obj, "required", s->deps[i].required);
	}
	yyjson_mut_obj_add_val(o->doc, o->obj, "depends_on", list);
}

static void add_health(struct out *o, const struct job_service *s)
{
	struct out in = {o->doc, yyjson_mut_obj(o->doc)};

	if (!s->has_health)
		return;
	yyjson_mut_obj_add_val(in.doc, in.obj, "test", list_of(o->doc, s->health.test));
	add_int(&in, "interval_ms", s->health.interval_ms);
	add_int(&in, "timeout_ms", s->health.timeout_ms);
	add_int(&in, "retries", s->health.retries);
	add_int(&in, "start_period_ms", s->health.start_period_ms);
	add_int(&in, "start_interval_ms", s->health.start_interval_ms);
	yyjson_mut_obj_add_val(o->doc, o->obj, "healthcheck", in.obj);
}

static void add_labels(struct out *o, const struct job_service *s)
{
	yyjson_mut_val *labels = yyjson_mut_obj(o->doc);

	for (size_t i = 0; i < s->label_names.n; i++)
		yyjson_mut_obj_add_str(o->doc, labels, s->label_names.v[i], s->label_values.v[i]);
	yyjson_mut_obj_add_val(o->doc, o->obj, "labels", labels);
}

static void add_stages(struct out *o, const char *key, const struct job_stage *rules, size_t n)
{
	yyjson_mut_val *list = yyjson_mut_arr(o->doc);

	for (size_t i = 0; i < n; i++) {
		struct out in = {o->doc, yyjson_mut_arr_add_obj(o->doc, list)};

		add_str(&in, "space", rules[i].space);
		yyjson_mut_obj_add_val(in.doc, in.obj, "include", list_of(o->doc, rules[i].include));
		yyjson_mut_obj_add_val(in.doc, in.obj, "exclude", list_of(o->doc, rules[i].exclude));
		add_str(&in, "to", rules[i].to ? rules[i].to : "");
	}
	yyjson_mut_obj_add_val(o->doc, o->obj, key, list);
}

static void add_copies(struct out *o, const struct job_service *s)
{
	add_int(o, "count", s->count);
	if (s->has_items)
		yyjson_mut_obj_add_val(o->doc, o->obj, "items", list_of(o->doc, s->items.v));
	if (s->over_space) {
		struct out in = {o->doc, yyjson_mut_obj(o->doc)};

		add_str(&in, "space", s->over_space);
		add_str(&in, "glob", s->over_glob);
		yyjson_mut_obj_add_val(o->doc, o->obj, "over", in.obj);
	}
}

static void add_place(struct out *o, const struct job_service *s)
{
	add_str(o, "name", s->name);
	add_int(o, "line", s->node->key->line);
	add_int(o, "column", s->node->key->column);
	add_where(o, s);
	add_str(o, "kind", s->kind == JOB_TASK ? "task" : "service");
}

static void add_container(const struct loader *l, struct out *o, const struct job_service *s)
{
	add_str(o, "image", s->image);
	if (s->has_entrypoint)
		yyjson_mut_obj_add_val(o->doc, o->obj, "entrypoint", list_of(o->doc, s->entrypoint));
	if (s->has_command)
		yyjson_mut_obj_add_val(o->doc, o->obj, "command", list_of(o->doc, s->command));
	yyjson_mut_obj_add_val(o->doc, o->obj, "environment", list_of(o->doc, s->environment.v));
	add_str(o, "working_dir", s->working_dir);
	add_str(o, "user", s->user);
	add_str(o, "hostname", s->hostname);
	add_mounts(o, s);
	add_files(l, o, s);
	yyjson_mut_obj_add_bool(o->doc, o->obj, "read_only", s->read_only);
}

static void add_licences(struct out *o, const struct job_service *s)
{
	struct out in = {o->doc, yyjson_mut_obj(o->doc)};

	if (!s->licences || !s->licences->n)
		return;
	for (size_t i = 0; i < s->licences->n; i++) {
		const char *name = s->licences->items[i]->key->text;

		add_int(&in, name, read_int(s->licences, name, 1));
	}
	yyjson_mut_obj_add_val(o->doc, o->obj, "licences", in.obj);
}

static void add_counters(struct out *o, const struct job_service *s)
{
	struct out in = {o->doc, yyjson_mut_obj(o->doc)};

	if (!s->counters || !s->counters->n)
		return;
	for (size_t i = 0; i < s->counters->n; i++)
		add_int(&in, s->counters->list[i].name, s->counters->list[i].n);
	yyjson_mut_obj_add_val(o->doc, o->obj, "counters", in.obj);
}

static void add_rules(struct out *o, const struct job_service *s)
{
	static const char *const keys[] = {"near", "apart"};

	add_limit(o, "per_node", s->per_node);
	if (s->spread_over.n)
		yyjson_mut_obj_add_val(o->doc, o->obj, "spread_over", list_of(o->doc, s->spread_over.v));
	for (unsigned apart = 0; apart < 2; apart++) {
		yyjson_mut_val *list = yyjson_mut_arr(o->doc);

		for (size_t i = 0; i < s->n_rules; i++) {
			struct out in = {o->doc, NULL};

			if (s->rules[i].apart != (apart == 1))
				continue;
			in.obj = yyjson_mut_arr_add_obj(o->doc, list);
			add_str(&in, "to", s->rules[i].to);
			add_str(&in, "within", s->rules[i].within);
			add_limit(&in, "weight", s->rules[i].weight);
		}
		if (yyjson_mut_arr_size(list))
			yyjson_mut_obj_add_val(o->doc, o->obj, keys[apart], list);
	}
}

static void add_schedule(struct out *o, const struct job_service *s)
{
	add_deps(o, s);
	add_str(o, "restart", s->restart);
	add_int(o, "restart_max", s->restart_max);
	add_copies(o, s);
	add_int(o, "slots", s->slots);
	add_int(o, "reserve_cpu_milli", s->reserve_cpu_milli);
	add_int(o, "reserve_memory", s->reserve_memory);
	add_limit(o, "limit_cpu_milli", s->limit_cpu_milli);
	add_limit(o, "limit_memory", s->limit_memory);
	add_limit(o, "limit_pids", s->limit_pids);
	add_str(o, "stop_signal", s->stop_signal);
	add_int(o, "stop_grace_ms", s->stop_grace_ms);
	add_health(o, s);
	add_labels(o, s);
	add_int(o, "attempts", s->retry.attempts);
	add_int(o, "delay_ms", s->retry.delay_ms);
	yyjson_mut_obj_add_real(o->doc, o->obj, "backoff", s->retry.backoff);
	yyjson_mut_obj_add_bool(o->doc, o->obj, "elsewhere", s->retry.elsewhere);
	add_str(o, "on_error", s->on_error ? s->on_error : "cancel");
	add_int(o, "walltime_ms", s->walltime_ms > 0 ? s->walltime_ms : 0);
	if (s->warn_signal) {
		yyjson_mut_val *warn = yyjson_mut_obj_add_obj(o->doc, o->obj, "warn");

		yyjson_mut_obj_add_int(o->doc, warn, "signal", s->warn_signal);
		if (s->warn_before_ms)
			yyjson_mut_obj_add_int(o->doc, warn, "before_ms", s->warn_before_ms);
	}
	if (s->max_running)
		add_int(o, "max_running", s->max_running);
	add_licences(o, s);
	add_counters(o, s);
	if (s->gang)
		yyjson_mut_obj_add_bool(o->doc, o->obj, "gang", true);
	if (s->exclusive)
		yyjson_mut_obj_add_bool(o->doc, o->obj, "exclusive", true);
	if (s->preemptible)
		yyjson_mut_obj_add_bool(o->doc, o->obj, "preemptible", true);
	add_str(o, "topology", s->topology);
	add_str(o, "fencing", s->fencing);
	add_str(o, "select", s->select);
	add_str(o, "bind", s->bind);
	if (s->probe.n) {
		struct out probe = {o->doc, yyjson_mut_obj_add_obj(o->doc, o->obj, "probe")};

		yyjson_mut_obj_add_val(o->doc, probe.obj, "command", list_of(o->doc, s->probe.v));
		add_int(&probe, "timeout_ms", s->probe_timeout_ms);
		add_int(&probe, "max_age_ms", s->probe_age_ms);
	}
	add_rules(o, s);
	add_stages(o, "stage_in", s->stage_in, s->n_stage_in);
	add_stages(o, "stage_out", s->stage_out, s->n_stage_out);
}

static void add_services(const struct loader *l, struct out *root)
{
	yyjson_mut_val *list = yyjson_mut_arr(root->doc);

	for (size_t i = 0; i < l->job->n_services; i++) {
		const struct job_service *s = &l->job->services[i];

		if (s->active) {
			struct out o = {root->doc, yyjson_mut_arr_add_obj(root->doc, list)};

			add_place(&o, s);
			add_container(l, &o, s);
			add_schedule(&o, s);
		}
	}
	yyjson_mut_obj_add_val(root->doc, root->obj, "services", list);
}

static void add_params(const struct loader *l, struct out *root)
{
	yyjson_mut_val *params = yyjson_mut_obj(root->doc);

	for (size_t i = 0; i < l->n_params; i++)
		yyjson_mut_obj_add_str(root->doc, params, l->params[i].name, l->params[i].value);
	yyjson_mut_obj_add_val(root->doc, root->obj, "params", params);
}

static void add_spaces(const struct loader *l, struct out *root)
{
	yyjson_mut_val *list = yyjson_mut_arr(root->doc);

	for (size_t i = 0; i < l->job->n_spaces; i++) {
		struct out in = {root->doc, yyjson_mut_arr_add_obj(root->doc, list)};

		add_str(&in, "name", l->job->spaces[i].name);
		add_str(&in, "path", l->job->spaces[i].path);
	}
	yyjson_mut_obj_add_val(root->doc, root->obj, "spaces", list);
}

static void add_recurrence(const struct job_schedule *s, struct out *root)
{
	struct out o = {root->doc, yyjson_mut_obj(root->doc)};

	yyjson_mut_obj_add_val(root->doc, root->obj, "schedule", o.obj);
	yyjson_mut_obj_add_val(o.doc, o.obj, "cron", list_of(o.doc, s->cron.v));
	if (s->calendars.n)
		yyjson_mut_obj_add_val(o.doc, o.obj, "calendars", list_of(o.doc, s->calendars.v));
	add_str(&o, "timezone", s->timezone);
	add_str(&o, "catch_up", s->catch_up);
	add_str(&o, "overlap", s->overlap);
	add_limit(&o, "catch_up_limit", s->catch_up_limit);
	add_limit(&o, "queue_limit", s->queue_limit);
	if (s->keep_finished >= 0)
		add_int(&o, "keep_finished", s->keep_finished);
	if (s->keep_failed >= 0)
		add_int(&o, "keep_failed", s->keep_failed);
	add_int(&o, "line", s->line);
	add_int(&o, "column", s->column);
}

char *emit_job(const struct loader *l, size_t *ret_len)
{
	json_mut_cleanup yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	struct out root = {doc, yyjson_mut_obj(doc)};

	yyjson_mut_doc_set_root(doc, root.obj);
	add_str(&root, "name", l->job->name);
	add_str(&root, "file", l->file);
	add_params(l, &root);
	add_spaces(l, &root);
	add_str(&root, "exit_with", l->job->exit_with);
	if (l->job->priority)
		add_int(&root, "priority", l->job->priority);
	if (l->job->project)
		add_str(&root, "project", l->job->project);
	if (l->job->max_running)
		add_int(&root, "max_running", l->job->max_running);
	if (l->job->start_at_ms)
		add_int(&root, "start_at_ms", l->job->start_at_ms);
	if (l->job->deadline_ms)
		add_int(&root, "deadline_ms", l->job->deadline_ms);
	if (l->job->schedule.set)
		add_recurrence(&l->job->schedule, &root);
	add_services(l, &root);
	return json_text(doc, false, ret_len);
}
