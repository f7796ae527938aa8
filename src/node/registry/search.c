/* SPDX-License-Identifier: Apache-2.0 */
#include "node/registry/search.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/registry/challenge.h"
#include "node/registry/remote.h"

#include <string.h>

#define PAGE_MAX (4u << 20)
#define PAGES_MAX 1000
#define HUB_SEARCH "https://index.docker.io/v1/search"
#define DESCRIPTION_MAX 400

struct found {
	struct registry_found *items;
	size_t n, cap;
};

void registry_found_free(struct registry_found *f, size_t n)
{
	for (size_t i = 0; f && i < n; i++) {
		free(f[i].name);
		free(f[i].description);
		mem_strv_free(f[i].tags);
	}
	free(f);
}

static void found_free(struct found *f)
{
	registry_found_free(f->items, f->n);
}

static struct registry_found *add(struct found *f, const char *registry, const char *repo)
{
	bool hub = strcmp(registry, NAME_DEFAULT_HOST) == 0;

	mem_grow(&f->items, &f->cap, f->n);
	f->items[f->n].name = mem_printf("%s%s%s", hub ? "" : registry, hub ? "" : "/", repo);
	f->items[f->n].stars = -1;
	return &f->items[f->n++];
}

/* ---- /v1/search ---- */

static int add_result(struct found *f, const char *registry, yyjson_val *one, struct err *err)
{
	const char *name = NULL, *description = "";
	struct registry_found *item;
	bool official = false;
	int64_t stars = -1;
	int r;

	if (!yyjson_is_obj(one))
		return err_set(err, EINVAL, "a result is not an object");
	r = json_get_str(one, "name", &name, err);
	if (r == 0)
		r = json_opt_str(one, "description", &description, err);
	if (r == 0)
		r = json_opt_int(one, "star_count", 0, INT64_MAX, &stars, err);
	if (r == 0)
		r = json_opt_bool(one, "is_official", &official, err);
	if (r < 0)
		return r;
	item = add(f, registry, name);
	item->description = mem_strndup(description, DESCRIPTION_MAX);
	item->stars = stars;
	item->official = official;
	return 0;
}

int registry_search_parse(const char *text, size_t n, const char *registry, size_t limit, struct registry_found **ret,
			  size_t *ret_n, struct err *err)
{
	yyjson_doc *doc json_doc_cleanup = json_parse(text, n, PAGE_MAX, "the answer to the search", err);
	cleanup_with(found_free) struct found f = {.n = 0};
	yyjson_val *list, *one;
	size_t i, max;
	int r = doc ? 0 : -EINVAL;

	if (r == 0 && !yyjson_is_obj(yyjson_doc_get_root(doc)))
		r = err_set(err, EINVAL, "the answer to the search is not an object");
	if (r == 0)
		r = json_get_arr(yyjson_doc_get_root(doc), "results", &list, err);
	if (r < 0)
		return r;
	yyjson_arr_foreach (list, i, max, one) {
		if (f.n >= limit)
			break;
		r = add_result(&f, registry, one, err);
		if (r < 0)
			return err_wrap(err, "the answer to the search");
	}
	*ret = f.items;
	*ret_n = f.n;
	f = (struct found){.n = 0};
	return 0;
}

/* 1 = it answered, 0 = it does not know /v1/search. */
static int ask(struct session *s, const char *registry, const char *word, size_t limit, struct registry_found **ret,
	       size_t *ret_n, struct err *err)
{
	cleanup_with(exchange_freep) struct exchange *e = NULL;
	cleanup_with(url_free) struct url hub = URL_INIT;
	mem_cleanup char *escaped = url_escape(word, "");
	mem_cleanup char *query = mem_printf("q=%s&n=%zu", escaped, limit < 100 ? limit : 100);
	mem_cleanup char *path = mem_printf("v1/search?%s", query);
	mem_cleanup char *whole = mem_printf(HUB_SEARCH "?%s", query);
	struct call c = {.method = "GET", .path = path, .body_max = PAGE_MAX};
	int r = 0;

	if (strcmp(registry, NAME_DEFAULT_HOST) == 0) {
		r = url_parse(whole, &hub, err);
		c.url = &hub;
	}
	if (r == 0)
		r = session_call(s, &c, &e, err);
	if (r < 0)
		return r;
	if (r != 200)
		return c.url ? exchange_refused(e, "search", err) : 0;
	r = registry_search_parse(buf_str(exchange_body(e)), exchange_body(e)->len, registry, limit, ret, ret_n, err);
	return r < 0 ? r : 1;
}

/* ---- the catalog ---- */

static int add_page(struct found *f, const char *registry, const char *word, size_t limit, const struct buf *page,
		    struct err *err)
{
	yyjson_doc *doc json_doc_cleanup = json_parse(buf_str(page), page->len, PAGE_MAX, "the catalog", err);
	yyjson_val *list, *one;
	size_t i, max;
	int r = doc ? 0 : -EINVAL;

	if (r == 0 && !yyjson_is_obj(yyjson_doc_get_root(doc)))
		r = err_set(err, EINVAL, "the catalog is not an object");
	if (r == 0)
		r = json_get_arr(yyjson_doc_get_root(doc), "repositories", &list, err);
	if (r < 0)
		return r;
	yyjson_arr_foreach (list, i, max, one) {
		const char *name = yyjson_get_str(one);

		if (!name)
			return err_set(err, EINVAL, "the catalog holds what is no name");
		if (f->n < limit && strstr(name, word))
			add(f, registry, name);
	}
	return 0;
}

/* One page; *at = the next one, host NULL: that was all. */
static int catalog_page(struct session *s, const char *registry, const char *word, size_t limit, struct url *at,
			struct found *f, struct err *err)
{
	cleanup_with(exchange_freep) struct exchange *e = NULL;
	cleanup_with(url_free) struct url here = *at;
	const struct call c = {.method = "GET",
			       .path = "v2/_catalog?n=1000",
			       .url = here.host ? &here : NULL,
			       .scope = "registry:catalog:*",
			       .body_max = PAGE_MAX};
	mem_cleanup char *link = NULL;
	int r = session_call(s, &c, &e, err);

	*at = (struct url)URL_INIT;
	if (r < 0)
		return r;
	if (r != 200)
		return exchange_refused(e, "search", err);
	r = add_page(f, registry, word, limit, exchange_body(e), err);
	if (r == 0 && exchange_header(e, HEADER_LINK))
		r = challenge_next_link(exchange_header(e, HEADER_LINK), &link, err);
	return r == 0 && link && f->n < limit ? url_resolve(exchange_url(e), link, at, err) : r;
}

static int look_through(struct remote *r, const char *registry, const char *word, size_t limit, struct found *f,
			struct err *err)
{
	struct url at = URL_INIT;
	int code, page = 0;

	do {
		code = page < PAGES_MAX
			   ? catalog_page(r->sessions[0], registry, word, limit, &at, f, err)
			   : err_set(err, E2BIG, "the catalog of %s has more than %d pages", registry, PAGES_MAX);
		page++;
	} while (code == 0 && at.host);
	url_free(&at);
	for (size_t i = 0; code == 0 && i < f->n; i++) {
		/* A repository whose tags are not for us is still worth its name. */
		(void)remote_tags(r, f->items[i].name + strlen(registry) + 1, &f->items[i].tags, NULL);
	}
	return code;
}

int registry_search(const char *registry, const char *word, size_t limit, struct registry_found **ret, size_t *ret_n,
		    struct err *err)
{
	cleanup_with(remote_close) struct remote r = REMOTE_INIT;
	cleanup_with(found_free) struct found f = {.n = 0};
	int code = remote_open(registry, false, &r, err);

	if (limit > REGISTRY_FOUND_MAX)
		limit = REGISTRY_FOUND_MAX;
	if (code == 0)
		code = ask(r.sessions[0], registry, word, limit, ret, ret_n, err);
	if (code != 0)
		return code < 0 ? code : 0;
	code = look_through(&r, registry, word, limit, &f, err);
	if (code < 0)
		return code;
	*ret = f.items;
	*ret_n = f.n;
	f = (struct found){.n = 0};
	return 0;
}
