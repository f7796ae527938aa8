/* SPDX-License-Identifier: Apache-2.0
 *
 * The config blob of a base image: untrusted. Docker writes null for what is not set; it counts as missing.
 */
#include "node/build/build_config.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"

#include <string.h>

#define WHAT "the config of the base image"

struct reader {
	struct keep *k;
	struct err *err;
};

static int read_str(struct reader *r, yyjson_val *obj, const char *key, char **ret)
{
	const char *s = NULL;
	int e = json_opt_str(obj, key, &s, r->err);

	if (e < 0)
		return err_wrap(r->err, WHAT);
	if (s && (strlen(s) > BUILD_CONFIG_STRING_MAX || strlen(s) != yyjson_get_len(yyjson_obj_get(obj, key))))
		return err_set(r->err, EINVAL, WHAT ": %s is too long or holds a NUL character", key);
	*ret = s && *s ? keep_str(r->k, s) : NULL;
	return 0;
}

/* A list of strings; NULL when it is missing. */
static int read_list(struct reader *r, yyjson_val *obj, const char *key, char ***ret)
{
	yyjson_val *arr = yyjson_obj_get(obj, key), *v;
	struct keep_list list = {0};
	size_t i, max;

	*ret = NULL;
	if (!arr || yyjson_is_null(arr))
		return 0;
	if (!yyjson_is_arr(arr) || yyjson_arr_size(arr) > BUILD_CONFIG_LIST_MAX)
		return err_set(r->err, EINVAL, WHAT ": %s: a list of at most %u strings is needed", key,
			       BUILD_CONFIG_LIST_MAX);
	yyjson_arr_foreach (arr, i, max, v) {
		if (!yyjson_is_str(v) || yyjson_get_len(v) > BUILD_CONFIG_STRING_MAX ||
		    strlen(yyjson_get_str(v)) != yyjson_get_len(v))
			return err_set(r->err, EINVAL,
				       WHAT ": %s: entry %zu is no string, too long, or holds a NUL character", key, i);
		keep_list_add(r->k, &list, keep_str(r->k, yyjson_get_str(v)));
	}
	*ret = keep_list_end(r->k, &list);
	return 0;
}

static int read_env(struct reader *r, yyjson_val *obj, struct build_config *c)
{
	int e = read_list(r, obj, "Env", &c->env);

	for (char **v = c->env; e == 0 && v && *v; v++)
		if (!strchr(*v, '=') || **v == '=')
			e = err_set(r->err, EINVAL, WHAT ": Env: \"%.100s\" is not NAME=VALUE", *v);
	return e;
}

/* A map of strings (labels), or of anything (sets: ports and volumes). */
static int read_pairs(struct reader *r, yyjson_val *obj, const char *key, bool values, struct build_pair **ret,
		      size_t *ret_n)
{
	yyjson_val *map = yyjson_obj_get(obj, key), *name, *value;
	size_t i, max;

	if (!map || yyjson_is_null(map))
		return 0;
	if (!yyjson_is_obj(map) || yyjson_obj_size(map) > BUILD_CONFIG_LIST_MAX)
		return err_set(r->err, EINVAL, WHAT ": %s: an object of at most %u entries is needed", key,
			       BUILD_CONFIG_LIST_MAX);
	yyjson_obj_foreach (map, i, max, name, value) {
		if (strlen(yyjson_get_str(name)) != yyjson_get_len(name) ||
		    yyjson_get_len(name) > BUILD_CONFIG_STRING_MAX)
			return err_set(r->err, EINVAL, WHAT ": %s: a name is too long or holds a NUL character", key);
		if (values && (!yyjson_is_str(value) || strlen(yyjson_get_str(value)) != yyjson_get_len(value) ||
			       yyjson_get_len(value) > BUILD_CONFIG_STRING_MAX))
			return err_set(r->err, EINVAL,
				       WHAT ": %s: \"%.100s\" is no string, too long, or holds a NUL character", key,
				       yyjson_get_str(name));
		build_config_set_pair(r->k, ret, ret_n, yyjson_get_str(name), values ? yyjson_get_str(value) : NULL);
	}
	return 0;
}

static int read_health(struct reader *r, yyjson_val *config, struct build_config *c)
{
	yyjson_val *obj = yyjson_obj_get(config, "Healthcheck");
	struct build_health h = {.test = NULL};
	int64_t retries = 0;
	int e;

	if (!yyjson_is_obj(obj))
		return 0;
	e = read_list(r, obj, "Test", &h.test);
	if (e == 0)
		e = json_opt_int(obj, "Interval", 0, INT64_MAX, &h.interval, r->err);
	if (e == 0)
		e = json_opt_int(obj, "Timeout", 0, INT64_MAX, &h.timeout, r->err);
	if (e == 0)
		e = json_opt_int(obj, "StartPeriod", 0, INT64_MAX, &h.start_period, r->err);
	if (e == 0)
		e = json_opt_int(obj, "StartInterval", 0, INT64_MAX, &h.start_interval, r->err);
	if (e == 0)
		e = json_opt_int(obj, "Retries", 0, INT32_MAX, &retries, r->err);
	if (e < 0)
		return e;
	h.retries = (int)retries;
	c->health = keep_new(r->k, struct build_health);
	*c->health = h;
	return 0;
}

static int read_strings(struct reader *r, yyjson_val *config, struct build_config *c)
{
	const struct {
		const char *key;
		char **to;
	} rows[] = {{"User", &c->user},
		    {"WorkingDir", &c->working_dir},
		    {"StopSignal", &c->stop_signal},
		    {"Hostname", &c->hostname},
		    {"Domainname", &c->domainname}};
	const struct {
		const char *key;
		char ***to;
	} lists[] = {{"Entrypoint", &c->entrypoint}, {"Cmd", &c->cmd}, {"Shell", &c->shell}, {"OnBuild", &c->on_build}};
	int e = 0;

	for (size_t i = 0; e == 0 && i < sizeof(rows) / sizeof(*rows); i++)
		e = read_str(r, config, rows[i].key, rows[i].to);
	for (size_t i = 0; e == 0 && i < sizeof(lists) / sizeof(*lists); i++)
		e = read_list(r, config, lists[i].key, lists[i].to);
	return e;
}

static int read_config(struct reader *r, yyjson_val *root, struct build_config *c)
{
	yyjson_val *config = yyjson_obj_get(root, "config");
	int e;

	if (!config || yyjson_is_null(config))
		return 0;
	if (!yyjson_is_obj(config))
		return err_set(r->err, EINVAL, WHAT ": config: an object is needed");
	e = read_strings(r, config, c);
	if (e == 0)
		e = read_env(r, config, c);
	if (e == 0)
		e = read_pairs(r, config, "Labels", true, &c->labels, &c->n_labels);
	if (e == 0)
		e = read_pairs(r, config, "ExposedPorts", false, &c->ports, &c->n_ports);
	if (e == 0)
		e = read_pairs(r, config, "Volumes", false, &c->volumes, &c->n_volumes);
	if (e == 0)
		e = read_health(r, config, c);
	if (e == 0)
		e = json_opt_int(config, "StopTimeout", 0, INT32_MAX, &c->stop_timeout, r->err);
	if (e == 0)
		e = json_opt_bool(config, "ArgsEscaped", &c->args_escaped, r->err);
	return e;
}

static int read_history_entry(struct reader *r, yyjson_val *v, struct build_config *c)
{
	struct build_history h = {.stage = -1, .step = -1};
	char *created_by = NULL, *author = NULL, *comment = NULL;
	int e;

	if (!yyjson_is_obj(v))
		return err_set(r->err, EINVAL, WHAT ": history: an entry is no object");
	e = read_str(r, v, "created", &h.created);
	if (e == 0)
		e = read_str(r, v, "created_by", &created_by);
	if (e == 0)
		e = read_str(r, v, "author", &author);
	if (e == 0)
		e = read_str(r, v, "comment", &comment);
	if (e == 0)
		e = json_opt_bool(v, "empty_layer", &h.empty_layer, r->err);
	h.created_by = created_by;
	h.author = author;
	h.comment = comment;
	if (e == 0)
		build_config_add_history(r->k, c, &h);
	return e;
}

static int read_history(struct reader *r, yyjson_val *root, struct build_config *c)
{
	yyjson_val *list = yyjson_obj_get(root, "history"), *v;
	size_t i, max;
	int e = 0;

	if (!list || yyjson_is_null(list))
		return 0;
	if (!yyjson_is_arr(list) || yyjson_arr_size(list) > BUILD_CONFIG_LIST_MAX)
		return err_set(r->err, EINVAL, WHAT ": history: a list of at most %u entries is needed",
			       BUILD_CONFIG_LIST_MAX);
	yyjson_arr_foreach (list, i, max, v) {
		e = read_history_entry(r, v, c);
		if (e < 0)
			return e;
	}
	return 0;
}

static int read_root(struct reader *r, yyjson_val *root, struct build_config *c)
{
	const struct {
		const char *key;
		char **to;
	} rows[] = {{"architecture", &c->architecture}, {"os", &c->os},		{"variant", &c->variant},
		    {"os.version", &c->os_version},	{"author", &c->author}, {"created", &c->created}};
	yyjson_val *rootfs = yyjson_obj_get(root, "rootfs");
	int e = 0;

	for (size_t i = 0; e == 0 && i < sizeof(rows) / sizeof(*rows); i++)
		e = read_str(r, root, rows[i].key, rows[i].to);
	if (e == 0)
		e = read_list(r, root, "os.features", &c->os_features);
	if (e == 0)
		e = read_config(r, root, c);
	if (e == 0 && yyjson_is_obj(rootfs))
		e = read_list(r, rootfs, "diff_ids", &c->diff_ids);
	if (e == 0)
		e = read_history(r, root, c);
	return e;
}

int build_config_read(struct keep *k, const char *text, size_t n, struct build_config **ret, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = json_parse(text, n, BUILD_CONFIG_BYTES_MAX, WHAT, err);
	struct build_config *c = keep_new(k, struct build_config);
	struct reader r = {.k = k, .err = err};
	int e;

	if (!doc)
		return err && err->code ? -err->code : -EINVAL;
	c->stop_timeout = -1;
	if (!yyjson_is_obj(yyjson_doc_get_root(doc)))
		return err_set(err, EINVAL, WHAT ": an object is needed");
	e = read_root(&r, yyjson_doc_get_root(doc), c);
	if (e == 0)
		*ret = c;
	return e;
}
