/* SPDX-License-Identifier: Apache-2.0
 *
 * Headers of registries and token servers: WWW-Authenticate, Link, Location, Retry-After. Needs registry_dep.
 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/registry/challenge.h"
#include "node/registry/name.h"
#include "node/registry/session.h"
#include "node/registry/url.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What was understood must be understood the same way again. */
static void address(const struct url *u)
{
	cleanup_with(url_free) struct url again = URL_INIT;
	mem_cleanup char *text = url_text(u);

	if (url_parse(text, &again, NULL) < 0 || !url_same_origin(u, &again) || strcmp(u->path, again.path) != 0)
		abort();
	if (strpbrk(u->host, "/@?#\\ ") || u->port == 0 || u->path[0] != '/')
		abort();
}

static void location(const char *text)
{
	cleanup_with(url_free) struct url base = URL_INIT;
	cleanup_with(url_free) struct url to = URL_INIT;

	if (url_parse("https://r.example:5000/v2/a/b?c", &base, NULL) < 0)
		abort();
	if (url_resolve(&base, text, &to, NULL) == 0)
		address(&to);
}

static void challenge(const char *text)
{
	cleanup_with(challenge_free) struct challenge c = {.kind = CHALLENGE_NONE};
	mem_cleanup char *next = NULL;
	struct err err = ERR_INIT;

	if (challenge_parse(text, &c, &err) == 0) {
		if (c.kind == CHALLENGE_BEARER && !c.realm)
			abort();
	} else if (err.code == 0 || c.realm) {
		abort();
	}
	if (challenge_next_link(text, &next, NULL) < 0 && next)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	cleanup_with(url_free) struct url u = URL_INIT;
	mem_cleanup char *text = mem_strndup((const char *)data, n);
	mem_cleanup char *host = NULL;

	if (url_parse(text, &u, NULL) == 0)
		address(&u);
	location(text);
	challenge(text);
	if (session_retry_after(text, 0) < -1)
		abort();
	(void)name_host(text, &host, NULL);
	return 0;
}
