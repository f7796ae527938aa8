/* SPDX-License-Identifier: Apache-2.0 */
#include "face/docker/container_filter.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/network.h"
#include "face/docker/shape.h"
#include "node/image/image.h"

#include <regex.h>
#include <stdio.h>
#include <string.h>

#define PATTERN_MAX 256
#define SPECIAL "^$.*+?()[]|{\\"

/* A regular expression somewhere in the text. Repetitions by number and back references, which can take for ever, are taken as they stand. */
struct container_pattern {
	const char *text; /* of the query */
	bool compiled;
	regex_t re;
};

static void read_patterns(struct container_patterns *p, const struct docker_filters *f, const char *key)
{
	const char *text;
	size_t cap = 0;

	for (; (text = docker_filter(f, key, p->n)); p->n++) {
		mem_grow(&p->v, &cap, p->n);
		p->v[p->n] = (struct container_pattern){.text = text};
		if (strlen(text) <= PATTERN_MAX && strpbrk(text, SPECIAL) && !strpbrk(text, "{\\"))
			p->v[p->n].compiled = regcomp(&p->v[p->n].re, text, REG_EXTENDED | REG_NOSUB) == 0;
	}
}

static void free_patterns(struct container_patterns *p)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->v[i].compiled)
			regfree(&p->v[i].re);
	}
	free(p->v);
	*p = (struct container_patterns){.n = 0};
}

/* True if the filter is not there, or one of its values is a pattern of the text. */
static bool patterns_fit(const struct container_patterns *p, const char *text)
{
	for (size_t i = 0; i < p->n; i++) {
		if (strstr(text, p->v[i].text) || (p->v[i].compiled && regexec(&p->v[i].re, text, 0, NULL, 0) == 0))
			return true;
	}
	return p->n == 0;
}

/* The same for a text that must be one of the values itself. */
static bool one_of(const struct docker_filters *f, const char *key, const char *text)
{
	const char *value;
	size_t i = 0;

	for (; (value = docker_filter(f, key, i)); i++) {
		if (!strcmp(value, text))
			return true;
	}
	return i == 0;
}

/* ---- reading ---- */

static int check_words(const struct docker_filters *f, const char *key, const char *const *known, struct err *err)
{
	const char *value;

	for (size_t i = 0; (value = docker_filter(f, key, i)); i++) {
		size_t k = 0;

		while (known[k] && strcmp(known[k], value) != 0)
			k++;
		if (!known[k])
			return err_set(err, EINVAL, "invalid filter '%s=%.100s'", key, value);
	}
	return 0;
}

static int check_codes(const struct docker_filters *f, struct err *err)
{
	const char *value;

	for (size_t i = 0; (value = docker_filter(f, "exited", i)); i++) {
		const char *digits = value + (*value == '-' || *value == '+');

		if (!*digits || strspn(digits, "0123456789") != strlen(digits))
			return err_set(err, EINVAL, "invalid filter 'exited=%.100s': a number is needed", value);
	}
	return 0;
}

/* "80", "80/tcp", "8000-8010/udp" */
static int check_ports(const struct docker_filters *f, const char *key, struct err *err)
{
	const char *value;

	for (size_t i = 0; (value = docker_filter(f, key, i)); i++) {
		size_t n = strcspn(value, "/");

		if (n == 0 || strspn(value, "0123456789-") < n)
			return err_set(err, EINVAL, "invalid filter '%s=%.100s': ports are needed", key, value);
	}
	return 0;
}

static int find_one(const struct docker_call *c, const char *name, int64_t *ret_ms, char id[static 65], struct err *err)
{
	const struct engine_container *found;

	if (!name || !*name)
		return 0;
	if (engine_find(c->d->engine, name + (*name == '/'), &found, NULL) < 0)
		return err_set(err, ENOENT, "No such container: %.300s", name);
	*ret_ms = found->created_ms;
	snprintf(id, 65, "%s", found->id);
	return 0;
}

static const char *first_of(const struct docker_filters *f, const char *key, const char *otherwise)
{
	const char *value = docker_filter(f, key, 0);

	return value ? value : otherwise;
}

static void read_images(struct container_wanted *w, const struct docker_call *c)
{
	const char *value;

	for (size_t i = 0; (value = docker_filter(&w->filters, "ancestor", i)); i++) {
		cleanup_with(image_info_freep) struct image_info *info = NULL;

		if (image_find(c->d->images, docker_local_name(value), &info, NULL) == 0)
			mem_strv_add(&w->images, info->id);
	}
}

int container_wanted_read(struct container_wanted *w, const struct docker_call *c, struct err *err)
{
	static const char *const keys[] = {"ancestor",	"before",  "expose", "exited", "health",  "id",
					   "isolation", "is-task", "label",  "name",   "network", "publish",
					   "since",	"status",  "volume", NULL};
	static const char *const states[] = {"created", "restarting", "running", "removing",
					     "paused",	"exited",     "dead",	 NULL};
	static const char *const healths[] = {"none", "starting", "healthy", "unhealthy", NULL};
	int r = docker_filters_parse(http_req_query(c->r, "filters"), &w->filters, err);

	if (r == 0)
		r = docker_filters_check(&w->filters, keys, err);
	if (r == 0)
		r = check_words(&w->filters, "status", states, err);
	if (r == 0)
		r = check_words(&w->filters, "health", healths, err);
	if (r == 0)
		r = check_codes(&w->filters, err);
	if (r == 0)
		r = check_ports(&w->filters, "publish", err);
	if (r == 0)
		r = check_ports(&w->filters, "expose", err);
	if (r == 0)
		r = find_one(c, first_of(&w->filters, "before", http_req_query(c->r, "before")), &w->before_ms,
			     w->before, err);
	if (r == 0)
		r = find_one(c, first_of(&w->filters, "since", http_req_query(c->r, "since")), &w->since_ms, w->since,
			     err);
	if (r < 0)
		return r;
	w->all |= docker_filter(&w->filters, "status", 0) != NULL;
	read_patterns(&w->ids, &w->filters, "id");
	read_patterns(&w->names, &w->filters, "name");
	read_images(w, c);
	return 0;
}

void container_wanted_free(struct container_wanted *w)
{
	free_patterns(&w->ids);
	free_patterns(&w->names);
	docker_filters_free(&w->filters);
	mem_strv_free(w->images);
	w->images = NULL;
}

/* ---- deciding ---- */

static bool exit_code_fits(const struct docker_filters *f, const struct engine_container *c)
{
	char text[16];

	if (!docker_filter(f, "exited", 0))
		return true;
	snprintf(text, sizeof text, "%d", container_exit_code(c));
	return !container_runs(c) && c->run > 0 && one_of(f, "exited", text);
}

static bool labels_fit(const struct docker_filters *f, const struct engine_container *c)
{
	const char *value;

	for (size_t i = 0; (value = docker_filter(f, "label", i)); i++) {
		if (!container_label_fits(c, value))
			return false;
	}
	return true;
}

/* With the slash that Docker writes before it, and without. */
static bool name_fits(const struct container_patterns *p, const char *name)
{
	mem_cleanup char *slashed = mem_printf("/%s", name);

	return patterns_fit(p, slashed) || patterns_fit(p, name);
}

static bool time_fits(const struct container_wanted *w, const struct engine_container *c)
{
	if (*w->before && (c->created_ms > w->before_ms || !strcmp(c->id, w->before)))
		return false;
	return !*w->since || (c->created_ms >= w->since_ms && strcmp(c->id, w->since) != 0);
}

bool container_wanted(const struct container_wanted *w, const struct engine_container *c)
{
	const struct docker_filters *f = &w->filters;
	const char *task = docker_filter(f, "is-task", 0);

	if (!w->all && !container_runs(c))
		return false;
	if (task && (!strcmp(task, "true") || !strcmp(task, "1")))
		return false;
	return time_fits(w, c) && patterns_fit(&w->ids, c->id) && name_fits(&w->names, c->name) && labels_fit(f, c) &&
	       one_of(f, "status", container_state(c)) && one_of(f, "health", container_health(c)) &&
	       exit_code_fits(f, c);
}

static bool image_fits(const struct container_wanted *w, const struct engine_container *c,
		       const struct container_doc *doc)
{
	if (!docker_filter(&w->filters, "ancestor", 0))
		return true;
	for (char **id = w->images; id && *id; id++) {
		if (!strcmp(*id, doc->image))
			return true;
	}
	return one_of(&w->filters, "ancestor", c->image);
}

static bool volume_fits(const struct docker_filters *f, const struct container_doc *doc)
{
	size_t i, n;
	yyjson_val *v;

	if (!docker_filter(f, "volume", 0))
		return true;
	yyjson_arr_foreach (yyjson_obj_get(doc->spec, "mounts"), i, n, v) {
		if (one_of(f, "volume", shape_text(v, "source")) || one_of(f, "volume", shape_text(v, "target")))
			return true;
	}
	return false;
}

static bool network_fits(const struct container_wanted *w, struct docker *d, const struct engine_container *c,
			 const struct container_doc *doc)
{
	json_mut_cleanup yyjson_mut_doc *out = NULL;
	yyjson_mut_obj_iter it;
	yyjson_mut_val *key;

	if (!docker_filter(&w->filters, "network", 0))
		return true;
	out = yyjson_mut_doc_new(NULL);
	it = yyjson_mut_obj_iter_with(network_settings_networks(d, out, c->id, doc->spec));
	while ((key = yyjson_mut_obj_iter_next(&it))) {
		const char *id = yyjson_mut_get_str(yyjson_mut_obj_get(yyjson_mut_obj_iter_get_val(key), "NetworkID"));

		if (one_of(&w->filters, "network", yyjson_mut_get_str(key)) ||
		    (id && one_of(&w->filters, "network", id)))
			return true;
	}
	return false;
}

/* "80", "80/udp", "8000-8010/tcp" and the port of a container "80/tcp" */
static bool port_fits(const char *wanted, const char *port)
{
	unsigned first, last, n = (unsigned)strtoul(port, NULL, 10);
	const char *protocol = strchr(wanted, '/'), *own = strchr(port, '/');

	if (strcmp(protocol ? protocol : "/tcp", own ? own : "/tcp") != 0)
		return false;
	if (sscanf(wanted, "%5u-%5u", &first, &last) == 2)
		return n >= first && n <= last;
	return sscanf(wanted, "%5u", &first) == 1 && n == first;
}

static bool ports_fit(const struct docker_filters *f, const char *key, yyjson_val *ports)
{
	const char *wanted;
	size_t k = 0, i, n;
	yyjson_val *port, *v;

	for (; (wanted = docker_filter(f, key, k)); k++) {
		yyjson_obj_foreach (ports, i, n, port, v) {
			if (port_fits(wanted, yyjson_get_str(port)))
				return true;
		}
	}
	return k == 0;
}

/* "publish" is about the machine's ports: {"80/tcp": [{"HostPort": "8080"}]}. */
static bool published_fit(const struct docker_filters *f, yyjson_val *bindings)
{
	size_t i, j, n, m;
	yyjson_val *port, *list, *one;

	if (!docker_filter(f, "publish", 0))
		return true;
	yyjson_obj_foreach (bindings, i, n, port, list) {
		yyjson_arr_foreach (list, j, m, one) {
			const char *host = yyjson_get_str(yyjson_obj_get(one, "HostPort"));
			const char *protocol = strchr(yyjson_get_str(port), '/');
			mem_cleanup char *text = mem_printf("%s%s", host ? host : "", protocol ? protocol : "");

			for (size_t k = 0; host && docker_filter(f, "publish", k); k++) {
				if (port_fits(docker_filter(f, "publish", k), text))
					return true;
			}
		}
	}
	return false;
}

bool container_wanted_doc(const struct container_wanted *w, struct docker *d, const struct engine_container *c,
			  const struct container_doc *doc)
{
	return image_fits(w, c, doc) && volume_fits(&w->filters, doc) && network_fits(w, d, c, doc) &&
	       ports_fit(&w->filters, "expose", yyjson_obj_get(doc->config, "ExposedPorts")) &&
	       published_fit(&w->filters, yyjson_obj_get(doc->host, "PortBindings"));
}
