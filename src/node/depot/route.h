/* SPDX-License-Identifier: Apache-2.0
 *
 * route: method and path of a request -> which end point of the registry it means, and whose. Pure.
 *
 * The name of a repository may hold words that are parts of paths too ("a/blobs/b"): the last "/blobs/", "/manifests/", "/tags/" or
 * "/referrers/" counts.
 */
#pragma once

#include "node/depot/depot_name.h"

enum route_kind {
	ROUTE_NONE, /* no such path */
	ROUTE_BASE, /* /v2/ */
	ROUTE_CATALOG,
	ROUTE_TAGS,
	ROUTE_REFERRERS,
	ROUTE_BLOB,
	ROUTE_MANIFEST,
	ROUTE_UPLOADS, /* /v2/NAME/blobs/uploads/ */
	ROUTE_UPLOAD,  /* ... and its ID */
	ROUTE_PING,    /* /v1/_ping */
	ROUTE_SEARCH,  /* /v1/search */
	ROUTE_IMAGES,  /* /v1/images */
	ROUTE_KINDS
};

enum route_method { ROUTE_GET, ROUTE_HEAD, ROUTE_POST, ROUTE_PUT, ROUTE_PATCH, ROUTE_DELETE, ROUTE_OTHER };

enum route_wrong { ROUTE_WELL, ROUTE_BAD_NAME, ROUTE_BAD_TAG, ROUTE_BAD_DIGEST, ROUTE_BAD_UPLOAD, ROUTE_BAD_METHOD };

#define ROUTE_UPLOAD_DIGITS 32u

struct route {
	enum route_kind kind;
	enum route_method method;
	enum route_wrong wrong;
	char name[DEPOT_NAME_MAX + 1];
	char tag[DEPOT_TAG_MAX + 1]; /* of a manifest; "" = by digest */
	struct depot_digest digest;
	char upload[ROUTE_UPLOAD_DIGITS + 1];
};

void route_parse(const char *method, const char *path, struct route *ret);
/* The methods of an end point, for the header Allow. */
const char *route_allow(enum route_kind kind);
