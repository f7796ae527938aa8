/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/owner.h"

#include "base/core/sha256.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char by_cert[] = "cert:", by_hash[] = "cert:sha256:";

static bool is_plain(const char *name)
{
	for (; *name; name++) {
		if ((unsigned char)*name < 0x20 || *name == 0x7f)
			return false;
	}
	return true;
}

/* The names of two people never become one word: what looks like a hash is hashed, too. */
static void cert_text(const char *name, char ret[static OWNER_MAX])
{
	char hex[SHA256_HEX_MAX];

	if (strlen(name) < OWNER_MAX - sizeof by_cert && is_plain(name) && strncmp(name, "sha256:", 7) != 0) {
		snprintf(ret, OWNER_MAX, "%s%s", by_cert, name);
		return;
	}
	sha256_of(name, strlen(name), hex);
	snprintf(ret, OWNER_MAX, "%s%.48s", by_hash, hex);
}

void owner_text(uint32_t uid, const char *cert, bool token, char ret[static OWNER_MAX])
{
	if (cert)
		cert_text(cert, ret);
	else if (token)
		snprintf(ret, OWNER_MAX, "token");
	else
		snprintf(ret, OWNER_MAX, "%" PRIu32, uid);
}

bool owner_ok(const char *text)
{
	size_t n = strlen(text);

	if (n == 0 || n >= OWNER_MAX || !is_plain(text))
		return false;
	return strspn(text, "0123456789") == n || !strcmp(text, "token") ||
	       (!strncmp(text, by_cert, sizeof by_cert - 1) && text[sizeof by_cert - 1]);
}
