/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/docker_private.h"
#include "face/docker/volume_group.h"

#include <string.h>

static void add_pairs(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, char *const *pairs)
{
	yyjson_mut_val *to = yyjson_mut_obj_add_obj(d, o, key);

	for (; pairs && *pairs; pairs++) {
		size_t n = strcspn(*pairs, "=");

		yyjson_mut_obj_add(to, yyjson_mut_strncpy(d, *pairs, n),
				   yyjson_mut_strcpy(d, (*pairs)[n] ? *pairs + n + 1 : ""));
	}
}

void volume_group_json(yyjson_mut_doc *d, yyjson_mut_val *o, const struct volume *v)
{
	char time[DOCKER_TIME_MAX];

	yyjson_mut_obj_add_strcpy(d, o, "CreatedAt", docker_time(v->created_ms, time));
	yyjson_mut_obj_add_str(d, o, "Driver", "local");
	add_pairs(d, o, "Labels", v->labels);
	yyjson_mut_obj_add_strcpy(d, o, "Mountpoint", v->path);
	yyjson_mut_obj_add_strcpy(d, o, "Name", v->name);
	add_pairs(d, o, "Options", v->options);
	yyjson_mut_obj_add_str(d, o, "Scope", "local");
}

/* "a" or "a=b" of the label filter. */
static bool has_label(const struct volume *v, const char *wanted)
{
	size_t n = strcspn(wanted, "=");

	for (char *const *l = v->labels; l && *l; l++) {
		if (!strncmp(*l, wanted, n) && (*l)[n] == '=' && (!wanted[n] || !strcmp(*l + n, wanted + n)))
			return true;
	}
	return false;
}

bool volume_group_has_labels(const struct volume *v, const struct docker_filters *f, const char *key)
{
	const char *wanted;

	for (size_t i = 0; (wanted = docker_filter(f, key, i)); i++) {
		if (!has_label(v, wanted))
			return false;
	}
	return true;
}

static bool one_is_part(const struct docker_filters *f, const char *key, const char *text)
{
	const char *wanted = docker_filter(f, key, 0);
	bool found = !wanted;

	for (size_t i = 0; (wanted = docker_filter(f, key, i)) && !found; i++)
		found = strstr(text, wanted) != NULL;
	return found;
}

static bool one_is(const struct docker_filters *f, const char *key, const char *text)
{
	const char *wanted = docker_filter(f, key, 0);
	bool found = !wanted;

	for (size_t i = 0; (wanted = docker_filter(f, key, i)) && !found; i++)
		found = !strcmp(text, wanted);
	return found;
}

int volume_group_bool(const struct docker_filters *f, const char *key, int otherwise, struct err *err)
{
	static const char *const yes[] = {"1", "true", "True", "TRUE", "t", "T"};
	static const char *const no[] = {"0", "false", "False", "FALSE", "f", "F"};
	const char *text = docker_filter(f, key, 0);

	for (size_t i = 0; text && i < sizeof yes / sizeof *yes; i++) {
		if (!strcmp(text, yes[i]) || !strcmp(text, no[i]))
			return !strcmp(text, yes[i]);
	}
	return text ? err_set(err, EINVAL, "invalid filter '%s=[%.100s]'", key, text) : otherwise;
}

/* dangling: 1 = only those that nobody names, 0 = only others, -1 = all. */
static bool wanted(const struct volume *v, const struct docker_filters *f, int dangling)
{
	if (dangling >= 0 && (v->n_users == 0) != (dangling > 0))
		return false;
	return one_is_part(f, "name", v->name) && one_is(f, "driver", "local") &&
	       volume_group_has_labels(v, f, "label");
}

static int list(const struct docker_call *c, const struct docker_filters *f, yyjson_mut_doc *d, struct err *err)
{
	static const char *const keys[] = {"name", "label", "driver", "dangling", NULL};
	struct volume **volumes = NULL;
	yyjson_mut_val *root = yyjson_mut_obj(d), *to;
	int dangling, r = docker_filters_check(f, keys, err);

	yyjson_mut_doc_set_root(d, root);
	to = yyjson_mut_obj_add_arr(d, root, "Volumes");
	yyjson_mut_obj_add_null(d, root, "Warnings");
	if (r < 0)
		return r;
	dangling = docker_filter(f, "dangling", 0) ? volume_group_bool(f, "dangling", 0, err) : -1;
	if (dangling < -1 || (r = engine_volumes(c->d->engine, &volumes, err)) < 0)
		return r < 0 ? r : dangling;
	for (struct volume **v = volumes; *v; v++) {
		if (wanted(*v, f, dangling))
			volume_group_json(d, yyjson_mut_arr_add_obj(d, to), *v);
	}
	volumes_free(volumes);
	return 0;
}

void docker_volumes(const struct docker_call *c)
{
	cleanup_with(docker_filters_free) struct docker_filters f = {.doc = NULL};
	yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	struct err err = ERR_INIT;

	if (docker_filters_parse(http_req_query(c->r, "filters"), &f, &err) < 0 || list(c, &f, d, &err) < 0) {
		yyjson_mut_doc_free(d);
		docker_fail(c->r, &err);
		return;
	}
	docker_reply(c->r, 200, d);
}

void volume_group_reply(const struct docker_call *c, int status, const struct volume *v)
{
	yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);

	yyjson_mut_doc_set_root(d, yyjson_mut_obj(d));
	volume_group_json(d, yyjson_mut_doc_get_root(d), v);
	docker_reply(c->r, status, d);
}

void docker_volume_inspect(const struct docker_call *c)
{
	cleanup_with(volume_freep) struct volume *v = NULL;
	struct err err = ERR_INIT;

	if (engine_volume_find(c->d->engine, c->arg, &v, &err) < 0)
		docker_fail(c->r, &err);
	else
		volume_group_reply(c, 200, v);
}
