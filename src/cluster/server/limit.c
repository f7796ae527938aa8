/* SPDX-License-Identifier: Apache-2.0 */
/* What people set of limits, and what they see of them. The scheduler has them in its state; here are the wishes and the words. */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/core/owner.h"
#include "base/wire/json.h"
#include "cluster/server/server_private.h"

#include <string.h>

/* ---- jobs that are being written down ---- */

static char *owner_key(const struct sched_job_spec *spec, size_t k)
{
	const char *name = k ? spec->project : spec->tenant;

	return name ? mem_printf("%s:%s", k ? "project" : "user", name) : NULL;
}

void limit_submitting(struct server *s, const struct sched_job_spec *spec, int change)
{
	for (size_t k = 0; k < 2; k++) {
		mem_cleanup char *key = owner_key(spec, k);
		uintptr_t n = key ? (uintptr_t)map_get(&s->submitting, key) + (uintptr_t)change : 0;

		if (key)
			map_remove(&s->submitting, key);
		if (n)
			map_put(&s->submitting, key, (void *)n);
	}
}

int limit_admit(struct server *s, const struct jobspec *j, struct err *err)
{
	uint32_t on_the_way[2] = {0, 0};

	for (size_t k = 0; k < 2; k++) {
		mem_cleanup char *key = owner_key(&j->sched, k);

		if (key)
			on_the_way[k] = (uint32_t)(uintptr_t)map_get(&s->submitting, key);
	}
	return sched_admit(s->sched, &j->sched, on_the_way, err);
}

/* ---- quotas ---- */

static bool find_quota(struct server *s, const char *owner, struct sched_quota_view *ret)
{
	for (size_t i = 0; sched_quota_at(s->sched, i, ret) == 0; i++) {
		if (!strcmp(ret->name, owner))
			return true;
	}
	return false;
}

static int check_owner(const char *owner, struct err *err)
{
	const char *name = !strncmp(owner, "user:", 5) ? owner + 5 : !strncmp(owner, "project:", 8) ? owner + 8 : "";
	size_t n = strlen(name);

	if (n == 0 || n >= SCHED_ID_MAX || (*owner == 'u' && strcmp(name, "*") != 0 && !owner_ok(name)))
		return err_set(err, EINVAL,
			       "\"%.80s\" has no quotas: user:NUMBER, user:cert:NAME, user:token, user:* (users "
			       "without one of their own) or "
			       "project:NAME",
			       owner);
	return 0;
}

static int read_caps(yyjson_val *caps, uint64_t ret[static SCHED_QUOTA_N], struct err *err)
{
	yyjson_val *key, *value;
	size_t i, n;

	if (!yyjson_is_obj(caps) || yyjson_obj_size(caps) == 0)
		return err_set(err, EINVAL, "a quota has at least one of cpu_milli, memory, tasks, jobs, gpus");
	yyjson_obj_foreach (caps, i, n, key, value) {
		unsigned k = 0;

		while (k < SCHED_QUOTA_N && !yyjson_equals_str(key, event_quota_key((enum sched_quota)k)))
			k++;
		if (k == SCHED_QUOTA_N)
			return err_set(err, EINVAL, "%.80s: a quota has cpu_milli, memory, tasks, jobs and gpus",
				       yyjson_get_str(key));
		if (!yyjson_is_null(value) && (!yyjson_is_uint(value) || yyjson_get_uint(value) > INT64_MAX))
			return err_set(err, EINVAL, "%s: a whole number is needed, or null for no limit",
				       yyjson_get_str(key));
		ret[k] = yyjson_is_null(value) ? SCHED_NO_LIMIT : yyjson_get_uint(value);
	}
	return 0;
}

void server_quota_set(struct server *s, const char *owner, yyjson_val *caps, server_done_fn done, void *ctx)
{
	struct ingest in = {.event = {.type = SCHED_EV_QUOTA, .quota = owner}, .done = done, .ctx = ctx};
	struct sched_quota_view old;
	struct err err = ERR_INIT;
	bool set = find_quota(s, owner, &old) && old.set;

	for (size_t k = 0; k < SCHED_QUOTA_N; k++)
		in.event.caps[k] = set ? old.caps[k] : SCHED_NO_LIMIT;
	if (check_owner(owner, &err) < 0 || read_caps(caps, in.event.caps, &err) < 0)
		done(ctx, "", &err);
	else
		ingest(s, &in);
}

void server_quota_remove(struct server *s, const char *owner, server_done_fn done, void *ctx)
{
	struct ingest in = {.event = {.type = SCHED_EV_QUOTA, .quota = owner}, .done = done, .ctx = ctx};
	struct sched_quota_view old;
	struct err err = ERR_INIT;

	for (size_t k = 0; k < SCHED_QUOTA_N; k++)
		in.event.caps[k] = SCHED_NO_LIMIT;
	if (find_quota(s, owner, &old) && old.set) {
		ingest(s, &in);
		return;
	}
	err_set(&err, ENOENT, "%.80s has no quota (berth quota ls)", owner);
	done(ctx, "", &err);
}

static void add_amounts(yyjson_mut_doc *d, yyjson_mut_val *o, const uint64_t *amounts)
{
	for (unsigned k = 0; k < SCHED_QUOTA_N; k++) {
		const char *key = event_quota_key((enum sched_quota)k);

		if (amounts[k] == SCHED_NO_LIMIT)
			yyjson_mut_obj_add_null(d, o, key);
		else
			yyjson_mut_obj_add_uint(d, o, key, amounts[k]);
	}
}

char *server_quotas_json(struct server *s)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *list = yyjson_mut_arr(d);
	struct sched_quota_view v;

	yyjson_mut_doc_set_root(d, list);
	for (size_t i = 0; sched_quota_at(s->sched, i, &v) == 0; i++) {
		yyjson_mut_val *o = yyjson_mut_arr_add_obj(d, list);

		yyjson_mut_obj_add_strcpy(d, o, "owner", v.name);
		yyjson_mut_obj_add_bool(d, o, "own", v.set);
		add_amounts(d, yyjson_mut_obj_add_obj(d, o, "caps"), v.caps);
		add_amounts(d, yyjson_mut_obj_add_obj(d, o, "used"), v.used);
	}
	return json_text(d, false, NULL);
}

/* ---- licences ---- */

static int check_licence(const char *name, struct err *err)
{
	size_t n = strlen(name);

	if (n == 0 || n >= SCHED_ID_MAX ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") != n)
		return err_set(err, EINVAL, "\"%.80s\" is no name of a licence (letters, digits, _ . -, at most %d)",
			       name, SCHED_ID_MAX - 1);
	return 0;
}

static bool find_licence(struct server *s, const char *name, struct sched_licence_view *ret, size_t *ret_n)
{
	bool found = false;

	for (*ret_n = 0; !found && sched_licence_at(s->sched, *ret_n, ret) == 0; ++*ret_n)
		found = !strcmp(ret->name, name);
	return found;
}

void server_licence_set(struct server *s, const char *name, int64_t total, server_done_fn done, void *ctx)
{
	struct ingest in = {
	    .event = {.type = SCHED_EV_LICENCE, .licence = name, .total = (uint64_t)total}, .done = done, .ctx = ctx};
	struct sched_licence_view v;
	struct err err = ERR_INIT;
	size_t n;
	int r = check_licence(name, &err);

	if (r == 0 && !find_licence(s, name, &v, &n) && n >= SCHED_LICENCES_MAX)
		r = err_set(&err, E2BIG, "there are %d licences already", SCHED_LICENCES_MAX);
	if (r < 0)
		done(ctx, "", &err);
	else
		ingest(s, &in);
}

void server_licence_remove(struct server *s, const char *name, server_done_fn done, void *ctx)
{
	struct ingest in = {
	    .event = {.type = SCHED_EV_LICENCE, .licence = name, .total = SCHED_NO_LIMIT}, .done = done, .ctx = ctx};
	struct sched_licence_view v;
	struct err err = ERR_INIT;
	size_t n;

	if (find_licence(s, name, &v, &n) && v.known) {
		ingest(s, &in);
		return;
	}
	err_set(&err, ENOENT, "there is no licence \"%.80s\" (berth licence ls)", name);
	done(ctx, "", &err);
}

char *server_licences_json(struct server *s)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *list = yyjson_mut_arr(d);
	struct sched_licence_view v;

	yyjson_mut_doc_set_root(d, list);
	for (size_t i = 0; sched_licence_at(s->sched, i, &v) == 0; i++) {
		yyjson_mut_val *o;

		if (!v.known && !v.used)
			continue;
		o = yyjson_mut_arr_add_obj(d, list);
		yyjson_mut_obj_add_strcpy(d, o, "name", v.name);
		yyjson_mut_obj_add_uint(d, o, "total", v.total);
		yyjson_mut_obj_add_uint(d, o, "used", v.used);
	}
	return json_text(d, false, NULL);
}
