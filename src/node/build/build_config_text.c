/* SPDX-License-Identifier: Apache-2.0
 *
 * The config document: members in a fixed order, maps sorted by name, nothing that is not set.
 */
#include "node/build/build_config.h"

#include "base/core/mem.h"
#include "base/wire/json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct writer {
	yyjson_mut_doc *doc;
	const char *created;
	bool clamp;
};

static void add_str(struct writer *w, yyjson_mut_val *obj, const char *key, const char *value)
{
	if (value && *value)
		yyjson_mut_obj_add_strcpy(w->doc, obj, key, value);
}

/* NULL: not set; an empty list is written. */
static void add_list(struct writer *w, yyjson_mut_val *obj, const char *key, char *const *v)
{
	yyjson_mut_val *arr;

	if (!v)
		return;
	arr = yyjson_mut_obj_add_arr(w->doc, obj, key);
	for (; *v; v++)
		yyjson_mut_arr_add_strcpy(w->doc, arr, *v);
}

static void add_pairs(struct writer *w, yyjson_mut_val *obj, const char *key, const struct build_pair *pairs, size_t n)
{
	yyjson_mut_val *map;

	if (!n)
		return;
	map = yyjson_mut_obj_add_obj(w->doc, obj, key);
	for (size_t i = 0; i < n; i++) {
		yyjson_mut_val *name = yyjson_mut_strcpy(w->doc, pairs[i].name);

		yyjson_mut_obj_add(map, name,
				   pairs[i].value ? yyjson_mut_strcpy(w->doc, pairs[i].value) : yyjson_mut_obj(w->doc));
	}
}

static void add_number(struct writer *w, yyjson_mut_val *obj, const char *key, int64_t value)
{
	if (value > 0)
		yyjson_mut_obj_add_int(w->doc, obj, key, value);
}

static void add_health(struct writer *w, yyjson_mut_val *config, const struct build_health *h)
{
	yyjson_mut_val *obj;

	if (!h)
		return;
	obj = yyjson_mut_obj_add_obj(w->doc, config, "Healthcheck");
	add_list(w, obj, "Test", h->test);
	add_number(w, obj, "Interval", h->interval);
	add_number(w, obj, "Timeout", h->timeout);
	add_number(w, obj, "StartPeriod", h->start_period);
	add_number(w, obj, "StartInterval", h->start_interval);
	add_number(w, obj, "Retries", h->retries);
}

static void add_config(struct writer *w, yyjson_mut_val *root, const struct build_config *c)
{
	yyjson_mut_val *config = yyjson_mut_obj_add_obj(w->doc, root, "config");

	add_str(w, config, "Hostname", c->hostname);
	add_str(w, config, "Domainname", c->domainname);
	add_str(w, config, "User", c->user);
	add_pairs(w, config, "ExposedPorts", c->ports, c->n_ports);
	add_list(w, config, "Env", c->env);
	add_list(w, config, "Entrypoint", c->entrypoint);
	add_list(w, config, "Cmd", c->cmd);
	add_health(w, config, c->health);
	if (c->args_escaped)
		yyjson_mut_obj_add_bool(w->doc, config, "ArgsEscaped", true);
	add_pairs(w, config, "Volumes", c->volumes, c->n_volumes);
	add_str(w, config, "WorkingDir", c->working_dir);
	if (c->on_build && c->on_build[0])
		add_list(w, config, "OnBuild", c->on_build);
	add_pairs(w, config, "Labels", c->labels, c->n_labels);
	add_str(w, config, "StopSignal", c->stop_signal);
	if (c->stop_timeout >= 0)
		yyjson_mut_obj_add_int(w->doc, config, "StopTimeout", c->stop_timeout);
	add_list(w, config, "Shell", c->shell);
}

/* RFC 3339 in UTC sorts as text up to the seconds; fractions and zones of a base image are cut or left to its own clock. */
static const char *entry_time(const struct writer *w, const struct build_history *h)
{
	if (!h->created)
		return h->stage >= 0 ? w->created : NULL;
	return w->clamp && w->created && strncmp(h->created, w->created, 19) > 0 ? w->created : h->created;
}

static void add_history(struct writer *w, yyjson_mut_val *root, const struct build_config *c)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(w->doc, root, "history");

	for (size_t i = 0; i < c->n_history; i++) {
		const struct build_history *h = &c->history[i];
		yyjson_mut_val *v = yyjson_mut_arr_add_obj(w->doc, list);

		add_str(w, v, "created", entry_time(w, h));
		add_str(w, v, "created_by", h->created_by);
		add_str(w, v, "author", h->author);
		add_str(w, v, "comment", h->comment);
		if (h->empty_layer)
			yyjson_mut_obj_add_bool(w->doc, v, "empty_layer", true);
	}
}

char *build_config_text(const struct build_config *c, char *const *diff_ids, const char *created, bool clamp,
			size_t *ret_len)
{
	static char *const none[] = {NULL};
	json_mut_cleanup yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	struct writer w = {.doc = doc, .created = created, .clamp = clamp};
	yyjson_mut_val *root = yyjson_mut_obj(doc), *rootfs;

	yyjson_mut_doc_set_root(doc, root);
	if (!diff_ids)
		diff_ids = c->diff_ids ? c->diff_ids : none;
	add_str(&w, root, "created", created);
	add_str(&w, root, "author", c->author);
	yyjson_mut_obj_add_strcpy(doc, root, "architecture", c->architecture ? c->architecture : "");
	yyjson_mut_obj_add_strcpy(doc, root, "os", c->os ? c->os : "");
	add_str(&w, root, "variant", c->variant);
	add_str(&w, root, "os.version", c->os_version);
	add_list(&w, root, "os.features", c->os_features);
	add_config(&w, root, c);
	rootfs = yyjson_mut_obj_add_obj(doc, root, "rootfs");
	yyjson_mut_obj_add_str(doc, rootfs, "type", "layers");
	add_list(&w, rootfs, "diff_ids", diff_ids);
	add_history(&w, root, c);
	return json_text(doc, false, ret_len);
}

char *build_config_time(int64_t seconds)
{
	time_t t = (time_t)seconds;
	struct tm tm;
	char text[64];

	if (!gmtime_r(&t, &tm) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return mem_strdup("1970-01-01T00:00:00Z");
	return mem_strdup(text);
}
