/* SPDX-License-Identifier: Apache-2.0
 *
 * url: the addresses that a registry or its token server may send us to. Strict on purpose: what two parsers could read differently (users
 * in the address, blanks, backslashes, fragments, bytes beyond ASCII, odd ports) is refused, so that the host that was checked is the host that
 * is talked to.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct err;

#define URL_MAX 8192u

struct url {
	bool https;
	char *host;    /* lower case; an IPv6 address in its brackets */
	unsigned port; /* never 0: the scheme's when none was given */
	char *path;    /* begins with '/', with the query */
};
#define URL_INIT                                                                                                       \
	{                                                                                                              \
		.host = NULL                                                                                           \
	}

/* "http://HOST[:PORT][/PATH][?QUERY]", https as well. 0 or -EINVAL. */
int url_parse(const char *text, struct url *ret, struct err *err);
/* What a Location header means in the reply to a request for `base`: a whole address, "//host/path", "/path", "?query" or "path". */
int url_resolve(const struct url *base, const char *location, struct url *ret, struct err *err);
void url_free(struct url *u);

/* Scheme, host and port are the same: credentials for one may be shown to the other. */
bool url_same_origin(const struct url *a, const struct url *b);
/* localhost, 127.0.0.0/8, [::1] */
bool url_is_loopback(const char *host);

char *url_text(const struct url *u);	  /* new memory */
char *url_origin(const struct url *u);	  /* "https://host:port", the port when it is not the scheme's; new memory */
char *url_authority(const struct url *u); /* "host:port", likewise; new memory */
void url_copy(const struct url *from, struct url *ret); /* deep */
char *url_escape(const char *s,
		 const char *keep); /* percent-encoded but for letters, digits, "-._~" and `keep`; new memory */
