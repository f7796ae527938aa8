/* SPDX-License-Identifier: Apache-2.0
 *
 * web: a file from an address (http, https) of the user's choice. Nobody's credentials are shown. Redirects are followed (at the most 10), but never
 * from https to http. Link-local addresses (the metadata services of clouds: 169.254.169.254) are asked for nothing, however they are named, and
 * loopback addresses only by a name that was given, not by a redirect from elsewhere.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/core/sha256.h"

struct err;

#define WEB_BYTES_MAX (16ull << 30)
#define WEB_VERSION_MAX 600

/* Plain memory, so that a child process can leave it in shared pages. */
struct web_file {
	char hex[SHA256_HEX_MAX]; /* of the content */
	char version
	    [WEB_VERSION_MAX]; /* what the server says that tells this content from others: its ETag and Last-Modified; "" = nothing */
	int64_t mtime_s; /* Last-Modified, or 0 */
	uint64_t size;
	bool known; /* the version was known, so the content was not fetched */
};

struct web_request {
	const char *url;
	uint64_t limit; /* bytes; 0 = WEB_BYTES_MAX */
	int fd;		/* gets the content */
	/* Whether the content of this version is known; NULL = never. */
	bool (*known)(void *ctx, const char *version);
	void *ctx;
};

/* The text of an error names the address. */
int web_get(const struct web_request *q, struct web_file *ret, struct err *err);

/* The name of the file: the last part of the path, percent-decoded; "__unnamed__" when there is none. New memory. */
char *web_name(const char *url);
