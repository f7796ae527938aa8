/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/packed.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/image/layer.h"
#include "node/image/layer_tar.h"
#include "node/image/store.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PACKED_NAME "packed"
#define NOTES_MAX 65536u

static int open_layer(struct image_store *s, const char *diff_hex, struct err *err)
{
	int dir = fs_open_in(s->layers, diff_hex, O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, NULL);

	return dir < 0 ? err_set(err, -dir, "layer sha256:%s is not here", diff_hex) : dir;
}

/* The notes of a layer; "" when there are none, also when they cannot be read: they save work, nothing depends on them. */
static char *read_notes(int dir)
{
	char *text = NULL;
	size_t n;

	if (faccessat(dir, PACKED_NAME, F_OK, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fs_read(dir, PACKED_NAME, NOTES_MAX, &text, &n, NULL) < 0)
		return mem_strdup("");
	return text;
}

/* The parameters in the line of the blob. */
static bool find_note(const char *text, const char *hex, char params[static COMPRESS_PARAMS_MAX])
{
	_Static_assert(COMPRESS_PARAMS_MAX == 64, "the width below");

	for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		char found[65];

		if (sscanf(line, "%64[0-9a-f] %*u %63[^\n]", found, params) == 2 && !strcmp(found, hex))
			return true;
	}
	return false;
}

int packed_note(struct image_store *s, const char *diff_hex, const struct compressed *c, struct err *err)
{
	fd_cleanup int dir = fs_open_in(s->layers, diff_hex, O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, NULL);
	mem_cleanup char *old = dir < 0 ? NULL : read_notes(dir);
	struct buf text buf_cleanup = BUF_LIMIT(NOTES_MAX);
	char params[COMPRESS_PARAMS_MAX];

	if (dir < 0 || find_note(old, c->hex, params))
		return 0;
	/* The newest first: when there is no more room the oldest go */
	buf_printf(&text, "%s %" PRIu64 " %s\n", c->hex, c->size, c->params);
	for (const char *line = old; *line;) {
		size_t n = strcspn(line, "\n");

		n += line[n] == '\n';
		if (buf_add(&text, line, n) < 0)
			break;
		line += n;
	}
	return fs_write_atomic(dir, PACKED_NAME, text.data, text.len, 0600, false, err);
}

int packed_find(struct image_store *s, const char *diff_hex, const char *hex, enum compress_kind *ret_kind,
		int *ret_level, struct err *err)
{
	fd_cleanup int dir = open_layer(s, diff_hex, err);
	char params[COMPRESS_PARAMS_MAX];
	mem_cleanup char *text = NULL;

	if (dir < 0)
		return dir;
	if (!strcmp(diff_hex, hex)) {
		*ret_kind = COMPRESS_NONE;
		*ret_level = 0;
		return 1;
	}
	text = read_notes(dir);
	return find_note(text, hex, params) && compress_params_parse(params, ret_kind, ret_level, NULL) == 0;
}

/* The plain tar is known by its diff id, and its size by the layer's record. */
static int plain_known(struct image_store *s, const char *diff_hex, struct compressed *ret)
{
	struct image_layer_meta meta;

	if (image_layer_meta_read(s, diff_hex, &meta, NULL) < 0)
		return 0;
	*ret = (struct compressed){.size = meta.tar_size};
	snprintf(ret->hex, sizeof ret->hex, "%s", diff_hex);
	image_layer_meta_free(&meta);
	return 1;
}

int packed_known(struct image_store *s, const char *diff_hex, enum compress_kind kind, struct compressed *ret)
{
	fd_cleanup int dir = open_layer(s, diff_hex, NULL);
	mem_cleanup char *text = dir < 0 ? NULL : read_notes(dir);

	if (dir < 0 || kind == COMPRESS_NONE)
		return dir < 0 ? 0 : plain_known(s, diff_hex, ret);
	for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		enum compress_kind is;
		int level;

		*ret = (struct compressed){.size = 0};
		if (sscanf(line, "%64[0-9a-f] %" SCNu64 " %63[^\n]", ret->hex, &ret->size, ret->params) == 3 &&
		    strlen(ret->hex) == 64 && compress_params_parse(ret->params, &is, &level, NULL) == 0 && is == kind)
			return 1;
	}
	return 0;
}

static int pack(struct image_store *s, const char *diff_hex, enum compress_kind kind, int level, const struct sink *to,
		struct compressed *ret, struct err *err)
{
	cleanup_with(compress_freep) struct compress *c = NULL;
	int r = compress_new(kind, level, to, &c, err);

	if (r == 0)
		r = layer_tar_write(s, diff_hex, &(struct sink){compress_sink, c}, NULL, err);
	return r < 0 ? r : compress_end(c, ret, err);
}

int packed_write(struct image_store *s, const char *diff_hex, const char *hex, const struct sink *to,
		 struct compressed *ret, struct err *err)
{
	enum compress_kind kind;
	int level, r = packed_find(s, diff_hex, hex, &kind, &level, err);

	if (r == 0)
		return err_set(err, ENODATA, "it is not known how sha256:%s was packed", hex);
	if (r > 0)
		r = pack(s, diff_hex, kind, level, to, ret, err);
	if (r == 0 && strcmp(ret->hex, hex) != 0)
		r = err_set(err, EBADMSG, "layer sha256:%s was packed as sha256:%s, and not as sha256:%s again",
			    diff_hex, ret->hex, hex);
	return r;
}

int packed_new(struct image_store *s, const char *diff_hex, enum compress_kind kind, int level, const struct sink *to,
	       struct compressed *ret, struct err *err)
{
	int r = pack(s, diff_hex, kind, level, to, ret, err);

	return r < 0 || kind == COMPRESS_NONE ? r : packed_note(s, diff_hex, ret, err);
}
