/* SPDX-License-Identifier: Apache-2.0 */
#include "face/docker/create_private.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/docker/shape.h"

#include <string.h>

#define NS_PER_MS 1000000
#define YEAR_S (365ll * 24 * 3600)

static const struct shape config_members[] = {
    {"Hostname", SHAPE_STR, NULL, "hostname"},
    {"Domainname", SHAPE_STR, NULL, "domainname"},
    {"User", SHAPE_STR, NULL, "user"},
    {"WorkingDir", SHAPE_STR, NULL, "working_dir"},
    {"Tty", SHAPE_BOOL, NULL, "tty"},
    {"OpenStdin", SHAPE_BOOL, NULL, "open_stdin"},
    {"StdinOnce", SHAPE_BOOL, NULL, "stdin_once"},
    {"Image", SHAPE_STR, NULL, "image"},
    {"StopSignal", SHAPE_STR, NULL, "stop_signal"},
    {"Labels", SHAPE_MAP, NULL, "labels"},
    {NULL},
};

void create_warn(struct making *m, const char *fmt, ...)
{
	mem_cleanup char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = mem_vprintf(fmt, ap);
	va_end(ap);
	mem_strv_add(&m->out->warnings, text);
}

/* A list that the spec gets in any case: an empty one keeps the image's out. */
static void pass_words(struct making *m, const char *from, const char *to)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(m->d, m->spec, to);
	size_t i, n;
	yyjson_val *v;

	yyjson_arr_foreach (yyjson_obj_get(m->config, from), i, n, v) {
		yyjson_mut_arr_append(list, yyjson_val_mut_copy(m->d, v));
	}
}

static void pass_environment(struct making *m)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(m->d, m->spec, "environment");
	size_t i, n;
	yyjson_val *v;

	yyjson_arr_foreach (yyjson_obj_get(m->config, "Env"), i, n, v) {
		if (*yyjson_get_str(v))
			yyjson_mut_arr_append(list, yyjson_val_mut_copy(m->d, v));
	}
}

static int check_config(struct making *m, struct err *err)
{
	const char *dir = shape_text(m->config, "WorkingDir");

	if (!*shape_text(m->config, "Image"))
		return err_set(err, EINVAL, "Image: the container needs an image");
	if (!shape_is_set(yyjson_obj_get(m->config, "Cmd")) && !shape_is_set(yyjson_obj_get(m->config, "Entrypoint")))
		return err_set(err, EINVAL, "no command specified");
	if (*dir && *dir != '/')
		return err_set(err, EINVAL, "the working directory '%s' is invalid, it needs to be an absolute path",
			       dir);
	return 0;
}

/* Durations are nanoseconds; less than a millisecond is refused as Docker does. */
static int pass_duration(struct making *m, yyjson_val *from, yyjson_mut_val *to, const char *name, const char *spec,
			 struct err *err)
{
	yyjson_val *v = yyjson_obj_get(from, name);
	int64_t ns;

	if (!v || yyjson_is_null(v))
		return 0;
	ns = yyjson_get_sint(v);
	if (!yyjson_is_int(v) || ns < 0 || (ns > 0 && ns < NS_PER_MS))
		return err_set(err, EINVAL, "%s in Healthcheck cannot be less than 1ms", name);
	if (ns > 0)
		yyjson_mut_obj_add_int(m->d, to, spec, ns / NS_PER_MS);
	return 0;
}

static int pass_health(struct making *m, struct err *err)
{
	static const struct {
		const char *name, *spec;
	} times[] = {{"Interval", "interval_ms"},
		     {"Timeout", "timeout_ms"},
		     {"StartPeriod", "start_period_ms"},
		     {"StartInterval", "start_interval_ms"}};
	static const struct shape test[] = {
	    {"Test", SHAPE_STRV, NULL, "test"}, {"Retries", SHAPE_INT, NULL, "retries"}, {NULL}};
	yyjson_val *health = yyjson_obj_get(m->config, "Healthcheck");
	yyjson_mut_val *to, *checked;

	if (!health || !shape_is_set(yyjson_obj_get(health, "Test")))
		return 0;
	checked = yyjson_mut_obj(m->d);
	if (shape_copy(m->d, checked, health, test, "Healthcheck", err) < 0)
		return -EINVAL;
	if (shape_number(health, "Retries") < 0)
		return err_set(err, EINVAL, "Retries in Healthcheck cannot be negative");
	to = yyjson_mut_obj_add_obj(m->d, m->spec, "healthcheck");
	shape_pass(m->d, to, health, test);
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		if (pass_duration(m, health, to, times[i].name, times[i].spec, err) < 0)
			return -EINVAL;
	}
	return 0;
}

static void pass_stop_timeout(struct making *m)
{
	yyjson_val *v = yyjson_obj_get(m->config, "StopTimeout");
	int64_t s = yyjson_get_sint(v);

	if (!v)
		return;
	if (s < 0 || s > YEAR_S)
		s = YEAR_S; /* -1: for ever */
	yyjson_mut_obj_add_int(m->d, m->spec, "stop_grace_ms", s * 1000);
}

static int translate(struct making *m, struct err *err)
{
	int r = check_config(m, err);

	if (r < 0)
		return r;
	shape_pass(m->d, m->spec, m->config, config_members);
	pass_words(m, "Entrypoint", "entrypoint");
	pass_words(m, "Cmd", "command");
	pass_environment(m);
	pass_stop_timeout(m);
	r = pass_health(m, err);
	if (r == 0)
		r = create_host(m, err);
	if (r == 0)
		r = create_mounts(m, err);
	if (r == 0)
		r = create_network(m, err);
	return r;
}

static void begin(struct making *m, struct create *ret)
{
	*ret = (struct create){.doc = yyjson_mut_doc_new(NULL)};
	m->out = ret;
	m->update = false;
	m->d = ret->doc;
	m->spec = yyjson_mut_obj(m->d);
	yyjson_mut_doc_set_root(m->d, m->spec);
}

int create_spec(yyjson_val *body, yyjson_val *image, struct create *ret, struct err *err)
{
	json_mut_cleanup yyjson_mut_doc *shaped = NULL;
	json_doc_cleanup yyjson_doc *docker = NULL;
	struct err own = ERR_INIT, *e = err ? err : &own;
	struct making m;
	yyjson_val *root;
	int r;

	*ret = (struct create){.doc = NULL};
	if (!yyjson_is_obj(body))
		return err_set(e, EINVAL, "config cannot be empty in order to create a container");
	shaped = create_shape(body, image, e);
	if (!shaped)
		return -e->code;
	docker = yyjson_mut_doc_imut_copy(shaped, NULL);
	root = yyjson_doc_get_root(docker);
	begin(&m, ret);
	m.config = yyjson_obj_get(root, "Config");
	m.host = yyjson_obj_get(root, "HostConfig");
	m.network = yyjson_obj_get(root, "NetworkingConfig");
	r = translate(&m, e);
	if (r < 0) {
		create_free(ret);
		return r;
	}
	yyjson_mut_obj_add_val(m.d, m.spec, "docker", yyjson_val_mut_copy(m.d, root));
	return 0;
}

int create_update(yyjson_val *body, struct create *ret, yyjson_mut_val **ret_shown, struct err *err)
{
	json_mut_cleanup yyjson_mut_doc *outer = yyjson_mut_doc_new(NULL), *shaped = NULL;
	json_doc_cleanup yyjson_doc *docker = NULL, *in = NULL;
	struct err own = ERR_INIT, *e = err ? err : &own;
	struct making m;
	size_t i, n;
	yyjson_val *key, *value;
	int r;

	*ret = (struct create){.doc = NULL};
	if (!yyjson_is_obj(body))
		return err_set(e, EINVAL, "the body is not an object");
	yyjson_mut_doc_set_root(outer, yyjson_mut_obj(outer));
	yyjson_mut_obj_add_val(outer, yyjson_mut_doc_get_root(outer), "HostConfig", yyjson_val_mut_copy(outer, body));
	in = yyjson_mut_doc_imut_copy(outer, NULL);
	shaped = create_shape(yyjson_doc_get_root(in), NULL, e);
	if (!shaped)
		return -e->code;
	docker = yyjson_mut_doc_imut_copy(shaped, NULL);
	begin(&m, ret);
	m.config = m.network = NULL;
	m.host = yyjson_obj_get(yyjson_doc_get_root(docker), "HostConfig");
	m.update = *shape_text(json_member(body, "RestartPolicy"), "Name") != '\0';
	r = create_resources(&m, e);
	if (r < 0) {
		create_free(ret);
		return r;
	}
	*ret_shown = yyjson_mut_obj(m.d);
	yyjson_obj_foreach (m.host, i, n, key, value) {
		if (shape_is_set(json_member(body, yyjson_get_str(key))))
			yyjson_mut_obj_add(*ret_shown, yyjson_val_mut_copy(m.d, key), yyjson_val_mut_copy(m.d, value));
	}
	return 0;
}

void create_free(struct create *c)
{
	yyjson_mut_doc_free(c->doc);
	mem_strv_free(c->warnings);
	mem_strv_free(c->cdi);
	free(c->no_device);
	*c = (struct create){.doc = NULL};
}
