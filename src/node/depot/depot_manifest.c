/* SPDX-License-Identifier: Apache-2.0 */
#include "node/depot/depot_impl.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/depot/document.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int read_file(const struct depot *d, const char *path, size_t limit, char **ret, size_t *ret_n, struct err *err)
{
	fd_cleanup int fd = depot_open_repo(d, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, err);
	int r = fd < 0 ? fd : fd_read_all(fd, limit, ret, ret_n);

	return fd >= 0 && r < 0 ? err_sys(err, -r, "read \"%s/repos/%s\"", d->dir, path) : r;
}

int depot_manifest_read(const struct depot *d, const char *repo, const struct depot_digest *digest, char **ret,
			size_t *ret_n, struct err *err)
{
	char path[DEPOT_PATH_MAX], text[DEPOT_DIGEST_MAX];
	int r;

	depot_link_path(path, repo, "_manifests", digest);
	r = read_file(d, path, DOCUMENT_MAX, ret, ret_n, err);
	return r == -ENOENT ? err_set(err, ENOENT, "%s has no manifest %s", repo, depot_digest_text(digest, text)) : r;
}

int depot_tag_read(const struct depot *d, const char *repo, const char *tag, struct depot_digest *ret, struct err *err)
{
	char path[DEPOT_PATH_MAX];
	mem_cleanup char *text = NULL;
	size_t n;
	int r;

	snprintf(path, sizeof path, "%s/_tags/%s", repo, tag);
	r = read_file(d, path, DEPOT_DIGEST_MAX, &text, &n, err);
	if (r == -ENOENT)
		return err_set(err, ENOENT, "%s has no tag \"%s\"", repo, tag);
	if (r == 0 && !depot_digest_parse(text, ret))
		return err_set(err, EIO, "\"%s/repos/%s\" holds no digest", d->dir, path);
	return r;
}

/* Everything that the document names is here, and stays so for the time of grace. Under the lock. */
static int check_refs(const struct depot *d, const char *repo, const struct document *doc,
		      struct depot_digest *ret_missing, struct err *err)
{
	for (size_t i = 0; i < doc->n_refs; i++) {
		const struct document_ref *ref = &doc->refs[i];
		char path[DEPOT_PATH_MAX], text[DEPOT_DIGEST_MAX];
		fd_cleanup int fd = -1;

		if (ref->elsewhere)
			continue;
		depot_link_path(path, repo, ref->manifest ? "_manifests" : "_blobs", &ref->digest);
		fd = depot_open_repo(d, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, err);
		if (fd < 0) {
			*ret_missing = ref->digest;
			return fd != -ENOENT ? fd
					     : err_set(err, ENOENT,
						       "the manifest names %s, which %s does not have: push it first",
						       depot_digest_text(&ref->digest, text), repo);
		}
		depot_touch(fd);
	}
	return 0;
}

static int store_text(struct depot *d, const struct depot_digest *digest, const char *text, size_t n, struct err *err)
{
	char name[DEPOT_TMP_MAX];
	fd_cleanup int fd = depot_tmp(d, name, err);
	int r;

	if (fd < 0)
		return fd;
	r = fd_write_all(fd, text, n);
	if (r < 0 || fsync(fd) < 0)
		r = err_sys(err, r < 0 ? -r : errno, "write \"%s/tmp/%s\"", d->dir, name);
	if (r == 0)
		r = depot_place_blob(d, d->tmp, name, digest, err);
	if (r < 0)
		unlinkat(d->tmp, name, 0);
	return r;
}

static void referrer_path(char path[static DEPOT_PATH_MAX], const char *repo, const struct depot_digest *subject,
			  const struct depot_digest *digest)
{
	snprintf(path, DEPOT_PATH_MAX, "%s/_referrers/%s/%s/%s-%s", repo, depot_hash_name(subject->hash), subject->hex,
		 depot_hash_name(digest->hash), digest->hex);
}

static int add_referrer(struct depot *d, const char *repo, const struct depot_digest *digest, size_t n,
			const struct document *doc, struct err *err)
{
	struct buf text buf_cleanup = BUF_INIT;
	char path[DEPOT_PATH_MAX];

	if (!doc->has_subject)
		return 0;
	document_descriptor(doc, digest, n, &text);
	referrer_path(path, repo, &doc->subject, digest);
	return depot_write(d, path, buf_str(&text), text.len, err);
}

static int write_tag(struct depot *d, const char *repo, const char *tag, const struct depot_digest *digest,
		     struct err *err)
{
	char path[DEPOT_PATH_MAX], text[DEPOT_DIGEST_MAX];

	if (!tag)
		return 0;
	snprintf(path, sizeof path, "%s/_tags/%s", repo, tag);
	depot_digest_text(digest, text);
	return depot_write(d, path, text, strlen(text), err);
}

/* The order is the one in which it may be interrupted: what is named first exists first. */
int depot_manifest_put(struct depot *d, const char *repo, const struct depot_digest *digest, const char *tag,
		       const char *text, size_t n, const struct document *doc, struct depot_digest *ret_missing,
		       struct err *err)
{
	int r = depot_lock(d, err);

	if (r < 0)
		return r;
	r = check_refs(d, repo, doc, ret_missing, err);
	if (r == 0)
		r = store_text(d, digest, text, n, err);
	if (r == 0)
		r = add_referrer(d, repo, digest, n, doc, err);
	if (r == 0)
		r = depot_link(d, repo, "_manifests", digest, err);
	if (r == 0)
		r = write_tag(d, repo, tag, digest, err);
	depot_unlock(d);
	return r;
}

int depot_manifest_keep(struct depot *d, const char *repo, const struct depot_digest *digest, const char *tag,
			const char *text, size_t n, const struct document *doc, struct err *err)
{
	int r = depot_lock(d, err);

	if (r < 0)
		return r;
	r = store_text(d, digest, text, n, err);
	if (r == 0)
		r = depot_link(d, repo, "_manifests", digest, err);
	if (r == 0)
		r = add_referrer(d, repo, digest, n, doc, err);
	if (r == 0)
		r = write_tag(d, repo, tag, digest, err);
	depot_unlock(d);
	return r;
}

bool depot_manifest_used(const struct depot *d, const char *repo, const struct depot_digest *digest)
{
	char path[DEPOT_PATH_MAX];
	fd_cleanup int fd = -1;

	depot_link_path(path, repo, "_manifests", digest);
	fd = depot_open_repo(d, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, NULL);
	if (fd < 0)
		return false;
	depot_touch(fd);
	return true;
}

static void remove_referrer(struct depot *d, const char *repo, const struct depot_digest *digest)
{
	mem_cleanup char *text = NULL;
	struct document doc;
	char path[DEPOT_PATH_MAX];
	size_t n;

	if (depot_manifest_read(d, repo, digest, &text, &n, NULL) < 0 || document_parse(text, n, NULL, &doc, NULL) < 0)
		return;
	if (doc.has_subject) {
		referrer_path(path, repo, &doc.subject, digest);
		(void)depot_unlink(d, path, NULL);
	}
	document_free(&doc);
}

struct tags_of {
	struct depot *d;
	const char *repo;
	const struct depot_digest *digest;
	char **names;
};

static int find_tag(void *ctx, int dir, const char *name, struct err *err)
{
	struct tags_of *t = ctx;
	struct depot_digest digest;

	(void)dir;
	(void)err;
	if (depot_tag_ok(name) && depot_tag_read(t->d, t->repo, name, &digest, NULL) == 0 &&
	    depot_digest_equal(&digest, t->digest))
		mem_strv_add(&t->names, name);
	return 0;
}

static int remove_tags(struct depot *d, const char *repo, const struct depot_digest *digest, struct err *err)
{
	struct tags_of t = {.d = d, .repo = repo, .digest = digest};
	char path[DEPOT_PATH_MAX];
	int r;

	snprintf(path, sizeof path, "%s/_tags", repo);
	r = depot_each(d->repos, path, find_tag, &t, err);
	for (char **name = t.names; r == 0 && name && *name; name++) {
		snprintf(path, sizeof path, "%s/_tags/%s", repo, *name);
		r = depot_unlink(d, path, err);
	}
	mem_strv_free(t.names);
	return r;
}

int depot_manifest_delete(struct depot *d, const char *repo, const struct depot_digest *digest, struct err *err)
{
	char path[DEPOT_PATH_MAX], text[DEPOT_DIGEST_MAX];
	fd_cleanup int fd = -1;
	int r = depot_lock(d, err);

	if (r < 0)
		return r;
	depot_link_path(path, repo, "_manifests", digest);
	fd = depot_open_repo(d, path, O_PATH | O_NOFOLLOW, err);
	r = fd == -ENOENT ? err_set(err, ENOENT, "%s has no manifest %s", repo, depot_digest_text(digest, text)) : fd;
	if (r >= 0)
		r = remove_tags(d, repo, digest, err);
	if (r >= 0) {
		remove_referrer(d, repo, digest);
		r = depot_unlink(d, path, err);
	}
	depot_unlock(d);
	return r < 0 ? r : 0;
}

int depot_tag_delete(struct depot *d, const char *repo, const char *tag, struct err *err)
{
	char path[DEPOT_PATH_MAX];
	int r = depot_lock(d, err);

	if (r < 0)
		return r;
	snprintf(path, sizeof path, "%s/_tags/%s", repo, tag);
	r = depot_unlink(d, path, err);
	depot_unlock(d);
	return r == -ENOENT ? err_set(err, ENOENT, "%s has no tag \"%s\"", repo, tag) : r;
}
