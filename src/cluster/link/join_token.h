/* SPDX-License-Identifier: Apache-2.0
 *
 * join_token: what lets a machine join: "berth1.ID.SECRET.PIN". ID names it in lists, SECRET is 32 random hexadecimal digits of which the server keeps the SHA-256
 * only, and PIN is the SHA-256 of the authority's certificate: so the first contact is safe, too.
 */
#pragma once

#include "base/core/sha256.h"

#include <stdbool.h>

struct err;

#define JOIN_TOKEN_ID_MAX 9
#define JOIN_TOKEN_SECRET_MAX 33
#define JOIN_TOKEN_TEXT_MAX 160

struct join_token {
	char id[JOIN_TOKEN_ID_MAX];
	char secret[JOIN_TOKEN_SECRET_MAX];
	char pin[SHA256_HEX_MAX];
};

void join_token_make(const char *pin, struct join_token *ret); /* random */
void join_token_text(const struct join_token *t, char text[static JOIN_TOKEN_TEXT_MAX]);
/* -EINVAL says what is wrong without repeating the secret. */
int join_token_parse(const char *text, struct join_token *ret, struct err *err);
/* What the server keeps, and whether a secret is that one; takes the same time for every answer. */
void join_token_hash(const char *secret, char hex[static SHA256_HEX_MAX]);
bool join_token_fits(const char *secret, const char *hash);
