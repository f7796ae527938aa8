/* SPDX-License-Identifier: Apache-2.0 */
#include "face/project/ensure.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/command.h"
#include "face/cli/show.h"
#include "face/project/build_words.h"
#include "face/project/project.h"
#include "face/project/spec.h"
#include "face/project/view.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NEEDED_MAX 16

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

/* The images that a build takes files of. A service may not need itself, by however many others. */
static int needed(struct project *p, char *const *services, const struct ensure_images *how, struct err *err)
{
	struct ensure_images next = *how;

	if (++next.depth > NEEDED_MAX)
		return err_set(err, ELOOP,
			       "service %s: build.additional_contexts: a circle of services, or more than %d in a row",
			       *services, NEEDED_MAX);
	return ensure_images(p, services, &next, err);
}

int ensure_build(struct project *p, const char *service, const struct ensure_images *how, struct err *err)
{
	yyjson_val *s = project_service(p, service);
	mem_cleanup char *image = spec_image(p, s, service), *subject = mem_printf("Image %s", image);
	cleanup_with(build_words_free) struct build_words words = BUILD_WORDS_INIT;
	char **before cleanup_with(mem_strv_freep) = build_words_services(yyjson_obj_get(s, "build"));
	int r = before ? needed(p, before, how, err) : 0;

	if (r == 0)
		r = build_words(p, service, image, how, &words, err);
	if (r < 0)
		return r;
	view_line(p->view, subject, "Building", VIEW_BUSY);
	view_settle(p->view);
	r = ensure_run(p, words.words, err);
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
