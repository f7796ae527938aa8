/* SPDX-License-Identifier: Apache-2.0
 *
 * Work of workers that is not a container: importing an image, listing files, counting what everything takes.
 */
#include "node/engine/container.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/data/data.h"
#include "node/image/image.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define IMAGE_NAME_MAX 512	    /* the grammar allows less */
#define LIST_REPLY_MAX (256u << 20) /* of what grows with what is there */

/* Starts a worker whose answer goes to fn, with what malloc() gave as ctx; a failure frees that. */
static int ask_worker(struct engine *e, enum launcher_type type, const char *const *args, reply_fn fn, void *ctx,
		      struct err *err)
{
	struct reply *reply;
	int fd, r = reply_new(e, LIST_REPLY_MAX, fn, ctx, &fd, &reply, err);

	if (r == 0) {
		r = launcher_send(e->launcher, type, args, &fd, 1, err);
		if (r < 0)
			reply_free(reply);
		else
			reply_own(reply);
	}
	if (r < 0)
		free(ctx);
	return r;
}

/* ---- import ---- */

struct engine_import {
	struct engine_import *next, **at;
	struct engine *e;
	struct reply *reply;
	char *ref, tmp_name[64];
	struct image_import_options options;
	engine_import_fn done; /* NULL = aborted */
	void *ctx;
};

static void options_free(struct image_import_options *o)
{
	mem_strv_free(o->cmd);
	mem_strv_free(o->entrypoint);
	mem_strv_free(o->env);
	free(o->working_dir);
	free(o->user);
}

static void import_free(struct engine_import *i)
{
	*i->at = i->next;
	if (i->next)
		i->next->at = i->at;
	options_free(&i->options);
	free(i->ref);
	free(i);
}

void import_close_all(struct engine *e)
{
	/* What they have unpacked is collected at the next start. */
	for (struct engine_import *i = e->imports, *next; i; i = next) {
		next = i->next;
		import_free(i);
	}
}

static int read_options(yyjson_val *v, struct image_import_options *o, struct err *err)
{
	static const char *const known[] = {"cmd", "entrypoint", "env", "working_dir", "user"};
	const char *dir = NULL, *user = NULL;
	yyjson_val *key, *val;
	size_t i, n;
	int r;

	if (!v || yyjson_is_null(v))
		return 0;
	if (!yyjson_is_obj(v))
		return err_set(err, EINVAL, "config: an object is needed, not %s", yyjson_get_type_desc(v));
	yyjson_obj_foreach (v, i, n, key, val) {
		size_t k = 0;

		while (k < sizeof known / sizeof *known && strcmp(known[k], yyjson_get_str(key)) != 0)
			k++;
		if (k == sizeof known / sizeof *known)
			return err_set(err, EINVAL, "config: unknown member \"%s\"", yyjson_get_str(key));
	}
	r = json_opt_strv(v, "cmd", &o->cmd, err);
	if (r == 0)
		r = json_opt_strv(v, "entrypoint", &o->entrypoint, err);
	if (r == 0)
		r = json_opt_strv(v, "env", &o->env, err);
	if (r == 0)
		r = json_opt_str(v, "working_dir", &dir, err);
	if (r == 0)
		r = json_opt_str(v, "user", &user, err);
	o->working_dir = mem_strdup(dir);
	o->user = mem_strdup(user);
	return r < 0 ? err_wrap(err, "config") : 0;
}

static int commit(struct engine_import *i, yyjson_val *answer, struct image_info **ret, struct err *err)
{
	struct image_unpacked u = {.tar_size = 0};
	int64_t size = 0, files = 0, special = 0, xattrs = 0, owners = 0;
	const char *diff = "";

	if (json_get_str(answer, "diff_id", &diff, err) < 0 ||
	    json_get_int(answer, "tar_size", 0, INT64_MAX, &size, err) < 0 ||
	    json_get_int(answer, "n_files", 0, INT64_MAX, &files, err) < 0 ||
	    json_opt_int(answer, "special", 0, INT64_MAX, &special, err) < 0 ||
	    json_opt_int(answer, "xattrs", 0, INT64_MAX, &xattrs, err) < 0 ||
	    json_opt_int(answer, "owners", 0, INT64_MAX, &owners, err) < 0)
		return err_wrap(err, "the unpacker's answer");
	snprintf(u.diff_id, sizeof u.diff_id, "%s", diff);
	u.tar_size = (uint64_t)size;
	u.n_files = (uint64_t)files;
	u.n_special_skipped = (uint64_t)special;
	u.n_xattrs_dropped = (uint64_t)xattrs;
	u.n_owners_lost = (uint64_t)owners;
	if (owners > 0)
		log_warning("image \"%s\": %" PRId64 " of its files belong to users that the user namespace has not, "
			    "and to user 0 now",
			    i->ref ? i->ref : "", owners);
	return image_import_commit(i->e->images, i->tmp_name, i->ref, &u, &i->options, ret, err);
}

static void discard(struct engine_import *i)
{
	char path[128];

	snprintf(path, sizeof path, "images/tmp/%s", i->tmp_name);
	engine_remove_tree(i->e, path);
	image_import_abort(i->e->images, i->tmp_name);
}

static void on_unpacked(void *ctx, yyjson_val *answer, const struct err *why)
{
	struct engine_import *i = ctx;
	struct image_info *info = NULL;
	struct err err = why ? *why : (struct err)ERR_INIT;

	if (answer && i->done && commit(i, answer, &info, &err) < 0)
		info = NULL;
	if (!info)
		discard(i);
	else
		event_add(i->e, ENGINE_EV_IMAGE, NULL, *info->name ? info->name : info->id);
	if (i->done)
		i->done(i->ctx, info, info ? NULL : &err);
	image_info_free(info);
	import_free(i);
}

/* Sends the worker off; gives the end of the pipe that takes the tar. */
static int start_import(struct engine_import *i, int *ret_fd, struct err *err)
{
	int fds[3] = {-1, -1, -1}, tar[2];
	int r = image_import_begin(i->e->images, &fds[2], i->tmp_name, err);

	if (r < 0)
		return r;
	if (pipe2(tar, O_CLOEXEC) < 0) {
		r = err_sys(err, errno, "make a pipe for the archive");
		close(fds[2]);
		return r;
	}
	fds[1] = tar[0];
	r = fd_nonblock(tar[1]);
	if (r == 0)
		r = reply_new(i->e, 4096, on_unpacked, i, &fds[0], &i->reply, err);
	if (r < 0) {
		close(tar[0]);
		close(tar[1]);
		close(fds[2]);
		return r;
	}
	r = launcher_send(i->e->launcher, LAUNCHER_IMPORT, NULL, fds, 3, err);
	if (r < 0) {
		reply_free(i->reply);
		close(tar[1]);
		return r;
	}
	*ret_fd = tar[1];
	return 0;
}

int engine_import(struct engine *e, const char *ref, yyjson_val *config, engine_import_fn done, void *ctx, int *ret_fd,
		  struct engine_import **ret, struct err *err)
{
	struct engine_import *i;
	char *full = NULL;
	int r = ref ? image_ref_normalise(ref, &full, err) : 0;

	if (r < 0)
		return r;
	i = mem_new(struct engine_import);
	*i = (struct engine_import){
	    .e = e, .ref = full, .done = done, .ctx = ctx, .next = e->imports, .at = &e->imports};
	if (i->next)
		i->next->at = &i->next;
	e->imports = i;
	r = read_options(config, &i->options, err);
	if (r == 0)
		r = start_import(i, ret_fd, err);
	if (r < 0) {
		if (*i->tmp_name)
			discard(i);
		import_free(i);
		return r;
	}
	*ret = i;
	return 0;
}

void engine_import_abort(struct engine_import *i)
{
	/* The worker ends because the caller closes the pipe; its files are removed then. */
	if (i)
		i->done = NULL;
}

/* ---- pull ---- */

struct pull_request {
	struct engine *e;
	engine_import_fn done;
	void *ctx;
	char image[IMAGE_NAME_MAX];
};

static void on_pulled(void *ctx, yyjson_val *answer, const struct err *why)
{
	struct pull_request *p = ctx;
	struct image_info *info = NULL;
	struct err err = why ? *why : (struct err)ERR_INIT;

	if (answer && image_find(p->e->images, p->image, &info, &err) == 0)
		event_add(p->e, ENGINE_EV_IMAGE, NULL, info->name);
	p->done(p->ctx, info, info ? NULL : &err);
	image_info_free(info);
	free(p);
}

int engine_pull(struct engine *e, const char *image, engine_import_fn done, void *ctx, struct err *err)
{
	const char *args[] = {e->data_path, image, NULL};
	struct pull_request *p;
	mem_cleanup char *full = NULL;
	int r = image_ref_normalise(image, &full, err);

	if (r < 0)
		return r;
	p = mem_new(struct pull_request);
	*p = (struct pull_request){.e = e, .done = done, .ctx = ctx};
	snprintf(p->image, sizeof p->image, "%s", image);
	return ask_worker(e, LAUNCHER_PULL, args, on_pulled, p, err);
}

int engine_image_remove(struct engine *e, const char *name, bool force, struct err *err)
{
	mem_cleanup char *full = NULL;
	int r = force ? image_remove_by_force(e->images, name, err) : image_remove(e->images, name, err);

	if (r < 0)
		return r;
	if (image_ref_normalise(name, &full, NULL) < 0)
		full = mem_strdup(name);
	event_add(e, ENGINE_EV_IMAGE, NULL, full);
	return 0;
}

/* ---- what it takes ---- */

struct usage_request {
	engine_usage_fn done;
	void *ctx;
};

static void on_counted(void *ctx, yyjson_val *answer, const struct err *why)
{
	struct usage_request *u = ctx;
	mem_cleanup char *text = answer ? yyjson_val_write(yyjson_obj_get(answer, "usage"), 0, NULL) : NULL;
	struct err err = why ? *why : (struct err)ERR_INIT;

	if (!text && !why)
		err_set(&err, EIO, "the worker's answer has no figures");
	u->done(u->ctx, text, text ? NULL : &err);
	free(u);
}

int engine_usage(struct engine *e, engine_usage_fn done, void *ctx, struct err *err)
{
	struct usage_request *u = mem_new(struct usage_request);

	*u = (struct usage_request){.done = done, .ctx = ctx};
	return ask_worker(e, LAUNCHER_USAGE, NULL, on_counted, u, err);
}

/* ---- files ---- */

struct glob_request {
	engine_glob_fn done;
	void *ctx;
};

static void on_listed(void *ctx, yyjson_val *answer, const struct err *why)
{
	struct glob_request *g = ctx;
	struct err err = why ? *why : (struct err)ERR_INIT;
	char **paths = NULL;
	int r = answer ? json_get_strv(answer, "paths", &paths, &err) : -EIO;

	g->done(g->ctx, paths, mem_strv_len(paths), r < 0 ? &err : NULL);
	mem_strv_free(paths);
	free(g);
}

int engine_glob(struct engine *e, const char *space_path, const char *pattern, size_t limit, engine_glob_fn done,
		void *ctx, struct err *err)
{
	struct glob_request *g;
	char number[24];
	const char *args[] = {space_path, pattern, number, NULL};
	int r = data_pattern_check(pattern, err);

	if (r < 0)
		return r;
	snprintf(number, sizeof number, "%zu", limit);
	g = mem_new(struct glob_request);
	*g = (struct glob_request){.done = done, .ctx = ctx};
	return ask_worker(e, LAUNCHER_GLOB, args, on_listed, g, err);
}
