/* SPDX-License-Identifier: Apache-2.0 */
#include "node/depot/serve_impl.h"
#include "base/core/guard.h"

#include "base/core/mem.h"
#include "base/wire/http_client.h"
#include "base/wire/http_server.h"
#include "base/wire/json.h"

#include <stdio.h>
#include <string.h>

/* No list is longer, whatever is asked for (CVE-2023-2253); the rest is behind the Link. */
#define PAGE_MAX 1000u
#define SEARCH_DEFAULT 25u
#define SEARCH_MAX 100u
#define IMAGE_TAGS_MAX 200u
#define QUERY_MAX 256u

void serve_base(struct call *c)
{
	call_reply_json(c, 200, NULL, "{}", 2);
}

void serve_ping(struct call *c)
{
	static const char text[] = "{\"standalone\":true}";

	http_reply_header(c->r, "X-Docker-Registry-Version", "2");
	http_reply_header(c->r, "X-Docker-Registry-Standalone", "true");
	call_reply_json(c, 200, NULL, text, sizeof text - 1);
}

/* "n" of the query, or `otherwise`; larger ones are cut to `max`. False when it is no number (answered). */
static bool get_n(struct call *c, size_t otherwise, size_t max)
{
	const char *text = http_req_query(c->r, "n");
	size_t n = 0;

	c->n = otherwise;
	if (!text)
		return true;
	if (!*text || strspn(text, "0123456789") != strlen(text)) {
		call_fail(c, CODE_PAGE_INVALID, "n is a number that is not negative");
		return false;
	}
	for (; *text && n <= (RT_GUARD(I11) ? max : 1000000000); text++)
		n = n * 10 + (size_t)(*text - '0');
	c->n = n < max || !RT_GUARD(I11) ? n : max;
	return true;
}

static bool get_page(struct call *c)
{
	const char *last = http_req_query(c->r, "last");

	if (last && strlen(last) > QUERY_MAX) {
		call_fail(c, CODE_PAGE_INVALID, "last is too long");
		return false;
	}
	c->last = mem_strdup(last && *last ? last : NULL);
	return get_n(c, PAGE_MAX, PAGE_MAX);
}

static void add_names(struct call *c, char **names)
{
	buf_adds(&c->text, "[");
	for (char **name = names; *name; name++) {
		if (name != names)
			buf_addc(&c->text, ',');
		json_quote(&c->text, *name, strlen(*name));
	}
	buf_adds(&c->text, "]}\n");
	free(c->last);
	c->last = mem_strdup(mem_strv_len(names) ? names[mem_strv_len(names) - 1] : NULL);
}

/* Link: the next page begins after the last name of this one. */
static void add_link(struct call *c, const char *path)
{
	mem_cleanup char *last = c->last ? http_url_encode(c->last) : NULL;
	mem_cleanup char *link = NULL;

	if (!c->more || !last)
		return;
	link = mem_printf("<%s?n=%zu&last=%s>; rel=\"next\"", path, c->n, last);
	http_reply_header(c->r, "Link", link);
}

static void list_tags(struct call *c)
{
	char **names cleanup_with(mem_strv_freep) = NULL;

	c->result = depot_tags(c->s->depot, c->route.name, c->last, c->n, &names, &c->more, &c->err);
	if (c->result < 0)
		return;
	buf_printf(&c->text, "{\"name\":\"%s\",\"tags\":", c->route.name);
	add_names(c, names);
}

static void tags_listed(struct call *c)
{
	mem_cleanup char *path = mem_printf("/v2/%s/tags/list", c->route.name);

	if (c->result < 0) {
		call_fail_err(c, CODE_NAME_UNKNOWN);
		return;
	}
	add_link(c, path);
	call_reply_json(c, 200, NULL, buf_str(&c->text), c->text.len);
}

void serve_tags_here(struct call *c)
{
	call_work(c, list_tags, tags_listed);
}

void serve_tags_of(struct call *c, char *const *names)
{
	char **page cleanup_with(mem_strv_freep) = mem_new_n(char *, 1);
	size_t n = 0;

	c->more = false;
	for (; *names && !c->more; names++) {
		if (c->last && strcmp(*names, c->last) <= 0)
			continue;
		c->more = n == c->n;
		if (n++ < c->n)
			mem_strv_add(&page, *names);
	}
	buf_printf(&c->text, "{\"name\":\"%s\",\"tags\":", c->route.name);
	add_names(c, page);
	tags_listed(c);
}

void serve_tags(struct call *c)
{
	if (!get_page(c))
		return;
	if (c->s->mirror)
		mirror_tags(c);
	else
		serve_tags_here(c);
}

static void list_catalog(struct call *c)
{
	char **names cleanup_with(mem_strv_freep) = NULL;

	c->result = depot_repos(c->s->depot, NULL, c->last, c->n, &names, &c->more, &c->err);
	if (c->result < 0)
		return;
	buf_adds(&c->text, "{\"repositories\":");
	add_names(c, names);
}

static void catalog_listed(struct call *c)
{
	if (c->result < 0) {
		call_fail_err(c, CODE_NAME_UNKNOWN);
		return;
	}
	add_link(c, "/v2/_catalog");
	call_reply_json(c, 200, NULL, buf_str(&c->text), c->text.len);
}

void serve_catalog(struct call *c)
{
	if (get_page(c))
		call_work(c, list_catalog, catalog_listed);
}

/* ---- referrers ---- */

#define INDEX_TYPE "application/vnd.oci.image.index.v1+json"

int serve_referrers_here(struct serve *s, const char *name, const struct depot_digest *subject, const char *type,
			 struct buf *out, struct err *err)
{
	struct buf list buf_cleanup = BUF_LIMIT(16u << 20);
	int r = depot_referrers(s->depot, name, subject, type, &list, err);

	if (r < 0)
		return r;
	buf_printf(out, "{\"schemaVersion\":2,\"mediaType\":\"" INDEX_TYPE "\",\"manifests\":[");
	buf_add(out, buf_str(&list), list.len);
	buf_adds(out, "]}\n");
	return list.len > 0;
}

static void list_referrers(struct call *c)
{
	c->result = serve_referrers_here(c->s, c->route.name, &c->route.digest, c->match, &c->text, &c->err);
}

void serve_referrers_answer(struct call *c, const char *text, size_t n)
{
	call_reply_json(c, 200, INDEX_TYPE, text, n);
}

static void referrers_listed(struct call *c)
{
	if (c->result < 0) {
		call_fail_err(c, CODE_MANIFEST_UNKNOWN);
		return;
	}
	if (c->match)
		http_reply_header(c->r, "OCI-Filters-Applied", "artifactType");
	serve_referrers_answer(c, buf_str(&c->text), c->text.len);
}

void serve_referrers(struct call *c)
{
	const char *type = http_req_query(c->r, "artifactType");

	c->match = mem_strdup(type && *type ? type : NULL);
	if (c->s->mirror)
		mirror_referrers(c);
	else
		call_work(c, list_referrers, referrers_listed);
}

/* ---- search and images ---- */

static bool get_match(struct call *c, const char *key)
{
	const char *text = http_req_query(c->r, key);

	if (text && strlen(text) > QUERY_MAX) {
		call_fail(c, CODE_NAME_INVALID, "the words to search for are too long");
		return false;
	}
	c->match = mem_strdup(text ? text : "");
	return true;
}

static void add_result(struct buf *b, const char *name)
{
	buf_printf(
	    b,
	    "%s{\"name\":\"%s\",\"description\":\"\",\"star_count\":0,\"is_official\":false,\"is_trusted\":false,"
	    "\"is_automated\":false}",
	    b->len ? "," : "", name);
}

static void search(struct call *c)
{
	char **names cleanup_with(mem_strv_freep) = NULL;
	struct buf list buf_cleanup = BUF_INIT;

	c->result = depot_repos(c->s->depot, c->match, NULL, c->n, &names, &c->more, &c->err);
	if (c->result < 0)
		return;
	for (char **name = names; *name; name++)
		add_result(&list, *name);
	buf_printf(&c->text,
		   "{\"num_pages\":1,\"num_results\":%zu,\"page\":1,\"page_size\":%zu,\"query\":", mem_strv_len(names),
		   c->n);
	json_quote(&c->text, c->match, strlen(c->match));
	buf_adds(&c->text, ",\"results\":[");
	buf_add(&c->text, buf_str(&list), list.len);
	buf_adds(&c->text, "]}\n");
}

static void searched(struct call *c)
{
	if (c->result < 0)
		call_fail_err(c, CODE_NAME_UNKNOWN);
	else
		call_reply_json(c, 200, NULL, buf_str(&c->text), c->text.len);
}

void serve_search(struct call *c)
{
	if (get_match(c, "q") && get_n(c, SEARCH_DEFAULT, SEARCH_MAX))
		call_work(c, search, searched);
}

static void list_images(struct call *c)
{
	char **names cleanup_with(mem_strv_freep) = NULL;

	c->result = depot_repos(c->s->depot, c->match, c->last, c->n, &names, &c->more, &c->err);
	if (c->result < 0)
		return;
	buf_adds(&c->text, "{\"repositories\":[");
	for (char **name = names; *name; name++) {
		struct buf tags buf_cleanup = BUF_INIT;

		(void)depot_images(c->s->depot, *name, IMAGE_TAGS_MAX, &tags, NULL);
		buf_printf(&c->text, "%s{\"name\":\"%s\",\"tags\":[%s]}", name == names ? "" : ",", *name,
			   buf_str(&tags));
	}
	buf_adds(&c->text, "]}\n");
	free(c->last);
	c->last = mem_strdup(mem_strv_len(names) ? names[mem_strv_len(names) - 1] : NULL);
}

static void images_listed(struct call *c)
{
	if (c->result < 0) {
		call_fail_err(c, CODE_NAME_UNKNOWN);
		return;
	}
	if (!*c->match)
		add_link(c, "/v1/images");
	call_reply_json(c, 200, NULL, buf_str(&c->text), c->text.len);
}

void serve_images(struct call *c)
{
	if (!get_page(c) || !get_match(c, "q"))
		return;
	c->n = c->n < SEARCH_MAX ? c->n : SEARCH_MAX;
	call_work(c, list_images, images_listed);
}
