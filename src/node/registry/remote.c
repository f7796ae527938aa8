/* SPDX-License-Identifier: Apache-2.0 */
#include "node/registry/remote.h"

#include "base/core/mem.h"
#include "base/core/sha256.h"
#include "base/wire/json.h"
#include "node/image/manifest.h"
#include "node/image/ref.h"
#include "node/registry/challenge.h"
#include "base/core/guard.h"

#include <inttypes.h>
#include <string.h>

#define PAGE_MAX (4u << 20)
#define PAGES_MAX 1000

static const char accept[] =
    "Accept: " MANIFEST_OCI_INDEX ", " MANIFEST_DOCKER_LIST ", " MANIFEST_OCI ", " MANIFEST_DOCKER;

int remote_open(const char *registry, bool mirrors, struct remote *ret, struct err *err)
{
	cleanup_with(remote_close) struct remote r = REMOTE_INIT;
	int code = hosts_load(&r.hosts, err);

	if (code == 0)
		code = hosts_endpoints(&r.hosts, registry, mirrors, &r.endpoints, &r.n, err);
	if (code == 0)
		code = transport_new(&r.transport, err);
	if (code < 0)
		return code;
	r.sessions = mem_new_n(struct session *, r.n);
	*ret = r;
	/* What they point to must be at its last place. */
	for (size_t i = 0; i < r.n; i++)
		ret->sessions[i] = session_new(ret->transport, &ret->hosts, &ret->endpoints[i]);
	memset(&r, 0, sizeof r);
	return 0;
}

void remote_close(struct remote *r)
{
	for (size_t i = 0; r->sessions && i < r->n; i++)
		session_free(r->sessions[i]);
	free(r->sessions);
	transport_free(r->transport);
	hosts_endpoints_free(r->endpoints, r->n);
	hosts_free(&r->hosts);
	*r = (struct remote)REMOTE_INIT;
}

void remote_document_free(struct remote_document *d)
{
	free(d->text);
	free(d->media_type);
	*d = (struct remote_document){.text = NULL};
}

char *remote_scope(const char *repo, const char *actions)
{
	return mem_printf("repository:%s:%s", repo, actions);
}

/* What a server says about the bytes, and what they are. */
static int check_digest(struct session *s, const char *what, const char *hex, const char *wanted, const char *said,
			struct err *err)
{
	if (RT_GUARD(I8) && wanted && strcmp(wanted, hex) != 0)
		return err_set(err, EBADMSG, "%s: the registry %s sent other bytes: they have the digest sha256:%s",
			       what, session_name(s), hex);
	if (said && ref_is_digest(said) && strcmp(said + strlen("sha256:"), hex) != 0)
		return err_set(err, EBADMSG,
			       "%s: the registry %s says that it is %s, but the bytes have the digest sha256:%s", what,
			       session_name(s), said, hex);
	return 0;
}

static int fetch(struct session *s, const struct call *c, const char *what, const char *wanted,
		 struct remote_document *ret, struct err *err)
{
	cleanup_with(exchange_freep) struct exchange *e = NULL;
	struct remote_document d = {.text = NULL};
	const char *type;
	int r = session_call(s, c, &e, err);

	if (r < 0)
		return err_wrap(err, "%s", what);
	if (r != 200)
		return exchange_refused(e, what, err);
	sha256_of(buf_str(exchange_body(e)), exchange_body(e)->len, d.digest);
	r = check_digest(s, what, d.digest, wanted, exchange_header(e, HEADER_DIGEST), err);
	if (r < 0)
		return r;
	type = exchange_header(e, HEADER_TYPE);
	d.n = exchange_body(e)->len;
	d.text = mem_dup(buf_str(exchange_body(e)), d.n + 1);
	d.media_type = mem_strdup(type);
	*ret = d;
	return 0;
}

/* The first server that has it; the error of the last one, which is the registry itself. */
static int fetch_any(struct remote *r, const struct call *c, const char *what, const char *wanted,
		     struct remote_document *ret, struct err *err)
{
	int code = -ENOENT;

	for (size_t i = 0; code < 0 && i < r->n; i++) {
		err_clear(err);
		code = fetch(r->sessions[i], c, what, wanted, ret, err);
		if (code == 0)
			ret->from = i;
	}
	return code;
}

int remote_manifest(struct remote *r, const char *repo, const char *reference, struct remote_document *ret,
		    struct err *err)
{
	bool by_digest = ref_is_digest(reference);
	mem_cleanup char *path = mem_printf("v2/%s/manifests/%s", repo, reference);
	mem_cleanup char *scope = remote_scope(repo, "pull");
	mem_cleanup char *what = mem_printf("image %s%c%s", repo, by_digest ? '@' : ':', reference);
	char *headers[] = {(char *)(uintptr_t)accept, NULL};
	const struct call c = {
	    .method = "GET", .path = path, .scope = scope, .headers = headers, .body_max = MANIFEST_BYTES_MAX};

	return fetch_any(r, &c, what, by_digest ? reference + strlen("sha256:") : NULL, ret, err);
}

int remote_blob(struct remote *r, const char *repo, const char *hex, uint64_t size, size_t max,
		struct remote_document *ret, struct err *err)
{
	mem_cleanup char *path = mem_printf("v2/%s/blobs/sha256:%s", repo, hex);
	mem_cleanup char *scope = remote_scope(repo, "pull");
	mem_cleanup char *what = mem_printf("blob sha256:%.12s of %s", hex, repo);
	const struct call c = {
	    .method = "GET", .path = path, .scope = scope, .body_max = size < max ? (size_t)size + 1 : max};
	int code;

	if (size > max)
		return err_set(err, EFBIG, "%s has %" PRIu64 " bytes; at most %zu are read", what, size, max);
	code = fetch_any(r, &c, what, hex, ret, err);
	if (code == 0 && ret->n != size) {
		code =
		    err_set(err, EBADMSG, "%s has %zu bytes, not %" PRIu64 " as the manifest says", what, ret->n, size);
		remote_document_free(ret);
	}
	return code;
}

/* ---- tags ---- */

static int add_tags(const struct buf *page, char ***tags, size_t *n, struct err *err)
{
	yyjson_doc *doc json_doc_cleanup = json_parse(buf_str(page), page->len, PAGE_MAX, "the list of tags", err);
	yyjson_val *list, *tag;
	size_t i, max;

	if (!doc)
		return -EINVAL;
	list = yyjson_obj_get(yyjson_doc_get_root(doc), "tags");
	if (!list || yyjson_is_null(list))
		return 0;
	if (!yyjson_is_arr(list))
		return err_set(err, EINVAL, "the list of tags: a list is needed");
	yyjson_arr_foreach (list, i, max, tag) {
		mem_cleanup char *whole = mem_printf("x:%s", yyjson_is_str(tag) ? yyjson_get_str(tag) : "");
		cleanup_with(ref_free) struct ref ref = {.text = NULL};

		if (ref_parse(whole, &ref, err) < 0 || !ref.tag || ref.digest)
			return err_set(err, EINVAL, "the list of tags holds what is no tag");
		if ((*n)++ >= REMOTE_TAGS_MAX)
			return err_set(err, E2BIG, "there are more than %u tags", REMOTE_TAGS_MAX);
		mem_strv_add(tags, yyjson_get_str(tag));
	}
	return 0;
}

/* One page: the first (path), or where the last one sent us (*next, which is replaced; host NULL: that was all). */
static int tags_page(struct session *s, const char *what, const char *scope, const char *path, struct url *next,
		     char ***tags, size_t *n, struct err *err)
{
	cleanup_with(exchange_freep) struct exchange *e = NULL;
	cleanup_with(url_free) struct url at = *next;
	const struct call c = {
	    .method = "GET", .path = path, .url = at.host ? &at : NULL, .scope = scope, .body_max = PAGE_MAX};
	mem_cleanup char *link = NULL;
	int r = session_call(s, &c, &e, err);

	*next = (struct url)URL_INIT;
	if (r < 0)
		return err_wrap(err, "%s", what);
	if (r != 200)
		return exchange_refused(e, what, err);
	r = add_tags(exchange_body(e), tags, n, err);
	if (r == 0 && exchange_header(e, HEADER_LINK))
		r = challenge_next_link(exchange_header(e, HEADER_LINK), &link, err);
	if (r == 0 && link)
		r = url_resolve(exchange_url(e), link, next, err);
	return r < 0 ? err_wrap(err, "%s", what) : 0;
}

static int tags_of(struct session *s, const char *repo, char ***ret, struct err *err)
{
	mem_cleanup char *scope = remote_scope(repo, "pull");
	mem_cleanup char *what = mem_printf("tags of %s", repo);
	mem_cleanup char *path = mem_printf("v2/%s/tags/list", repo);
	char **tags cleanup_with(mem_strv_freep) = mem_new_n(char *, 1);
	struct url next = URL_INIT;
	size_t n = 0;
	int page = 0, r;

	do {
		r = page < PAGES_MAX ? tags_page(s, what, scope, path, &next, &tags, &n, err)
				     : err_set(err, E2BIG, "%s: more than %d pages", what, PAGES_MAX);
		page++;
	} while (r == 0 && next.host);
	url_free(&next);
	if (r < 0)
		return r;
	*ret = mem_take(tags);
	return 0;
}

int remote_tags(struct remote *r, const char *repo, char ***ret, struct err *err)
{
	int code = -ENOENT;

	for (size_t i = 0; code < 0 && i < r->n; i++) {
		err_clear(err);
		code = tags_of(r->sessions[i], repo, ret, err);
	}
	return code;
}
