/* SPDX-License-Identifier: Apache-2.0 */
#include "face/buildkit/solve_options.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/build/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define UPLOAD "http://buildkit-session/"

void solve_options_free(struct solve_options *s)
{
	char **lists[] = {s->tags,   s->args,	 s->labels,	s->contexts, s->hosts,
			  s->stages, s->ulimits, s->cache_from, s->cache_to};

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		mem_strv_free(lists[i]);
	free(s->context);
}

static void add_split(char ***list, const char *text)
{
	mem_cleanup char *copy = mem_strdup(text);
	char *at = copy, *part;

	while ((part = strsep(&at, ","))) {
		if (*part)
			mem_strv_add(list, part);
	}
}

static void add_pair(char ***list, const char *name, const char *value)
{
	mem_cleanup char *pair = mem_printf("%s=%s", name, value);

	mem_strv_add(list, pair);
}

/* ---- words of the frontend ---- */

static int set_no_cache(struct solve_options *s, const char *value, struct err *err)
{
	(void)err;
	if (!*value)
		s->o.no_cache = true;
	add_split(&s->stages, value);
	return 0;
}

static int set_hosts(struct solve_options *s, const char *value, struct err *err)
{
	(void)err;
	add_split(&s->hosts, value);
	return 0;
}

static int set_resolve(struct solve_options *s, const char *value, struct err *err)
{
	(void)err;
	s->o.pull = !strcmp(value, "pull");
	return 0;
}

static int set_network(struct solve_options *s, const char *value, struct err *err)
{
	static const struct {
		const char *word;
		enum build_network network;
	} known[] = {{"", BUILD_NETWORK_DEFAULT},
		     {"default", BUILD_NETWORK_DEFAULT},
		     {"none", BUILD_NETWORK_NONE},
		     {"host", BUILD_NETWORK_HOST}};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		s->o.network = known[i].network;
		if (!strcmp(known[i].word, value))
			return 0;
	}
	return err_set(err, EINVAL, "force-network-mode: \"%s\" is none of default, none and host", value);
}

static int set_platform(struct solve_options *s, const char *value, struct err *err)
{
	if (strchr(value, ','))
		return err_set(err, ENOTSUP, "platform: \"%s\": a build is for one platform", value);
	s->o.platform = *value ? value : NULL;
	return 0;
}

static int set_shm(struct solve_options *s, const char *value, struct err *err)
{
	char *end;

	errno = 0;
	s->o.limits.shm_size = strtoull(value, &end, 10);
	return *value && !*end && !errno && *value != '-'
		   ? 0
		   : err_set(err, EINVAL, "shm-size: \"%s\" is no number of bytes", value);
}

static int set_ulimits(struct solve_options *s, const char *value, struct err *err)
{
	(void)err;
	add_split(&s->ulimits, value);
	return 0;
}

static int set_request(struct solve_options *s, const char *value, struct err *err)
{
	s->check = !strcmp(value, "frontend.lint");
	return s->check ? 0 : err_set(err, ENOTSUP, "the request %s is not served; frontend.lint is", value);
}

static int set_context(struct solve_options *s, const char *value, struct err *err)
{
	(void)err;
	free(s->context);
	s->context = mem_strdup(value);
	return 0;
}

static int set_file(struct solve_options *s, const char *value, struct err *err)
{
	(void)err;
	s->o.dockerfile = *value ? value : NULL;
	return 0;
}

static int set_target(struct solve_options *s, const char *value, struct err *err)
{
	(void)err;
	s->o.target = *value ? value : NULL;
	return 0;
}

static int set_file_dir(struct solve_options *s, const char *value, struct err *err)
{
	(void)err;
	s->o.dockerfile_dir = value;
	return 0;
}

static const struct word {
	const char *name;
	int (*set)(struct solve_options *s, const char *value, struct err *err);
} words[] = {{"add-hosts", set_hosts},
	     {"context", set_context},
	     {"dockerfilekey", set_file_dir},
	     {"filename", set_file},
	     {"force-network-mode", set_network},
	     {"image-resolve-mode", set_resolve},
	     {"no-cache", set_no_cache},
	     {"platform", set_platform},
	     {"requestid", set_request},
	     {"shm-size", set_shm},
	     {"target", set_target},
	     {"ulimit", set_ulimits}};

/* "input:KEY" is the result of another build. */
static int add_context(struct solve_options *s, const char *name, const char *value, struct err *err)
{
	const char *image = !strncmp(value, "input:", 6) ? yyjson_get_str(yyjson_obj_get(s->inputs, value + 6)) : value;

	if (!image)
		return err_set(err, EINVAL, "the build context \"%s\" is an input that did not come", name);
	if (!strncmp(image, "oci-layout:", 11))
		return err_set(err, ENOTSUP,
			       "the build context \"%s\" is an OCI layout of the client: that is not served", name);
	add_pair(&s->contexts, name, image);
	return 0;
}

static int read_attr(struct solve_options *s, const char *key, const char *value, struct err *err)
{
	if (!strncmp(key, "build-arg:", 10))
		add_pair(&s->args, key + 10, value);
	else if (!strncmp(key, "label:", 6))
		add_pair(&s->labels, key + 6, value);
	else if (!strncmp(key, "context:", 8))
		return add_context(s, key + 8, value, err);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (!strcmp(words[i].name, key))
			return words[i].set(s, value, err);
	}
	return 0;
}

/* ---- outputs and caches ---- */

static int read_exporter(struct solve_options *s, yyjson_val *exporter, struct err *err)
{
	static const struct {
		const char *type;
		enum solve_export export;
	} known[] = {{"moby", SOLVE_IMAGE}, {"image", SOLVE_IMAGE}, {"local", SOLVE_LOCAL}, {"tar", SOLVE_TAR}};
	const char *type = yyjson_get_str(yyjson_obj_get(exporter, "type"));
	const char *name = yyjson_get_str(yyjson_obj_get(yyjson_obj_get(exporter, "attrs"), "name"));

	for (size_t i = 0; type && i < sizeof known / sizeof *known; i++) {
		if (strcmp(known[i].type, type) != 0)
			continue;
		s->export = known[i].export;
		if (name && s->export == SOLVE_IMAGE)
			add_split(&s->tags, name);
		return 0;
	}
	return err_set(err, ENOTSUP, "the output %s is not served; image, local and tar are", type ? type : "");
}

/* "type=registry,ref=NAME" of {"type": "registry", "attrs": {"ref": "NAME"}}. */
static char *cache_text(yyjson_val *entry)
{
	const char *type = yyjson_get_str(yyjson_obj_get(entry, "type"));
	char *text = mem_printf("type=%s", type ? type : "");
	yyjson_val *key, *value;
	size_t i, n;

	yyjson_obj_foreach (yyjson_obj_get(entry, "attrs"), i, n, key, value) {
		char *longer = mem_printf("%s,%s=%s", text, yyjson_get_str(key), yyjson_get_str(value));

		free(text);
		text = longer;
	}
	return text;
}

/* A directory that the client names would be one of this machine. */
static int read_caches(yyjson_val *list, char ***ret, struct err *err)
{
	yyjson_val *entry;
	size_t i, n;

	yyjson_arr_foreach (list, i, n, entry) {
		const char *type = yyjson_get_str(yyjson_obj_get(entry, "type"));
		mem_cleanup char *text = cache_text(entry);

		if (!type || (strcmp(type, "registry") != 0 && strcmp(type, "inline") != 0))
			return err_set(err, ENOTSUP, "the cache type %s is not served; registry and inline are",
				       type ? type : "");
		mem_strv_add(ret, text);
	}
	return 0;
}

/* ---- all ---- */

static void take_context(struct solve_options *s)
{
	const bool remote = s->context != NULL;

	if (s->body) {
		s->o.context = "-";
		return;
	}
	if (remote && !strncmp(s->context, UPLOAD, strlen(UPLOAD))) {
		s->upload = s->context + strlen(UPLOAD) - 1;
		s->o.context = "-";
		return;
	}
	if (!remote)
		s->context = mem_strdup(BUILD_CLIENT_LOCAL "context");
	if (!remote && !s->o.dockerfile_dir)
		s->o.dockerfile_dir = "dockerfile";
	s->o.context = s->context;
}

int solve_options_read(yyjson_val *request, struct solve_options *ret, struct err *err)
{
	yyjson_val *exporters = yyjson_obj_get(request, "exporters"), *key, *value;
	size_t i, n;
	int r = 0;

	*ret = (struct solve_options){.o = {.stdin_fd = -1},
				      .inputs = yyjson_obj_get(request, "inputs"),
				      .body = yyjson_is_true(yyjson_obj_get(request, "body"))};
	yyjson_obj_foreach (yyjson_obj_get(request, "attrs"), i, n, key, value) {
		if (r == 0)
			r = read_attr(ret, yyjson_get_str(key), yyjson_get_str(value), err);
	}
	if (r == 0 && yyjson_arr_size(exporters) > 1)
		r = err_set(err, ENOTSUP, "a build has one output");
	if (r == 0 && yyjson_arr_size(exporters) == 1)
		r = read_exporter(ret, yyjson_arr_get_first(exporters), err);
	if (r == 0 && ret->o.network == BUILD_NETWORK_HOST && !yyjson_is_true(yyjson_obj_get(request, "host")))
		r = err_set(err, EPERM, "your role may not use the host's network: it would open the machine");
	if (r == 0)
		r = read_caches(yyjson_obj_get(request, "cache_from"), &ret->cache_from, err);
	if (r == 0)
		r = read_caches(yyjson_obj_get(request, "cache_to"), &ret->cache_to, err);
	if (r < 0)
		return r;
	ret->key = yyjson_get_str(yyjson_obj_get(request, "key"));
	take_context(ret);
	ret->o.tags = ret->tags;
	ret->o.build_args = ret->args;
	ret->o.labels = ret->labels;
	ret->o.contexts = ret->contexts;
	ret->o.hosts = ret->hosts;
	ret->o.no_cache_stages = ret->stages;
	ret->o.cache_from = ret->cache_from;
	ret->o.cache_to = ret->cache_to;
	ret->o.limits.ulimits = ret->ulimits;
	ret->o.check_only = ret->check;
	ret->o.no_host = !yyjson_is_true(yyjson_obj_get(request, "host"));
	ret->o.docker_caps = true;
	return 0;
}
