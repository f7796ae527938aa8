/* SPDX-License-Identifier: Apache-2.0
 *
 * token: bearer tokens of a token server, by the distribution project's two ways: GET with Basic for a name and password (or nobody), POST
 * (OAuth2) for an identity token.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "node/registry/cred_helper.h"
#include "node/registry/url.h"

struct err;

#define TOKEN_ANSWER_MAX (64u << 10)

struct token {
	char *text;
	char *refresh; /* an identity token for later, NULL = none was given */
	int64_t seconds;
};
void token_free(struct token *t);

/* The answer of a token server. A token with bytes that do not belong into a header is refused. */
int token_parse(const char *text, size_t n, struct token *ret, struct err *err);

/* What is asked. `scope` may hold several, separated by blanks, or be NULL. */
struct token_query {
	const char *service, *scope;
	const struct cred *cred; /* NULL = nobody */
	bool offline;		 /* also an identity token (login) */
};
/* The realm with the query added; the form that is posted; new memory. */
char *token_get_address(const char *realm, const struct token_query *q);
char *token_post_body(const struct token_query *q);
/* "Authorization: Basic ..." */
char *token_basic(const struct cred *c);
