/* SPDX-License-Identifier: Apache-2.0
 *
 * What a process of its own does with the files of containers and volumes. "id" has been looked up by whoever asks.
 */
#include "face/docker/tool.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/engine/archive.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int text_of(const struct tool *t, const char *key, const char **ret, struct err *err)
{
	*ret = tool_text(t, key);
	return *ret ? 0 : err_set(err, EINVAL, "%s is missing", key);
}

/* ---- cp ---- */

static int not_found(int r, const char *path, const char *id, struct err *err)
{
	if (r != -ENOENT && r != -ENOTDIR)
		return r;
	return err_set(err, ENOENT, "Could not find the file %s in container %s", path, id);
}

static int with_files(struct tool *t, bool names,
		      int (*fn)(struct tool *t, const struct files *f, const char *path, struct err *err),
		      struct err *err)
{
	struct files f = FILES_INIT;
	const char *id, *path, *said;
	int r = text_of(t, "id", &id, err);

	if (r == 0)
		r = text_of(t, "path", &path, err);
	if (r < 0)
		return r;
	said = tool_text(t, "container");
	r = files_open(t->data, id, names, &f, err);
	if (r == 0)
		r = not_found(fn(t, &f, path, err), path, said ? said : id, err);
	files_close(&f);
	return r;
}

static int stat_it(struct tool *t, const struct files *f, const char *path, struct err *err)
{
	struct archive_stat st = {.name = NULL};
	yyjson_mut_val *root = yyjson_mut_doc_get_root(t->answer);
	int r = archive_stat(f, path, &st, err);

	if (r == 0) {
		yyjson_mut_obj_add_strcpy(t->answer, root, "name", st.name);
		yyjson_mut_obj_add_sint(t->answer, root, "size", st.size);
		yyjson_mut_obj_add_uint(t->answer, root, "mode", st.mode);
		yyjson_mut_obj_add_sint(t->answer, root, "mtime_s", st.mtime.tv_sec);
		yyjson_mut_obj_add_sint(t->answer, root, "mtime_ns", st.mtime.tv_nsec);
		yyjson_mut_obj_add_strcpy(t->answer, root, "target", st.target ? st.target : "");
	}
	archive_stat_free(&st);
	return r;
}

int tool_files_stat(struct tool *t, struct err *err)
{
	return with_files(t, true, stat_it, err);
}

static int get_it(struct tool *t, const struct files *f, const char *path, struct err *err)
{
	(void)t;
	return archive_get(f, path, STDOUT_FILENO, err);
}

int tool_files_get(struct tool *t, struct err *err)
{
	return with_files(t, true, get_it, err);
}

static int put_it(struct tool *t, const struct files *f, const char *path, struct err *err)
{
	const char *user = tool_text(t, "user"); /* copyUIDGID */
	const struct archive_put o = {.no_overwrite_dir_non_dir = tool_flag(t, "no_overwrite"),
				      .user = user && *user ? user : NULL};

	return archive_put(f, path, &o, STDIN_FILENO, err);
}

int tool_files_put(struct tool *t, struct err *err)
{
	return with_files(t, false, put_it, err);
}

/* ---- all of it ---- */

int tool_files_export(struct tool *t, struct err *err)
{
	const char *id;
	int r = text_of(t, "id", &id, err);

	return r < 0 ? r : archive_export(t->data, id, STDOUT_FILENO, err);
}

struct list {
	struct tool *t;
	yyjson_mut_val *changes;
};

static int add_change(void *ctx, int kind, const char *path, struct err *err)
{
	const struct list *l = ctx;
	yyjson_mut_val *one = yyjson_mut_arr_add_obj(l->t->answer, l->changes);

	(void)err;
	yyjson_mut_obj_add_strcpy(l->t->answer, one, "Path", path);
	yyjson_mut_obj_add_int(l->t->answer, one, "Kind", kind);
	return 0;
}

int tool_files_changes(struct tool *t, struct err *err)
{
	struct list l = {.t = t};
	const char *id;
	int r = text_of(t, "id", &id, err);

	if (r < 0)
		return r;
	l.changes = yyjson_mut_obj_add_arr(t->answer, yyjson_mut_doc_get_root(t->answer), "body");
	return changes_each(t->data, id, add_change, &l, err);
}
