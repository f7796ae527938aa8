/* SPDX-License-Identifier: Apache-2.0
 *
 * image_unpack: libarchive reads the tar format from tar_stream, tree writes what it finds. libarchive's own decompression and its own
 * writing to disk are not used. One entry at a time; nothing is kept of an entry when the next one begins.
 */
#include "node/image/image.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/image/tar_record.h"
#include "node/image/guard.h"
#include "node/image/layer.h"
#include "node/image/tar_stream.h"
#include "node/image/tree.h"
#include "node/image/whiteout.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define DEFAULT_BYTES (64ull << 30)
#define DEFAULT_FILES 5000000ull
#define DEFAULT_RATIO 200ull
#define DEFAULT_DEPTH 2048ull	 /* what fits into a name */
#define HEADERS_MAX (4ull << 20) /* of one entry: pax records, long names, the map of a sparse file */
#define XATTR_MAX 65536u	 /* what Linux allows, xattr(7) */
#define LABEL_MAX 256

struct unpack {
	struct tar_stream *stream;
	struct archive *tar;
	struct tree tree;
	struct tar_record *record; /* of everything that passes */
	struct err record_err;
	struct image_limits limits;
	bool layer;		       /* of an image; otherwise a root filesystem */
	const struct image_into *into; /* NULL = into a new directory, with a record */
	mode_t type;		       /* of the entry that is being made */
	uint64_t n;		       /* entries begun */
	uint64_t bytes;		       /* said by the headers of the files so far */
	char label[LABEL_MAX];
	struct image_unpacked found;
	locale_t c_locale, old_locale;
	mode_t old_umask;
};

/* "\"bin/sh\" (entry 12)", with what could move a cursor or forge a line replaced. */
static void set_label(struct unpack *u, const char *name)
{
	mem_cleanup char *safe = mem_strndup(name, 200);

	for (char *p = safe; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	}
	snprintf(u->label, sizeof u->label, "\"%s%s\" (entry %llu)", safe, strlen(name) > 200 ? "..." : "",
		 (unsigned long long)u->n);
}

static la_ssize_t on_read(struct archive *a, void *ctx, const void **ret)
{
	struct unpack *u = ctx;
	ssize_t n = tar_stream_next(u->stream, ret);

	if (n > 0 && u->record && tar_record_stream(u->record, *ret, (size_t)n, &u->record_err) < 0) {
		archive_set_error(a, u->record_err.code, "%s", u->record_err.text);
		return -1;
	}
	if (n >= 0)
		return n;
	archive_set_error(a, tar_stream_err(u->stream)->code, "%s", tar_stream_err(u->stream)->text);
	return -1;
}

/* What libarchive reported, in our words: the stream's own failure, the end of the file at a wrong place, or a damaged header. */
static int read_failed(struct unpack *u, const char *where, struct err *err)
{
	const struct err *s = tar_stream_err(u->stream);
	const char *text = archive_error_string(u->tar);

	if (u->record_err.code)
		return err_set(err, u->record_err.code, "%s", u->record_err.text);
	if (s->code == ENODATA)
		return err_set(err, EINVAL, "the archive ends %s: %s", where, s->text);
	if (s->code)
		return err_set(err, s->code == EBADMSG ? EINVAL : s->code, "%s, %s", s->text, where);
	if (archive_errno(u->tar) == ENOMEM)
		return err_set(err, E2BIG, "the headers %s need too much memory", where);
	if (tar_stream_ended(u->stream) && text && strstr(text, "runcated"))
		return err_set(err, EINVAL, "the archive ends %s", where);
	return err_set(err, EINVAL, "the archive is damaged %s: %s", where, text ? text : "no detail");
}

static int not_a_tar(struct unpack *u, struct err *err)
{
	const char *what = tar_stream_guess(u->stream);
	const char *packing = tar_stream_packing(u->stream);

	if (tar_stream_err(u->stream)->code)
		return read_failed(u, "before its first entry", err);
	if (*packing)
		return err_set(err, EINVAL, "the file is %s data, but there is no tar archive in it", packing);
	return err_set(err, EINVAL,
		       "the file is not a tar archive%s%s; a root filesystem as tar, tar.gz or tar.zst is needed",
		       what ? ", it looks like " : "", what ? what : "");
}

static int open_archive(struct unpack *u, int fd, struct err *err)
{
	const struct tar_stream_limits limits = {
	    .bytes = u->limits.bytes, .ratio = u->limits.ratio, .window = u->limits.window, .packed = u->layer};
	int r = tar_stream_open(fd, &limits, &u->stream, err);

	if (r < 0)
		return r == -ENODATA ? err_set(err, EINVAL, "the archive is empty") : r;
	u->tar = archive_read_new();
	if (!u->tar)
		return err_set(err, ENOMEM, "there is not enough memory to read the archive");
	archive_read_support_format_tar(u->tar);
	archive_read_set_read_callback(u->tar, on_read);
	archive_read_set_callback_data(u->tar, u);
	if (archive_read_open1(u->tar) != ARCHIVE_OK)
		return not_a_tar(u, err);
	return 0;
}

/* The text of tree's and our own checks does not name the entry: here it gets its name, once. */
static int entry_failed(struct unpack *u, struct err *err)
{
	return err_wrap(err, "%s", u->label);
}

static int write_data(struct unpack *u, int fd, int64_t size, struct err *err)
{
	mem_cleanup char *where = NULL;
	const void *data;
	la_int64_t at, end = 0; /* of what was written */
	size_t n;
	int r;

	while ((r = archive_read_data_block(u->tar, &data, &n, &at)) == ARCHIVE_OK) {
		const char *p = data;

		if (at < 0 || at > size || (uint64_t)n > (uint64_t)(size - at))
			return err_set(err, EINVAL, "%s: its content is larger than its header says", u->label);
		r = u->record ? tar_record_content(u->record, (uint64_t)archive_filter_bytes(u->tar, 0), p, n,
						   (uint64_t)at, err)
			      : 0;
		if (r < 0)
			return r;
		while (n > 0) {
			ssize_t w = pwrite(fd, p, n, at);

			if (w < 0 && errno == EINTR)
				continue;
			if (w < 0)
				return fs_no_room(
				    fd, (uint64_t)(size - at),
				    err_sys(err, errno, "%s: write %lld bytes", u->label, (long long)size), err);
			p += w;
			at += w;
			n -= (size_t)w;
		}
		end = at > end ? at : end;
	}
	if (r != ARCHIVE_EOF) {
		where = mem_printf("in the middle of %s", u->label);
		return read_failed(u, where, err);
	}
	/* The last hole of a sparse file */
	if (end < size && ftruncate(fd, size) < 0)
		return err_sys(err, errno, "%s: set its size to %lld bytes", u->label, (long long)size);
	return 0;
}

/* user.* but for overlay's own, and file capabilities: everything else means something to the kernel that an image must not say. */
static bool xattr_allowed(const char *name)
{
	if (!IMAGE_GUARD(I4))
		return true;
	if (!strncmp(name, "user.", 5))
		return strncmp(name, "user.overlay.", 13) != 0;
	return !strcmp(name, "security.capability");
}

static int write_xattrs(struct unpack *u, int fd, struct archive_entry *e, struct err *err)
{
	const char *name;
	const void *value;
	size_t n;

	archive_entry_xattr_reset(e);
	while (archive_entry_xattr_next(e, &name, &value, &n) == ARCHIVE_OK) {
		if (fd < 0 || !name || n > XATTR_MAX || !xattr_allowed(name)) {
			u->found.n_xattrs_dropped++;
		} else if (fsetxattr(fd, name, value, n, 0) < 0) {
			if (errno != ENOTSUP && errno != EINVAL && errno != EPERM)
				return err_sys(err, errno, "%s: set the extended attribute \"%.200s\"", u->label, name);
			u->found.n_xattrs_dropped++;
		}
	}
	return 0;
}

static int id_of(int64_t id, const char *what, uint32_t *ret, struct err *err)
{
	if (id < 0 || id >= UINT32_MAX)
		return err_set(err, EINVAL, "its %s %lld is not possible", what, (long long)id);
	*ret = (uint32_t)id;
	return 0;
}

static void set_owner(const struct image_into *into, struct tree_entry *e)
{
	e->uid = (into->own ? into->uid : e->uid) + into->shift;
	e->gid = (into->own ? into->gid : e->gid) + into->shift;
}

static int fill_entry(const struct unpack *u, struct archive_entry *e, struct tree_entry *ret, struct err *err)
{
	long ns = archive_entry_mtime_nsec(e);
	int r = id_of(archive_entry_uid(e), "owner", &ret->uid, err);

	if (r == 0)
		r = id_of(archive_entry_gid(e), "group", &ret->gid, err);
	if (r == 0 && u->into)
		set_owner(u->into, ret);
	ret->mode = archive_entry_mode(e);
	ret->mtime_s = archive_entry_mtime(e);
	ret->mtime_ns = ns >= 0 && ns < 1000000000 ? ns : 0;
	return r;
}

/* A layer of an image and a whole image look like a root filesystem to a tar reader; unpacked as one they would be nonsense. */
static int check_rootfs(const char *name, mode_t type, struct err *err)
{
	const char *slash = strrchr(name, '/');
	const char *last = slash ? slash + 1 : name;

	if (!strncmp(last, ".wh.", 4))
		return err_set(err, EINVAL,
			       "this is a whiteout, so the archive is a layer of an image, not a root filesystem");
	if (type == S_IFREG && (!strcmp(name, "oci-layout") || !strcmp(name, "manifest.json")))
		return err_set(
		    err, EINVAL,
		    "this is an image archive (docker save or OCI layout); `berth image import` takes a root "
		    "filesystem tar, as `docker export` writes it");
	return 0;
}

static int count_size(struct unpack *u, int64_t size, struct err *err)
{
	if (size < 0)
		return err_set(err, EINVAL, "its size is negative");
	if ((uint64_t)size > u->limits.bytes || u->bytes + (uint64_t)size > u->limits.bytes)
		return err_set(err, EFBIG, "with its %lld bytes the files are larger than the limit of %llu bytes",
			       (long long)size, (unsigned long long)u->limits.bytes);
	u->bytes += (uint64_t)size;
	return 0;
}

static int unpack_link(struct unpack *u, struct tree_entry *t, const char *target, struct err *err)
{
	mem_cleanup char *clean = NULL;

	if (tree_name(target, &clean, err) < 0)
		return err_wrap(err, "the target of the hard link");
	if (!*clean)
		return err_set(err, EINVAL, "the hard link has no target");
	t->target = clean;
	return tree_link(&u->tree, t, err);
}

static int record_entry(struct unpack *u, const char *name, int fd, struct err *err)
{
	struct stat st;

	if (!u->record)
		return 0;
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "look at the file");
	return tar_record_file(u->record, name, st.st_ino, err);
}

/* Files and directories; errors of the content carry the label already, hence the two steps. */
static int unpack_content(struct unpack *u, struct archive_entry *e, const struct tree_entry *t, int fd,
			  struct err *err)
{
	int r;

	if (S_ISREG(t->mode) && record_entry(u, t->name, fd, err) < 0)
		return entry_failed(u, err);
	r = S_ISREG(t->mode) ? write_data(u, fd, archive_entry_size(e), err) : 0;
	if (r < 0)
		return r;
	if (tree_own(&u->tree, fd, t, err) < 0)
		return entry_failed(u, err);
	r = write_xattrs(u, fd, e, err);
	if (r < 0)
		return r;
	return tree_time(&u->tree, fd, t, err) < 0 ? entry_failed(u, err) : 0;
}

static int unpack_one(struct unpack *u, struct archive_entry *e, struct tree_entry *t, struct err *err)
{
	const char *hard = archive_entry_hardlink(e);
	fd_cleanup int fd = -1;
	int r;

	if (hard)
		return unpack_link(u, t, hard, err) < 0 ? entry_failed(u, err) : 0;
	t->target = archive_entry_symlink(e);
	if (S_ISLNK(t->mode) && !t->target)
		return err_set(err, EINVAL, "%s: the symbolic link has no target", u->label);
	r = S_ISREG(t->mode) ? count_size(u, archive_entry_size(e), err) : 0;
	if (r < 0 || tree_make(&u->tree, t, &fd, err) < 0)
		return entry_failed(u, err);
	return fd < 0 ? write_xattrs(u, -1, e, err) : unpack_content(u, e, t, fd, err);
}

/* Whiteouts. 1 = there is nothing more to do for the entry. */
static int unpack_whiteout(struct unpack *u, const char *name, struct err *err)
{
	mem_cleanup char *gone = NULL;
	enum whiteout_kind kind;
	int r = whiteout_kind(name, &kind, &gone, err);

	if (r == 0 && kind == WHITEOUT_NAME)
		r = whiteout_make(&u->tree, gone, err);
	if (r == 0 && kind == WHITEOUT_OPAQUE)
		r = whiteout_opaque(&u->tree, gone, err);
	return r < 0 ? r : kind != WHITEOUT_NONE;
}

static int check_name(struct unpack *u, const char *name, mode_t type, struct err *err)
{
	uint64_t depth = 1;

	for (const char *p = strchr(name, '/'); p; p = strchr(p + 1, '/'))
		depth++;
	if (depth > u->limits.depth)
		return err_set(err, E2BIG, "its name has %llu parts; the limit is %llu", (unsigned long long)depth,
			       (unsigned long long)u->limits.depth);
	if (u->layer)
		return unpack_whiteout(u, name, err);
	return u->limits.any_files ? 0 : check_rootfs(name, type, err);
}

/* What is not made hides what the layers below have under its name all the same. */
static int skip_special(struct unpack *u, const char *name, struct err *err)
{
	u->found.n_special_skipped++;
	return u->layer && *name ? whiteout_make(&u->tree, name, err) : 0;
}

static bool is_special(const struct archive_entry *e)
{
	mode_t type = archive_entry_filetype((struct archive_entry *)e);

	return type == S_IFCHR || type == S_IFBLK || type == S_IFSOCK;
}

static int unpack_entry(struct unpack *u, struct archive_entry *e, struct err *err)
{
	const char *raw = archive_entry_pathname(e);
	mem_cleanup char *name = NULL;
	struct tree_entry t = {.name = NULL};
	int r;

	set_label(u, raw ? raw : "?");
	/* Of any archive the rest is what it is about; an image says what it is made of. */
	if (u->limits.any_files && (!raw || !*raw))
		return 0;
	if (!raw || !*raw)
		return err_set(err, EINVAL, "entry %llu has no name", (unsigned long long)u->n);
	if (u->n > u->limits.files)
		return err_set(err, E2BIG, "%s: the archive has more entries than the limit of %llu", u->label,
			       (unsigned long long)u->limits.files);
	if (tree_name(raw, &name, err) < 0 || (r = check_name(u, name, archive_entry_filetype(e), err)) < 0 ||
	    fill_entry(u, e, &t, err) < 0)
		return entry_failed(u, err);
	/* The top is somebody's already. */
	if (r > 0 || (u->into && !*name))
		return 0;
	u->type = archive_entry_hardlink(e) ? S_IFREG : archive_entry_filetype(e);
	if (is_special(e) && !archive_entry_hardlink(e))
		return skip_special(u, name, err) < 0 ? entry_failed(u, err) : 0;
	t.name = name;
	u->found.n_files++;
	return unpack_one(u, e, &t, err);
}

/* Reads what is left of an entry (a skipped one, the padding), so that the next header is all that the allowance is spent on. */
static int skip_rest(struct unpack *u, struct err *err)
{
	mem_cleanup char *where = NULL;

	if (archive_read_data_skip(u->tar) == ARCHIVE_OK)
		return 0;
	where = mem_printf("in the middle of %s", u->label);
	return read_failed(u, where, err);
}

/* POSIX pax, "ustar Interchange Format": two blocks of zeros end an archive. Without them it may have been cut between two entries. */
static int check_end(struct unpack *u, la_int64_t entries_end, struct err *err)
{
	if (u->layer)
		return 0; /* it may be empty; and its digest says whether it is whole */
	if (u->n == 0)
		return err_set(err, EINVAL, "the archive has no entries");
	if (archive_filter_bytes(u->tar, 0) > entries_end)
		return 0;
	return err_set(err, EINVAL, "the archive ends after %s without its end mark; it was probably cut short",
		       u->label);
}

/* A name that is not in the character set of the locale is no matter, its bytes are as they were; and access control lists are not kept.
 * Other warnings mean that a part of the header was passed over, and the entry may not be what it was meant to be. */
static bool is_harmless(const char *warning)
{
	return warning && (strstr(warning, "can't be converted") || strstr(warning, "ACL") || strstr(warning, ".acl"));
}

static int next_entry(struct unpack *u, struct archive_entry **ret, struct err *err)
{
	la_int64_t entries_end = archive_filter_bytes(u->tar, 0);
	mem_cleanup char *where = NULL;
	int r;

	tar_stream_allow(u->stream, HEADERS_MAX, "the header of an entry");
	r = archive_read_next_header(u->tar, ret);
	tar_stream_allow(u->stream, 0, NULL);
	if (r == ARCHIVE_EOF)
		return tar_stream_err(u->stream)->code ? read_failed(u, "after its last entry", err)
						       : check_end(u, entries_end, err);
	if (r == ARCHIVE_OK || (r == ARCHIVE_WARN && is_harmless(archive_error_string(u->tar)))) {
		u->n++;
		return 1;
	}
	if (u->n == 0 && archive_errno(u->tar) == EILSEQ)
		return not_a_tar(u, err);
	where = u->n ? mem_printf("after %s", u->label) : mem_strdup("in its first entry");
	return read_failed(u, where, err);
}

/* What follows the end mark is no content, but it is part of the digest. */
static int drain(struct unpack *u, struct err *err)
{
	const void *data;
	ssize_t n;

	while ((n = tar_stream_next(u->stream, &data)) > 0) {
		int r = u->record ? tar_record_stream(u->record, data, (size_t)n, err) : 0;

		if (r < 0)
			return r;
	}
	return n < 0 ? read_failed(u, "after its last entry", err) : 0;
}

static int unpack_all(struct unpack *u, struct err *err)
{
	struct archive_entry *e;
	bool recorded;
	int r;

	while ((r = next_entry(u, &e, err)) > 0) {
		r = unpack_entry(u, e, err);
		if (r == 0)
			r = skip_rest(u, err);
		if (r < 0)
			return r;
	}
	if (r == 0)
		r = drain(u, err);
	if (r == 0)
		r = tree_finish(&u->tree, err);
	if (r == 0 && u->record)
		r = tar_record_end(u->record, &recorded, err);
	return r;
}

/* tree's hook: an entry is about to go because a later one takes its place. */
static int on_replaced(void *ctx, int dir, const char *name, const struct stat *st, struct err *err)
{
	struct unpack *u = ctx;

	if (u->into && u->into->no_overwrite && S_ISDIR(st->st_mode))
		return err_set(err, EISDIR, "cannot overwrite directory \"%s\" with non-directory", name);
	if (u->into && u->into->no_overwrite && S_ISDIR(u->type))
		return err_set(err, EISDIR, "cannot overwrite non-directory \"%s\" with directory", name);
	return u->record ? tar_record_replaced(u->record, dir, name, st, err) : 0;
}

/* In the C locale libarchive leaves the bytes of a name alone; with UTF-8 it would compose characters (NFC), another name to Linux. */
static int enter(struct unpack *u, struct err *err)
{
	u->old_umask = umask(022);
	u->c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (!u->c_locale)
		return err_sys(err, errno, "use the C locale");
	u->old_locale = uselocale(u->c_locale);
	return 0;
}

static void leave(struct unpack *u)
{
	archive_read_free(u->tar);
	tar_stream_free(u->stream);
	tree_close(&u->tree);
	tar_record_free(u->record);
	if (u->c_locale) {
		uselocale(u->old_locale);
		freelocale(u->c_locale);
	}
	umask(u->old_umask);
}

static uint64_t or_default(uint64_t value, uint64_t otherwise)
{
	return value ? value : otherwise;
}

static void set_limits(struct unpack *u, const struct image_limits *l)
{
	u->limits.bytes = or_default(l ? l->bytes : 0, DEFAULT_BYTES);
	u->limits.files = or_default(l ? l->files : 0, DEFAULT_FILES);
	u->limits.ratio = or_default(l ? l->ratio : 0, DEFAULT_RATIO);
	u->limits.depth = or_default(l ? l->depth : 0, DEFAULT_DEPTH);
	u->limits.any_files = l && l->any_files;
	u->limits.window = l ? l->window : 0;
}

static void set_found(struct unpack *u)
{
	tar_stream_digest(u->stream, u->found.diff_id);
	u->found.tar_size = tar_stream_size(u->stream);
	u->found.packed_size = tar_stream_packed(u->stream, u->found.packed);
	u->found.n_owners_lost = u->tree.n_owners_lost;
	u->found.opaque = u->tree.top_opaque;
}

static int unpack(struct unpack *u, int tar_fd, int tmp_dir, struct err *err)
{
	int r = enter(u, err);

	u->tree.on_replaced = on_replaced;
	u->tree.ctx = u;
	if (u->layer)
		tree_layer(&u->tree, tmp_dir);
	if (r == 0)
		r = tar_record_new(tmp_dir, &u->record, err);
	if (r == 0)
		r = open_archive(u, tar_fd, err);
	if (r == 0)
		r = tree_open(&u->tree, tmp_dir, "fs", err);
	return r < 0 ? r : unpack_all(u, err);
}

int image_unpack(int tar_fd, int tmp_dir, const struct image_limits *limits, struct image_unpacked *ret,
		 struct err *err)
{
	struct err own = ERR_INIT;
	struct unpack u = {.tree = TREE_INIT};
	int r;

	set_limits(&u, limits);
	r = unpack(&u, tar_fd, tmp_dir, err ? err : &own);
	/* Once for all files: after this a power cut cannot leave a name with half a layer */
	if (r == 0 && syncfs(tmp_dir) < 0)
		r = err_sys(err, errno, "write the layer to the disk");
	if (r == 0) {
		set_found(&u);
		*ret = u.found;
	}
	leave(&u);
	return r;
}

int image_unpack_layer(int tar_fd, int tmp_dir, const struct image_limits *limits, struct image_unpacked *ret,
		       struct err *err)
{
	struct err own = ERR_INIT;
	struct unpack u = {.tree = TREE_INIT, .layer = true};
	int r;

	set_limits(&u, limits);
	r = unpack(&u, tar_fd, tmp_dir, err ? err : &own);
	if (r == 0) {
		set_found(&u);
		*ret = u.found;
	}
	leave(&u);
	return r;
}

static int unpack_into(struct unpack *u, int tar_fd, int dir, struct err *err)
{
	int r = enter(u, err);

	u->tree.on_replaced = on_replaced;
	u->tree.ctx = u;
	if (r == 0)
		r = open_archive(u, tar_fd, err);
	if (r == 0)
		r = tree_open_at(&u->tree, dir, err);
	return r < 0 ? r : unpack_all(u, err);
}

int image_unpack_into(int tar_fd, int dir, const struct image_limits *limits, const struct image_into *how,
		      struct err *err)
{
	struct err own = ERR_INIT;
	struct unpack u = {.tree = TREE_INIT, .into = how};
	int r;

	set_limits(&u, limits);
	u.limits.any_files = true;
	r = unpack_into(&u, tar_fd, dir, err ? err : &own);
	leave(&u);
	return r;
}
