/* SPDX-License-Identifier: Apache-2.0 */
#include "face/project/build_words.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "face/cli/show.h"
#include "face/cli/text.h"
#include "face/project/ensure.h"
#include "face/project/project.h"
#include "face/project/spec.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SERVICE "service:"

void build_words_free(struct build_words *b)
{
	for (size_t i = 0; i < b->n_fds; i++)
		fd_closep(&b->fds[i]);
	mem_strv_freep(&b->words);
	b->n_fds = 0;
}

static void add_option(struct build_words *b, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	mem_strv_add(&b->words, name);
	mem_strv_add(&b->words, value);
}

/* A list, or a map as NAME=value. */
static void add_list(struct build_words *b, const char *name, yyjson_val *v)
{
	yyjson_val *key, *val;
	size_t i, n;

	yyjson_arr_foreach (v, i, n, val) {
		add_option(b, name, yyjson_get_str(val));
	}
	yyjson_obj_foreach (v, i, n, key, val) {
		mem_cleanup char *scalar =
		    yyjson_is_str(val) ? mem_strdup(yyjson_get_str(val)) : yyjson_val_write(val, 0, NULL);
		mem_cleanup char *text = mem_printf("%s=%s", yyjson_get_str(key), scalar ? scalar : "");

		add_option(b, name, yyjson_is_null(val) ? yyjson_get_str(key) : text);
	}
}

/* ---- files ---- */

/* The name under which the child opens it. On purpose not close-on-exec. */
static int memory_file(struct build_words *b, const char *text, char **ret, struct err *err)
{
	fd_cleanup int fd = memfd_create("berth-build", 0);
	int r;

	if (b->n_fds == BUILD_WORDS_FILES_MAX)
		return err_set(err, E2BIG, "more than %d texts for one build", BUILD_WORDS_FILES_MAX);
	if (fd < 0)
		return err_sys(err, errno, "make a file in memory");
	r = fd_write_all(fd, text, strlen(text));
	if (r < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, r < 0 ? -r : errno, "write a file in memory");
	*ret = mem_printf("/dev/fd/%d", fd);
	b->fds[b->n_fds++] = fd_take(&fd);
	return 0;
}

/* The file is named relative to the context; `berth build` takes one as the shell does. */
static int dockerfile(struct build_words *b, yyjson_val *build, const char *context, struct err *err)
{
	const char *file = show_str(build, "dockerfile", ""), *text = show_str(build, "dockerfile_inline", "");
	mem_cleanup char *path = NULL;
	int r = 0;

	if (*text)
		r = memory_file(b, text, &path, err);
	else if (!*file || *file == '/' || strstr(context, "://"))
		path = mem_strdup(file);
	else
		path = mem_printf("%s/%s", context, file);
	if (r == 0)
		add_option(b, "--file", path);
	return r;
}

/* ---- secrets ---- */

static int add_secret(struct project *p, struct build_words *b, yyjson_val *v, struct err *err)
{
	const char *source = yyjson_is_str(v) ? yyjson_get_str(v) : show_str(v, "source", "");
	const char *target = yyjson_is_str(v) ? source : show_str(v, "target", source);
	yyjson_val *one = yyjson_obj_get(yyjson_obj_get(yyjson_doc_get_root(p->doc), "secrets"), source);
	const char *file = show_str(one, "file", ""), *content = show_str(one, "content", NULL);
	mem_cleanup char *path = NULL;
	mem_cleanup char *word = NULL;
	const char *slash = strrchr(target, '/');
	int r = 0;

	if (!*file && !content)
		return err_set(err, EINVAL, "build.secrets: \"%s\" has neither a file nor a text here", source);
	if (!*file)
		r = memory_file(b, content, &path, err);
	if (r < 0)
		return r;
	word = mem_printf("id=%s,src=%s", slash ? slash + 1 : target, *file ? file : path);
	add_option(b, "--secret", word);
	return 0;
}

static int secrets(struct project *p, struct build_words *b, yyjson_val *list, struct err *err)
{
	yyjson_val *v;
	size_t i, n;
	int r = 0;

	yyjson_arr_foreach (list, i, n, v) {
		if (r == 0)
			r = add_secret(p, b, v, err);
	}
	return r;
}

/* ---- contexts ---- */

static const char *service_of(yyjson_val *v)
{
	const char *text = yyjson_is_str(v) ? yyjson_get_str(v) : "";

	return strncmp(text, SERVICE, strlen(SERVICE)) == 0 ? text + strlen(SERVICE) : NULL;
}

char **build_words_services(yyjson_val *build)
{
	char **names = NULL;
	yyjson_val *key, *val;
	size_t i, n;

	yyjson_obj_foreach (yyjson_obj_get(build, "additional_contexts"), i, n, key, val) {
		if (service_of(val))
			mem_strv_add(&names, service_of(val));
	}
	return names;
}

static int add_context(struct project *p, struct build_words *b, const char *key, yyjson_val *v, struct err *err)
{
	const char *name = service_of(v), *text = yyjson_is_str(v) ? yyjson_get_str(v) : "";
	yyjson_val *other = name ? project_service(p, name) : NULL;
	mem_cleanup char *image = other ? spec_image(p, other, name) : NULL;
	mem_cleanup char *word = NULL;

	if (name && !image)
		return err_set(err, EINVAL, "build.additional_contexts.%s: there is no service \"%s\"", key, name);
	word = mem_printf("%s=%s%s", key, name ? "docker-image://" : "", name ? image : text);
	add_option(b, "--build-context", word);
	return 0;
}

static int contexts(struct project *p, struct build_words *b, yyjson_val *map, struct err *err)
{
	yyjson_val *key, *val;
	size_t i, n;
	int r = 0;

	yyjson_obj_foreach (map, i, n, key, val) {
		const char *name = yyjson_get_str(key);

		if (r == 0)
			r = add_context(p, b, name ? name : "", val, err);
	}
	return r;
}

/* ---- the rest ---- */

/* One platform is built for: the service's, or the only one of the list; of several the machine's own, as `docker compose up` does. */
static void platform(struct build_words *b, yyjson_val *service, yyjson_val *build)
{
	yyjson_val *list = yyjson_obj_get(build, "platforms");
	const char *only = yyjson_arr_size(list) == 1 ? yyjson_get_str(yyjson_arr_get_first(list)) : "";

	add_option(b, "--platform", show_str(service, "platform", only));
}

static void flags(struct build_words *b, yyjson_val *build, const struct ensure_images *how)
{
	const struct {
		const char *word;
		bool set;
	} all[] = {{"--no-cache", how->no_cache || show_bool(build, "no_cache")},
		   {"--pull", how->build_pull || show_bool(build, "pull")},
		   {"--quiet", how->quiet}};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		if (all[i].set)
			mem_strv_add(&b->words, all[i].word);
	}
}

static void lists(struct build_words *b, yyjson_val *build, const struct ensure_images *how)
{
	static const char *const names[][2] = {{"args", "--build-arg"},
					       {"labels", "--label"},
					       {"cache_from", "--cache-from"},
					       {"cache_to", "--cache-to"},
					       {"extra_hosts", "--add-host"},
					       {"no_cache_filter", "--no-cache-filter"},
					       {"ssh", "--ssh"},
					       {"tags", "--tag"}};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		add_list(b, names[i][1], yyjson_obj_get(build, names[i][0]));
	for (char **a = how->build_args; a && *a; a++)
		add_option(b, "--build-arg", *a);
	for (char **a = how->ssh; a && *a; a++)
		add_option(b, "--ssh", *a);
}

static void warn(const char *service, yyjson_val *build)
{
	static const char *const nothing[] = {"shm_size", "ulimits", "privileged", "entitlements", "isolation"};

	for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++) {
		yyjson_val *v = yyjson_obj_get(build, nothing[i]);

		if (v && !yyjson_is_false(v) && !yyjson_is_null(v))
			text_line(stderr, "berth: service %s: build.%s has no effect here", service, nothing[i]);
	}
}

int build_words(struct project *p, const char *service, const char *image, const struct ensure_images *how,
		struct build_words *ret, struct err *err)
{
	yyjson_val *s = project_service(p, service), *build = yyjson_obj_get(s, "build");
	const char *context = show_str(build, "context", ".");
	int r;

	mem_strv_add(&ret->words, "build");
	add_option(ret, "--tag", image);
	r = dockerfile(ret, build, context, err);
	if (r == 0)
		r = secrets(p, ret, yyjson_obj_get(build, "secrets"), err);
	if (r == 0)
		r = contexts(p, ret, yyjson_obj_get(build, "additional_contexts"), err);
	if (r < 0)
		return err_wrap(err, "service %s", service);
	lists(ret, build, how);
	add_option(ret, "--target", show_str(build, "target", ""));
	add_option(ret, "--network", show_str(build, "network", ""));
	platform(ret, s, build);
	flags(ret, build, how);
	warn(service, build);
	mem_strv_add(&ret->words, context);
	return 0;
}
