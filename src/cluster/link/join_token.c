/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/link/join_token.h"

#include "base/core/err.h"
#include "base/core/random.h"

#include <stdio.h>
#include <string.h>

#define PREFIX "berth1."

void join_token_make(const char *pin, struct join_token *ret)
{
	random_hex(ret->id, sizeof ret->id - 1);
	random_hex(ret->secret, sizeof ret->secret - 1);
	snprintf(ret->pin, sizeof ret->pin, "%s", pin);
}

void join_token_text(const struct join_token *t, char text[static JOIN_TOKEN_TEXT_MAX])
{
	snprintf(text, JOIN_TOKEN_TEXT_MAX, PREFIX "%s.%s.%s", t->id, t->secret, t->pin);
}

/* One part of exactly `n` lower-case hexadecimal digits and what follows it. */
static bool take(const char **at, char *to, size_t n, char end)
{
	if (strspn(*at, "0123456789abcdef") != n || (*at)[n] != end)
		return false;
	memcpy(to, *at, n);
	to[n] = '\0';
	*at += n + (end ? 1 : 0);
	return true;
}

int join_token_parse(const char *text, struct join_token *ret, struct err *err)
{
	struct join_token t;
	const char *at = text;

	if (strncmp(at, PREFIX, strlen(PREFIX)) != 0)
		return err_set(err, EINVAL, "a token begins with \"%s\"; make one with: berth token create", PREFIX);
	at += strlen(PREFIX);
	if (!take(&at, t.id, sizeof t.id - 1, '.') || !take(&at, t.secret, sizeof t.secret - 1, '.') ||
	    !take(&at, t.pin, sizeof t.pin - 1, '\0'))
		return err_set(
		    err, EINVAL,
		    "the token is incomplete or has been changed; copy the whole line that berth token create printed");
	*ret = t;
	return 0;
}

void join_token_hash(const char *secret, char hex[static SHA256_HEX_MAX])
{
	sha256_of(secret, strlen(secret), hex);
}

bool join_token_fits(const char *secret, const char *hash)
{
	char hex[SHA256_HEX_MAX];
	unsigned differs = 0;

	join_token_hash(secret, hex);
	if (strlen(hash) != sizeof hex - 1)
		return false;
	for (size_t i = 0; i < sizeof hex - 1; i++)
		differs |= (unsigned char)hex[i] ^ (unsigned char)hash[i];
	return differs == 0;
}
