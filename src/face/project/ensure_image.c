/* SPDX-License-Identifier: Apache-2.0 */
#include "face/project/ensure.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/command.h"
#include "face/cli/show.h"
#include "face/project/project.h"
#include "face/project/spec.h"
#include "face/project/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int ensure_image_id(struct project *p, const char *image, char **ret, struct err *err)
{
	mem_cleanup char *target = client_target("/images/", image, "/json");
	yyjson_doc *doc json_doc_cleanup = NULL;
	int r = client_call(p->cli, "GET", target, NULL, &doc, err);

	if (r == 0)
		*ret = mem_strdup(show_str(yyjson_doc_get_root(doc), "Id", ""));
	return r;
}

static void add_option(char ***words, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	mem_strv_add(words, name);
	mem_strv_add(words, value);
}

int ensure_run(struct project *p, char *const *words, struct err *err)
{
	char **argv cleanup_with(mem_strv_freep) = NULL;
	int status = 0;
	pid_t pid;

	mem_strv_add(&argv, "berth");
	/* That has to be the first word. */
	if (!strcmp(*words, "compose"))
		mem_strv_add(&argv, *words++);
	add_option(&argv, p->cli->context_option ? "--context" : "--socket",
		   p->cli->context_option ? p->cli->context_option : p->cli->socket_option);
	for (char *const *w = words; *w; w++)
		mem_strv_add(&argv, *w);
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return err_sys(err, errno, "start berth %s", *words);
	if (pid == 0) {
		execv("/proc/self/exe", argv);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return err_sys(err, errno, "wait for berth %s", *words);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* A list, or a map as NAME=value. */
static void add_list(char ***words, const char *name, yyjson_val *v)
{
	yyjson_val *key, *val;
	size_t i, n;

	yyjson_arr_foreach (v, i, n, val) {
		add_option(words, name, yyjson_get_str(val));
	}
	yyjson_obj_foreach (v, i, n, key, val) {
		mem_cleanup char *scalar =
		    yyjson_is_str(val) ? mem_strdup(yyjson_get_str(val)) : yyjson_val_write(val, 0, NULL);
		mem_cleanup char *text = mem_printf("%s=%s", yyjson_get_str(key), scalar ? scalar : "");

		add_option(words, name, yyjson_is_null(val) ? yyjson_get_str(key) : text);
	}
}

/* The file is named relative to the context; `berth build` takes one as the shell does. */
static char *dockerfile_path(yyjson_val *b, const char *context)
{
	const char *file = show_str(b, "dockerfile", "");

	if (!*file || *file == '/' || strstr(context, "://"))
		return mem_strdup(*file ? file : NULL);
	return mem_printf("%s/%s", context, file);
}

static void build_words(char ***words, yyjson_val *b, const struct ensure_images *how)
{
	static const char *const lists[][2] = {{"args", "--build-arg"},
					       {"labels", "--label"},
					       {"cache_from", "--cache-from"},
					       {"cache_to", "--cache-to"},
					       {"additional_contexts", "--build-context"},
					       {"extra_hosts", "--add-host"},
					       {"tags", "--tag"}};

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		add_list(words, lists[i][1], yyjson_obj_get(b, lists[i][0]));
	for (char **a = how->build_args; a && *a; a++)
		add_option(words, "--build-arg", *a);
	for (char **a = how->ssh; a && *a; a++)
		add_option(words, "--ssh", *a);
	add_option(words, "--target", show_str(b, "target", ""));
	add_option(words, "--network", show_str(b, "network", ""));
	if (how->no_cache || show_bool(b, "no_cache"))
		mem_strv_add(words, "--no-cache");
	if (how->build_pull || show_bool(b, "pull"))
		mem_strv_add(words, "--pull");
	if (how->quiet)
		mem_strv_add(words, "--quiet");
}

/* The text of dockerfile_inline comes from a file in memory: a name that the child can open. */
static int inline_file(const char *text, struct err *err)
{
	FILE *f = tmpfile();
	int fd;

	if (!f)
		return err_sys(err, errno, "make a temporary file");
	fputs(text, f);
	fflush(f);
	fd = dup(fileno(f)); /* on purpose not close-on-exec: the child reads it */
	fclose(f);
	return fd < 0 ? err_sys(err, errno, "make a temporary file") : fd;
}

int ensure_build(struct project *p, const char *service, const struct ensure_images *how, struct err *err)
{
	yyjson_val *s = project_service(p, service), *b = yyjson_obj_get(s, "build");
	const char *context = show_str(b, "context", "."), *text = show_str(b, "dockerfile_inline", "");
	mem_cleanup char *image = spec_image(p, s, service), *file = dockerfile_path(b, context), *subject = NULL;
	char **words cleanup_with(mem_strv_freep) = NULL;
	int r, fd = -1;

	if (*text) {
		fd = inline_file(text, err);
		if (fd < 0)
			return fd;
		free(file);
		file = mem_printf("/dev/fd/%d", fd);
	}
	mem_strv_add(&words, "build");
	add_option(&words, "--tag", image);
	add_option(&words, "--file", file);
	build_words(&words, b, how);
	mem_strv_add(&words, context);
	subject = mem_printf("Image %s", image);
	view_line(p->view, subject, "Building", VIEW_BUSY);
	view_settle(p->view);
	r = ensure_run(p, words, err);
	if (fd >= 0)
		close(fd);
	if (r != 0)
		return r < 0 ? r : err_set(err, EIO, "service %s: the image %s could not be built", service, image);
	view_line(p->view, subject, "Built", VIEW_DONE);
	return 0;
}

static int pull(struct project *p, const char *service, const char *image, const struct ensure_images *how,
		struct err *err)
{
	const char *platform = show_str(project_service(p, service), "platform", "");
	char **words cleanup_with(mem_strv_freep) = NULL;
	mem_cleanup char *subject = mem_printf("Image %s", image);
	int r;

	mem_strv_add(&words, "pull");
	if (how->quiet)
		mem_strv_add(&words, "--quiet");
	add_option(&words, "--platform", platform);
	mem_strv_add(&words, image);
	view_line(p->view, subject, "Pulling", VIEW_BUSY);
	view_settle(p->view);
	r = ensure_run(p, words, err);
	if (r != 0)
		return r < 0 ? r : err_set(err, EIO, "service %s: the image %s could not be pulled", service, image);
	view_line(p->view, subject, "Pulled", VIEW_DONE);
	return 0;
}

static int one_image(struct project *p, const char *service, const struct ensure_images *how, struct err *err)
{
	yyjson_val *s = project_service(p, service);
	bool builds = yyjson_is_obj(yyjson_obj_get(s, "build"));
	const char *policy = how->pull ? how->pull : show_str(s, "pull_policy", "missing");
	mem_cleanup char *image = spec_image(p, s, service), *id = NULL;
	struct err own = ERR_INIT;
	bool there = ensure_image_id(p, image, &id, &own) == 0;

	if (!there && own.code != ENOENT) {
		if (err)
			*err = own;
		return -own.code;
	}
	if (builds && !how->no_build && (how->build || !strcmp(policy, "build") || !there))
		return ensure_build(p, service, how, err);
	if ((there && strcmp(policy, "always") != 0) || builds) {
		if (!there)
			return err_set(err, ENOENT, "service %s: the image %s is not built yet", service, image);
		return 0;
	}
	if (!strcmp(policy, "never"))
		return err_set(err, ENOENT, "service %s: the image %s is not here, and pull_policy is never", service,
			       image);
	return pull(p, service, image, how, err);
}

int ensure_images(struct project *p, char *const *services, const struct ensure_images *how, struct err *err)
{
	for (; *services; services++) {
		int r = project_service(p, *services) ? one_image(p, *services, how, err) : 0;

		if (r < 0)
			return r;
	}
	return 0;
}
