/* SPDX-License-Identifier: Apache-2.0
 *
 * http_target: the target of a request, split and percent-decoded (RFC 3986 section 2.1). Strict: a bad escape, an escaped NUL or more than
 * HTTP_PARAMS_MAX parameters is an error.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct err;

#define HTTP_PARAMS_MAX 256

struct http_param {
	const char *name, *value; /* "" when there is no "=" */
};

struct http_target {
	char *text; /* holds all strings */
	const char *path;
	struct http_param *params;
	size_t n_params, cap_params;
};

/* Accepts "/path?query", "http://host/path?query" and "*". In the query "+" is a blank. 0 or -EINVAL. */
int http_target_parse(struct http_target *t, const char *raw, struct err *err);
const char *http_target_param(const struct http_target *t, const char *name); /* the first of that name, or NULL */
void http_target_free(struct http_target *t);
