/* SPDX-License-Identifier: Apache-2.0 */
#include "face/project/spec_private.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/show.h"
#include "face/cli/units.h"
#include "face/project/project.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- tools ---- */

yyjson_mut_val *spec_text(struct spec *s, const char *text)
{
	return yyjson_mut_strcpy(s->d, text);
}

int spec_bytes(struct spec *s, const char *key, yyjson_val *v, int64_t *ret)
{
	uint64_t n = 0;

	if (yyjson_is_num(v)) {
		*ret = yyjson_is_real(v) ? (int64_t)yyjson_get_real(v) : yyjson_get_sint(v);
		return 0;
	}
	if (!yyjson_is_str(v))
		return err_set(s->err, EINVAL, "service %s: %s: a size is needed", s->how->service, key);
	if (!strcmp(yyjson_get_str(v), "-1")) {
		*ret = -1;
		return 0;
	}
	if (units_size(yyjson_get_str(v), &n, s->err) < 0)
		return err_wrap(s->err, "service %s: %s", s->how->service, key);
	*ret = (int64_t)n;
	return 0;
}

int spec_ms(struct spec *s, const char *key, yyjson_val *v, uint64_t *ret)
{
	if (!yyjson_is_str(v))
		return err_set(s->err, EINVAL, "service %s: %s: a time is needed", s->how->service, key);
	if (units_time(yyjson_get_str(v), ret, s->err) < 0)
		return err_wrap(s->err, "service %s: %s", s->how->service, key);
	return 0;
}

static yyjson_mut_val *pair(struct spec *s, const char *name, yyjson_val *v)
{
	mem_cleanup char *scalar = yyjson_is_str(v) ? mem_strdup(yyjson_get_str(v)) : yyjson_val_write(v, 0, NULL);
	mem_cleanup char *text = mem_printf("%s=%s", name, scalar ? scalar : "");

	return spec_text(s, yyjson_is_null(v) ? name : text);
}

yyjson_mut_val *spec_pairs(struct spec *s, yyjson_val *v)
{
	yyjson_mut_val *list = yyjson_mut_arr(s->d);
	yyjson_val *key, *val;
	size_t i, n;

	if (yyjson_is_arr(v))
		return yyjson_val_mut_copy(s->d, v);
	yyjson_obj_foreach (v, i, n, key, val) {
		yyjson_mut_arr_append(list, pair(s, yyjson_get_str(key), val));
	}
	return list;
}

int spec_members(struct spec *s, yyjson_mut_val *to, const struct spec_member *table)
{
	for (; table->from; table++) {
		yyjson_val *v = yyjson_obj_get(s->service, table->from);
		int64_t n = 0;

		if (!v || yyjson_is_null(v))
			continue;
		if (table->kind == SPEC_COPY) {
			yyjson_mut_obj_add_val(s->d, to, table->to, yyjson_val_mut_copy(s->d, v));
			continue;
		}
		if (spec_bytes(s, table->from, v, &n) < 0)
			return -EINVAL;
		yyjson_mut_obj_add_int(s->d, to, table->to, n);
	}
	return 0;
}

char *spec_mode(struct spec *s, const char *key, const char *text)
{
	const char *id;

	if (strncmp(text, "service:", 8) != 0)
		return mem_strdup(text);
	id = s->how->id_of ? s->how->id_of(s->how->ctx, text + 8) : NULL;
	if (id)
		return mem_printf("container:%s", id);
	err_set(s->err, ENOENT, "service %s: %s: service %s has no container", s->how->service, key, text + 8);
	return NULL;
}

/* ---- names ---- */

char *spec_name(const struct project *p, yyjson_val *service, const char *name, int64_t number)
{
	const char *own = show_str(service, "container_name", "");

	return *own ? mem_strdup(own) : mem_printf("%s-%s-%" PRId64, p->name, name, number);
}

char *spec_image(const struct project *p, yyjson_val *service, const char *name)
{
	const char *image = show_str(service, "image", "");

	return *image ? mem_strdup(image) : mem_printf("%s-%s", p->name, name);
}

/* ---- Config ---- */

static const struct spec_member config_members[] = {
    {"hostname", "Hostname", SPEC_COPY},
    {"domainname", "Domainname", SPEC_COPY},
    {"user", "User", SPEC_COPY},
    {"working_dir", "WorkingDir", SPEC_COPY},
    {"tty", "Tty", SPEC_COPY},
    {"stdin_open", "OpenStdin", SPEC_COPY},
    {"stop_signal", "StopSignal", SPEC_COPY},
    {"command", "Cmd", SPEC_COPY},
    {"entrypoint", "Entrypoint", SPEC_COPY},
    {"mac_address", "MacAddress", SPEC_COPY},
    {NULL},
};

static void put(struct spec *s, yyjson_mut_val *o, const char *key, yyjson_mut_val *v)
{
	yyjson_mut_obj_put(o, yyjson_mut_strcpy(s->d, key), v);
}

static int health(struct spec *s)
{
	static const char *const times[][2] = {{"interval", "Interval"},
					       {"timeout", "Timeout"},
					       {"start_period", "StartPeriod"},
					       {"start_interval", "StartInterval"}};
	yyjson_val *h = yyjson_obj_get(s->service, "healthcheck"), *test = yyjson_obj_get(h, "test");
	yyjson_mut_val *o;

	if (!yyjson_is_obj(h))
		return 0;
	o = yyjson_mut_obj_add_obj(s->d, s->root, "Healthcheck");
	if (show_bool(h, "disable")) {
		yyjson_mut_arr_add_str(s->d, yyjson_mut_obj_add_arr(s->d, o, "Test"), "NONE");
		return 0;
	}
	if (yyjson_is_str(test)) {
		yyjson_mut_val *list = yyjson_mut_obj_add_arr(s->d, o, "Test");

		yyjson_mut_arr_add_str(s->d, list, "CMD-SHELL");
		yyjson_mut_arr_append(list, spec_text(s, yyjson_get_str(test)));
	} else if (test) {
		yyjson_mut_obj_add_val(s->d, o, "Test", yyjson_val_mut_copy(s->d, test));
	}
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		yyjson_val *v = yyjson_obj_get(h, times[i][0]);
		uint64_t ms = 0;

		if (v && !yyjson_is_null(v)) {
			if (spec_ms(s, "healthcheck", v, &ms) < 0)
				return -EINVAL;
			yyjson_mut_obj_add_int(s->d, o, times[i][1], (int64_t)ms * 1000000);
		}
	}
	if (yyjson_obj_get(h, "retries"))
		yyjson_mut_obj_add_int(s->d, o, "Retries", show_int(h, "retries", 0));
	return 0;
}

static void dep_label(void *ctx, const char *name, const char *condition, bool required, bool restart)
{
	struct buf *b = ctx;

	(void)required;
	buf_printf(b, "%s%s:%s:%s", b->len ? "," : "", name, condition, restart ? "true" : "false");
}

static void label(struct spec *s, yyjson_mut_val *labels, const char *name, const char *value)
{
	mem_cleanup char *key = mem_printf(PROJECT_LABEL "%s", name);

	put(s, labels, key, spec_text(s, value ? value : ""));
}

static void labels(struct spec *s)
{
	yyjson_mut_val *o = yyjson_mut_obj_add_obj(s->d, s->root, "Labels");
	struct buf deps buf_cleanup = BUF_INIT;
	yyjson_val *key, *val;
	char number[24];
	size_t i, n;

	yyjson_obj_foreach (yyjson_obj_get(s->service, "labels"), i, n, key, val) {
		put(s, o, yyjson_get_str(key), spec_text(s, yyjson_is_str(val) ? yyjson_get_str(val) : ""));
	}
	for (char **l = s->how->labels; l && *l; l++) {
		mem_cleanup char *name = mem_strndup(*l, strcspn(*l, "="));

		put(s, o, name, spec_text(s, strchr(*l, '=') ? strchr(*l, '=') + 1 : ""));
	}
	project_deps(s->p, NULL, s->how->service, dep_label, &deps);
	snprintf(number, sizeof number, "%" PRId64, s->how->number);
	label(s, o, "project", s->p->name);
	label(s, o, "service", s->how->service);
	label(s, o, "oneoff", s->how->oneoff ? "True" : "False");
	label(s, o, "container-number", number);
	label(s, o, "config-hash", s->how->hash);
	label(s, o, "project.config_files", s->p->files);
	label(s, o, "project.working_dir", s->p->dir);
	label(s, o, "depends_on", buf_str(&deps));
	label(s, o, "image", s->how->image_id);
	label(s, o, "version", BERTH_VERSION);
	if (s->how->before)
		label(s, o, "replace", s->how->before->id);
}

static void add_strv(struct spec *s, const char *key, char *const *v)
{
	yyjson_mut_val *list = yyjson_mut_arr(s->d);

	for (; *v; v++)
		yyjson_mut_arr_append(list, spec_text(s, *v));
	put(s, s->root, key, list);
}

/* What `run` says instead of the file. */
static int override(struct spec *s)
{
	const struct spec_how *how = s->how;
	char **words = NULL;

	if (how->command && *how->command)
		add_strv(s, "Cmd", how->command);
	if (how->entrypoint) {
		if (units_words(how->entrypoint, &words, s->err) < 0)
			return err_wrap(s->err, "--entrypoint");
		if (!words || !*words)
			mem_strv_add(&words, "");
		add_strv(s, "Entrypoint", words);
		mem_strv_free(words);
		if (!how->command || !*how->command)
			put(s, s->root, "Cmd", yyjson_mut_null(s->d));
	}
	if (how->user)
		put(s, s->root, "User", spec_text(s, how->user));
	if (how->workdir)
		put(s, s->root, "WorkingDir", spec_text(s, how->workdir));
	return 0;
}

static void environment(struct spec *s)
{
	yyjson_mut_val *list = spec_pairs(s, yyjson_obj_get(s->service, "environment"));

	/* The daemon takes the last one of a name. */
	for (char **e = s->how->env; e && *e; e++) {
		const char *value = strchr(*e, '=') ? NULL : getenv(*e);
		mem_cleanup char *text = value ? mem_printf("%s=%s", *e, value) : mem_strdup(*e);
		size_t n = strcspn(*e, "="), i, max;
		yyjson_mut_val *v;

		yyjson_mut_arr_foreach (list, i, max, v) {
			const char *old = yyjson_mut_get_str(v);

			if (!strncmp(old, *e, n) && (old[n] == '=' || !old[n])) {
				yyjson_mut_arr_remove(list, i);
				break;
			}
		}
		yyjson_mut_arr_append(list, spec_text(s, text));
	}
	put(s, s->root, "Env", list);
}

static int config(struct spec *s)
{
	mem_cleanup char *image = spec_image(s->p, s->service, s->how->service);
	yyjson_val *grace = yyjson_obj_get(s->service, "stop_grace_period");
	uint64_t ms = 0;

	if (spec_members(s, s->root, config_members) < 0)
		return -EINVAL;
	if (s->how->oneoff) {
		put(s, s->root, "Tty", yyjson_mut_bool(s->d, !s->how->no_tty));
		put(s, s->root, "OpenStdin", yyjson_mut_true(s->d));
	}
	if (yyjson_is_true(yyjson_obj_get(s->service, "stdin_open")) || s->how->oneoff)
		put(s, s->root, "StdinOnce", yyjson_mut_bool(s->d, s->how->oneoff));
	yyjson_mut_obj_add_val(s->d, s->root, "Image", spec_text(s, image));
	environment(s);
	labels(s);
	if (yyjson_is_str(grace)) {
		if (spec_ms(s, "stop_grace_period", grace, &ms) < 0)
			return -EINVAL;
		yyjson_mut_obj_add_int(s->d, s->root, "StopTimeout", (int64_t)((ms + 999) / 1000));
	}
	return health(s) < 0 ? -EINVAL : override(s);
}

/* What a service asks for and does not get is an error, not a surprise. */
static int refused(struct spec *s)
{
	static const char *const keys[][2] = {
	    {"use_api_socket", "no container is given the daemon's socket; mount it as a volume where that is wanted"},
	    {"provider", "programs that stand in for a service are not run here"},
	    {"models", "models are not run here"},
	    {"credential_spec", "this is for Windows"}};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		yyjson_val *v = yyjson_obj_get(s->service, keys[i][0]);

		if (v && !yyjson_is_false(v) && !yyjson_is_null(v))
			return err_set(s->err, EINVAL, "service %s: %s: %s", s->how->service, keys[i][0], keys[i][1]);
	}
	return 0;
}

char *spec_body(const struct project *p, yyjson_val *service, const struct spec_how *how, struct err *err)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	struct err own = ERR_INIT;
	struct spec s = {.p = p, .how = how, .service = service, .d = d, .err = err ? err : &own};

	s.root = yyjson_mut_obj(d);
	yyjson_mut_doc_set_root(d, s.root);
	s.host = yyjson_mut_obj(d);
	s.endpoints = yyjson_mut_obj(d);
	if (refused(&s) < 0 || config(&s) < 0 || spec_host(&s) < 0 || spec_mounts(&s) < 0 || spec_networks(&s) < 0)
		return NULL;
	yyjson_mut_obj_add_val(d, s.root, "HostConfig", s.host);
	yyjson_mut_obj_add_val(d, yyjson_mut_obj_add_obj(d, s.root, "NetworkingConfig"), "EndpointsConfig",
			       s.endpoints);
	return json_text(d, false, NULL);
}
