/* SPDX-License-Identifier: Apache-2.0 */
#include "node/depot/depot_impl.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/depot/document.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REFERRER_MAX (1u << 20)

/* The n smallest names after `last`, however many there are: memory for n + 1 of them. */
struct page {
	const char *last, *match;
	char **names;
	size_t n, cap;
	bool more;
	const struct depot *d;
};

static size_t place_of(const struct page *p, const char *name)
{
	size_t low = 0, high = p->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strcmp(p->names[middle], name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void page_add(struct page *p, const char *name)
{
	size_t at;

	if (p->last && strcmp(name, p->last) <= 0)
		return;
	at = place_of(p, name);
	if (p->n == p->cap) {
		p->more = true;
		if (at == p->n)
			return;
		free(p->names[--p->n]);
	}
	memmove(&p->names[at + 1], &p->names[at], (p->n - at) * sizeof *p->names);
	p->names[at] = mem_strdup(name);
	p->n++;
}

static int page_end(struct page *p, int r, char ***ret, bool *ret_more)
{
	p->names[p->n] = NULL;
	if (r < 0) {
		mem_strv_free(p->names);
		return r;
	}
	*ret = p->names;
	*ret_more = p->more;
	return 0;
}

static int add_tag(void *ctx, int dir, const char *name, struct err *err)
{
	(void)dir;
	(void)err;
	if (depot_tag_ok(name))
		page_add(ctx, name);
	return 0;
}

static bool exists(const struct depot *d, const char *repo)
{
	char path[DEPOT_PATH_MAX];
	fd_cleanup int fd = -1;

	snprintf(path, sizeof path, "%s/_manifests", repo);
	fd = depot_open_repo(d, path, O_PATH | O_DIRECTORY, NULL);
	return fd >= 0;
}

int depot_tags(const struct depot *d, const char *repo, const char *last, size_t n, char ***ret, bool *ret_more,
	       struct err *err)
{
	struct page p = {.last = last, .cap = n};
	char path[DEPOT_PATH_MAX];

	if (!exists(d, repo))
		return err_set(err, ENOENT, "there is no repository \"%s\"", repo);
	snprintf(path, sizeof path, "%s/_tags", repo);
	p.names = mem_new_n(char *, n + 1);
	return page_end(&p, depot_each(d->repos, path, add_tag, &p, err), ret, ret_more);
}

static int add_repo(void *ctx, const char *repo, struct err *err)
{
	struct page *p = ctx;

	(void)err;
	if ((!p->match || strstr(repo, p->match)) && exists(p->d, repo))
		page_add(p, repo);
	return 0;
}

int depot_repos(const struct depot *d, const char *match, const char *last, size_t n, char ***ret, bool *ret_more,
		struct err *err)
{
	struct page p = {.last = last, .match = match, .cap = n, .d = d};

	p.names = mem_new_n(char *, n + 1);
	return page_end(&p, depot_walk(d, add_repo, &p, err), ret, ret_more);
}

/* ---- referrers ---- */

struct referrers {
	const struct depot *d;
	const char *repo, *type;
	struct buf *out;
};

/* "sha256-HEX" is the name of its file; it counts as long as the manifest itself is there. */
static bool manifest_is_there(const struct referrers *f, const char *name)
{
	char text[DEPOT_DIGEST_MAX], path[DEPOT_PATH_MAX];
	struct depot_digest digest;
	fd_cleanup int fd = -1;
	char *dash;

	if (strlen(name) >= sizeof text || !strchr(name, '-'))
		return false;
	snprintf(text, sizeof text, "%s", name);
	dash = strchr(text, '-');
	*dash = ':';
	if (!depot_digest_parse(text, &digest))
		return false;
	depot_link_path(path, f->repo, "_manifests", &digest);
	fd = depot_open_repo(f->d, path, O_PATH | O_NOFOLLOW, NULL);
	return fd >= 0;
}

static bool has_type(const char *descriptor, size_t n, const char *type)
{
	yyjson_doc *doc json_doc_cleanup = json_parse(descriptor, n, REFERRER_MAX, "a descriptor", NULL);
	const char *own = doc ? yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "artifactType")) : NULL;

	return own && strcmp(own, type) == 0;
}

static int add_referrer(void *ctx, int dir, const char *name, struct err *err)
{
	struct referrers *f = ctx;
	fd_cleanup int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	mem_cleanup char *text = NULL;
	size_t n;

	if (fd < 0 || fd_read_all(fd, REFERRER_MAX, &text, &n) < 0 || !manifest_is_there(f, name))
		return 0;
	if (f->type && !has_type(text, n, f->type))
		return 0;
	if (f->out->len)
		buf_addc(f->out, ',');
	if (buf_add(f->out, text, n) < 0)
		return err_set(err, E2BIG, "%s: the list of referrers is too long", f->repo);
	return 0;
}

int depot_referrers(const struct depot *d, const char *repo, const struct depot_digest *subject, const char *type,
		    struct buf *out, struct err *err)
{
	struct referrers f = {.d = d, .repo = repo, .type = type, .out = out};
	char path[DEPOT_PATH_MAX];

	depot_link_path(path, repo, "_referrers", subject);
	return depot_each(d->repos, path, add_referrer, &f, err);
}

/* ---- images with their sizes ---- */

struct sum {
	const struct depot *d;
	const char *repo;
	struct map seen;
	uint64_t size;
	struct buf platforms;
};

/* A blob or manifest that has not been counted yet; its size. */
static void count(struct sum *s, const char *kind, const struct depot_digest *digest)
{
	char path[DEPOT_PATH_MAX], text[DEPOT_DIGEST_MAX];
	fd_cleanup int fd = -1;
	struct stat st;

	depot_link_path(path, s->repo, kind, digest);
	fd = depot_open_repo(s->d, path, O_PATH | O_NOFOLLOW, NULL);
	if (fd < 0 || fstat(fd, &st) < 0 || map_put(&s->seen, depot_digest_text(digest, text), s))
		return;
	s->size += (uint64_t)st.st_size;
}

static void count_platforms(struct sum *s, const struct document *doc)
{
	yyjson_val *list = yyjson_obj_get(yyjson_doc_get_root(doc->json), "manifests"), *item;
	size_t i, n;

	yyjson_arr_foreach (list, i, n, item) {
		yyjson_val *p = yyjson_obj_get(item, "platform");
		const char *os = yyjson_get_str(yyjson_obj_get(p, "os"));
		const char *arch = yyjson_get_str(yyjson_obj_get(p, "architecture"));
		mem_cleanup char *text = NULL;

		if (!os || !arch || strcmp(os, "unknown") == 0)
			continue;
		text = mem_printf("%s/%s", os, arch);
		if (s->platforms.len)
			buf_addc(&s->platforms, ',');
		json_quote(&s->platforms, text, strlen(text));
	}
}

/* An index holds images; an index within an index is counted itself, not opened: depth has its end. */
static const char *sum_manifest(struct sum *s, const struct depot_digest *digest, unsigned depth)
{
	mem_cleanup char *text = NULL;
	const char *type = "";
	struct document doc;
	size_t n;

	count(s, "_manifests", digest);
	if (depot_manifest_read(s->d, s->repo, digest, &text, &n, NULL) < 0 ||
	    document_parse(text, n, NULL, &doc, NULL) < 0)
		return type;
	for (size_t i = 0; i < doc.n_refs; i++) {
		if (!doc.refs[i].manifest)
			count(s, "_blobs", &doc.refs[i].digest);
		else if (depth > 0)
			sum_manifest(s, &doc.refs[i].digest, depth - 1);
	}
	count_platforms(s, &doc);
	type = doc.media_type; /* a static string */
	document_free(&doc);
	return type;
}

static void add_image(const struct depot *d, const char *repo, const char *tag, struct buf *out)
{
	struct sum s = {.d = d, .repo = repo};
	struct depot_digest digest;
	char text[DEPOT_DIGEST_MAX];
	const char *type;

	if (depot_tag_read(d, repo, tag, &digest, NULL) < 0)
		return;
	type = sum_manifest(&s, &digest, 1);
	if (out->len)
		buf_addc(out, ',');
	buf_printf(out, "{\"tag\":\"%s\",\"digest\":\"%s\",\"mediaType\":\"%s\",\"size\":%llu", tag,
		   depot_digest_text(&digest, text), type, (unsigned long long)s.size);
	if (s.platforms.len)
		buf_printf(out, ",\"platforms\":[%s]", buf_str(&s.platforms));
	buf_adds(out, "}");
	buf_free(&s.platforms);
	map_free(&s.seen);
}

int depot_images(const struct depot *d, const char *repo, size_t max_tags, struct buf *out, struct err *err)
{
	char **tags cleanup_with(mem_strv_freep) = NULL;
	bool more;
	int r = depot_tags(d, repo, NULL, max_tags, &tags, &more, err);

	for (char **tag = tags; r == 0 && *tag; tag++)
		add_image(d, repo, *tag, out);
	return r;
}
