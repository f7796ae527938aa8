/* SPDX-License-Identifier: Apache-2.0 */
#include "node/depot/route.h"

#include <stdio.h>
#include <string.h>

static const char *const methods[] = {[ROUTE_GET] = "GET", [ROUTE_HEAD] = "HEAD",   [ROUTE_POST] = "POST",
				      [ROUTE_PUT] = "PUT", [ROUTE_PATCH] = "PATCH", [ROUTE_DELETE] = "DELETE"};

static const char *const allowed[ROUTE_KINDS] = {
    [ROUTE_NONE] = "",
    [ROUTE_BASE] = "GET, HEAD",
    [ROUTE_CATALOG] = "GET",
    [ROUTE_TAGS] = "GET",
    [ROUTE_REFERRERS] = "GET",
    [ROUTE_BLOB] = "GET, HEAD, DELETE",
    [ROUTE_MANIFEST] = "GET, HEAD, PUT, DELETE",
    [ROUTE_UPLOADS] = "POST",
    [ROUTE_UPLOAD] = "GET, HEAD, PATCH, PUT, DELETE",
    [ROUTE_PING] = "GET, HEAD",
    [ROUTE_SEARCH] = "GET",
    [ROUTE_IMAGES] = "GET",
};

static const struct {
	const char *path;
	enum route_kind kind;
} fixed[] = {
    {"/v2/", ROUTE_BASE},      {"/v2", ROUTE_BASE},	     {"/v2/_catalog", ROUTE_CATALOG},
    {"/v1/_ping", ROUTE_PING}, {"/v1/search", ROUTE_SEARCH}, {"/v1/images", ROUTE_IMAGES},
};

static void parse_digest(struct route *r, const char *rest)
{
	if (!depot_digest_parse(rest, &r->digest))
		r->wrong = ROUTE_BAD_DIGEST;
}

static void parse_reference(struct route *r, const char *rest)
{
	if (strchr(rest, ':'))
		parse_digest(r, rest);
	else if (depot_tag_ok(rest))
		snprintf(r->tag, sizeof r->tag, "%s", rest);
	else
		r->wrong = ROUTE_BAD_TAG;
}

static void parse_blob(struct route *r, const char *rest)
{
	if (strcmp(rest, "uploads") == 0 || strcmp(rest, "uploads/") == 0) {
		r->kind = ROUTE_UPLOADS;
		return;
	}
	if (strncmp(rest, "uploads/", 8) != 0) {
		parse_digest(r, rest);
		return;
	}
	r->kind = ROUTE_UPLOAD;
	rest += 8;
	if (strspn(rest, "0123456789abcdef") == ROUTE_UPLOAD_DIGITS && !rest[ROUTE_UPLOAD_DIGITS])
		snprintf(r->upload, sizeof r->upload, "%s", rest);
	else
		r->wrong = ROUTE_BAD_UPLOAD;
}

static void parse_tags(struct route *r, const char *rest)
{
	if (strcmp(rest, "list") != 0)
		r->kind = ROUTE_NONE;
}

static const struct {
	const char *word;
	enum route_kind kind;
	void (*parse)(struct route *r, const char *rest);
} parts[] = {
    {"/blobs/", ROUTE_BLOB, parse_blob},
    {"/manifests/", ROUTE_MANIFEST, parse_reference},
    {"/tags/", ROUTE_TAGS, parse_tags},
    {"/referrers/", ROUTE_REFERRERS, parse_digest},
};

static const char *last_of(const char *path, const char *word)
{
	const char *found = NULL;

	for (const char *at = path; (at = strstr(at, word)); at++)
		found = at;
	return found;
}

/* NAME/blobs/..., NAME/manifests/... and so on. */
static void parse_repository(struct route *r, const char *path)
{
	const char *at = NULL;
	size_t part = 0;

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		const char *found = last_of(path, parts[i].word);

		if (found && (!at || found > at)) {
			at = found;
			part = i;
		}
	}
	if (!at)
		return;
	r->kind = parts[part].kind;
	if ((size_t)(at - path) >= sizeof r->name) {
		r->wrong = ROUTE_BAD_NAME;
		return;
	}
	memcpy(r->name, path, (size_t)(at - path));
	parts[part].parse(r, at + strlen(parts[part].word));
	if (!depot_name_ok(r->name)) {
		r->name[0] = '\0';
		r->wrong = ROUTE_BAD_NAME;
	}
}

static bool allows(enum route_kind kind, const char *method)
{
	const char *at = strstr(allowed[kind], method);

	return at && (at == allowed[kind] || at[-1] == ' ');
}

void route_parse(const char *method, const char *path, struct route *ret)
{
	*ret = (struct route){.method = ROUTE_OTHER};
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (strcmp(method, methods[i]) == 0)
			ret->method = (enum route_method)i;
	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		if (strcmp(path, fixed[i].path) == 0)
			ret->kind = fixed[i].kind;
	if (ret->kind == ROUTE_NONE && strncmp(path, "/v2/", 4) == 0)
		parse_repository(ret, path + 4);
	if (ret->kind != ROUTE_NONE && (ret->method == ROUTE_OTHER || !allows(ret->kind, method)))
		ret->wrong = ROUTE_BAD_METHOD;
}

const char *route_allow(enum route_kind kind)
{
	return allowed[kind];
}
