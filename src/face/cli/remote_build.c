/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/remote_build.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/http_client.h"
#include "face/cli/client.h"
#include "face/cli/packed.h"
#include "face/cli/context_tar.h"
#include "face/cli/lines.h"
#include "face/cli/registry_header.h"
#include "node/build/build.h"
#include "node/build/context.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TAR_TYPE "application/x-tar"

/* ---- what is asked for ---- */

static int check(const struct build_options *o, struct err *err)
{
	const struct {
		const char *name;
		bool given;
	} unknown[] = {{"--build-context", o->contexts != NULL}, {"--no-cache-filter", o->no_cache_stages != NULL},
		       {"--secret", o->secrets != NULL},	 {"--ssh", o->ssh != NULL},
		       {"--output", o->outputs != NULL},	 {"--cache-to", o->cache_to != NULL},
		       {"--check-rules", o->check != NULL},	 {"--check", o->check_only}};

	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
		if (unknown[i].given)
			return err_set(err, EINVAL,
				       "%s: the daemon does this build (it is on another machine, or --network names a "
				       "network), and its API has nothing for that",
				       unknown[i].name);
	}
	return 0;
}

/* {"NAME": "VALUE"} of "NAME=VALUE". */
static void add_map(struct buf *target, const char *param, char *const *list)
{
	yyjson_mut_doc *doc json_mut_cleanup = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	mem_cleanup char *text = NULL;

	if (!list)
		return;
	yyjson_mut_doc_set_root(doc, root);
	for (; *list; list++) {
		size_t n = strcspn(*list, "=");

		yyjson_mut_obj_add(root, yyjson_mut_strncpy(doc, *list, n),
				   yyjson_mut_strcpy(doc, (*list)[n] ? *list + n + 1 : ""));
	}
	text = json_text(doc, false, NULL);
	client_query(target, param, text);
}

static void add_each(struct buf *target, const char *param, char *const *list)
{
	for (; list && *list; list++)
		client_query(target, param, *list);
}

static void add_json_list(struct buf *target, const char *param, char *const *list)
{
	yyjson_mut_doc *doc json_mut_cleanup = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_arr(doc);
	mem_cleanup char *text = NULL;

	if (!list)
		return;
	yyjson_mut_doc_set_root(doc, root);
	for (; *list; list++)
		yyjson_mut_arr_add_str(doc, root, *list);
	text = json_text(doc, false, NULL);
	client_query(target, param, text);
}

static void add_text(struct buf *target, const char *param, const char *text)
{
	if (text && *text)
		client_query(target, param, text);
}

static void fill_target(struct buf *t, const struct build_options *o, const char *network, bool is_dir)
{
	buf_adds(t, CLIENT_DOCKER "/build?rm=1");
	add_each(t, "t", o->tags);
	add_each(t, "extrahosts", o->hosts);
	add_map(t, "buildargs", o->build_args);
	add_map(t, "labels", o->labels);
	add_json_list(t, "cachefrom", o->cache_from);
	add_text(t, "target", o->target);
	add_text(t, "platform", o->platform);
	add_text(t, "networkmode", network);
	add_text(t, "nocache", o->no_cache ? "1" : NULL);
	add_text(t, "pull", o->pull ? "1" : NULL);
	add_text(t, "dockerfile", is_dir ? CONTEXT_TAR_FILE : o->dockerfile);
	if (!is_dir && strcmp(o->context, "-") != 0)
		add_text(t, "remote", o->context);
}

/* ---- what comes back ---- */

struct answer {
	struct build_result *result;
	const char *dockerfile; /* what the user calls it, or NULL */
	bool quiet;
	struct err failed;
};

static void fail(struct answer *a, const char *text)
{
	const size_t n = strlen(CONTEXT_TAR_FILE);

	if (a->dockerfile && !strncmp(text, CONTEXT_TAR_FILE, n))
		err_set(&a->failed, EIO, "%s%s", a->dockerfile, text + n);
	else
		err_set(&a->failed, EIO, "%s", text);
}

static int on_line(void *ctx, const char *line, size_t n, struct err *err)
{
	struct answer *a = ctx;
	yyjson_doc *doc json_doc_cleanup = json_parse(line, n, LINES_MAX, "what the daemon tells of the build", err);
	yyjson_val *root = doc ? yyjson_doc_get_root(doc) : NULL;
	const char *text = yyjson_get_str(yyjson_obj_get(root, "stream"));
	const char *id = yyjson_get_str(yyjson_obj_get(yyjson_obj_get(root, "aux"), "ID"));
	const char *error = yyjson_get_str(yyjson_obj_get(root, "error"));

	if (!doc)
		return -EPROTO;
	if (text && !a->quiet)
		fputs(text, stderr);
	if (id) {
		free(a->result->id);
		a->result->id = mem_strdup(id);
	}
	if (error)
		fail(a, error);
	return 0;
}

static int hear(struct http_client *c, struct answer *a, struct err *err)
{
	cleanup_with(lines_free) struct lines lines = LINES_INIT;
	char piece[16384];
	ssize_t n = 0;
	int r = 0;

	while (r == 0 && (n = http_client_read(c, piece, sizeof piece, -1, err)) > 0)
		r = lines_feed(&lines, piece, (size_t)n, on_line, a, err);
	if (r < 0 || n < 0)
		return r < 0 ? r : (int)n;
	if (a->failed.code) {
		if (err)
			*err = a->failed;
		return -a->failed.code;
	}
	return a->result->id ? 0 : err_set(err, EPROTO, "the daemon did not tell what it has built");
}

static int ask(struct cli *cli, const struct buf *target, int body, struct answer *a, struct err *err)
{
	struct http_client *c = NULL;
	mem_cleanup char *logins = NULL;
	int r = client_http(cli, &c, err), status;

	if (r == 0)
		r = registry_header_all(&logins, err);
	if (r < 0)
		return r;
	http_client_headers(c, logins);
	status = http_client_request(c, "POST", buf_str((struct buf *)target), TAR_TYPE, NULL, 0, body, err);
	http_client_headers(c, NULL);
	r = status < 0 ? status : client_check(c, status, err);
	return r < 0 ? r : hear(c, a, err);
}

/* ---- the context ---- */

static int write_context(void *what, int fd, struct err *err)
{
	return context_tar_write(what, fd, err);
}

struct request {
	struct cli *cli;
	const struct buf *target;
	struct answer *answer;
};

static int send_request(void *ctx, int fd, struct err *err)
{
	const struct request *q = ctx;

	return ask(q->cli, q->target, fd, q->answer, err);
}

static int build_dir(struct cli *cli, const struct build_options *o, const struct buf *target, struct answer *a,
		     struct err *err)
{
	const struct context_from from = {.path = o->context, .dockerfile = o->dockerfile, .stdin_fd = o->stdin_fd};
	struct request q = {.cli = cli, .target = target, .answer = a};
	struct context context = CONTEXT_NULL;
	const struct packed how = {.write = write_context, .what = &context, .send = send_request, .ctx = &q};
	int r = context_open(&from, NULL, &context, err);

	a->dockerfile = context.name;
	if (r == 0)
		r = packed_send(&how, err);
	context_close(&context);
	return r;
}

int remote_build(struct cli *cli, const struct build_options *o, const char *network, bool quiet,
		 struct build_result *ret, struct err *err)
{
	struct answer a = {.result = ret, .quiet = quiet, .failed = ERR_INIT};
	struct buf target buf_cleanup = BUF_INIT;
	struct stat st;
	bool is_dir = strcmp(o->context, "-") != 0 && stat(o->context, &st) == 0 && S_ISDIR(st.st_mode);
	int r = check(o, err);

	if (r < 0)
		return r;
	fill_target(&target, o, network, is_dir);
	if (is_dir)
		r = build_dir(cli, o, &target, &a, err);
	else
		r = ask(cli, &target, !strcmp(o->context, "-") ? o->stdin_fd : -1, &a, err);
	return r;
}
