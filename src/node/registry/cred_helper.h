/* SPDX-License-Identifier: Apache-2.0
 *
 * cred_helper: the programs docker-credential-NAME that keep credentials (docker's protocol: an action as argument, a request on stdin, the
 * answer on stdout). They get a clean environment, as much as they need to find their store, and 30 seconds.
 */
#pragma once

#include <stdbool.h>

struct err;

struct cred {
	char *user, *secret;  /* secret: a password */
	char *identity_token; /* instead of both: lets us ask for tokens (OAuth2) */
	char *registry_token; /* instead of all: is shown to the registry itself */
};
void cred_free(struct cred *c);

/* 1 found, 0 it has none for this server, or a negative errno. */
int cred_helper_get(const char *helper, const char *server, struct cred *ret, struct err *err);
int cred_helper_store(const char *helper, const char *server, const struct cred *c, struct err *err);
int cred_helper_erase(const char *helper, const char *server, struct err *err);

/* The answer to "get"; for the tests. */
int cred_helper_parse(const char *text, unsigned long n, const char *helper, struct cred *ret, struct err *err);
