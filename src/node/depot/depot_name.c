/* SPDX-License-Identifier: Apache-2.0 */
#include "node/depot/depot_name.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	size_t digits;
} hashes[DEPOT_HASHES] = {{"sha256", SHA256_HEX_MAX - 1}, {"sha512", SHA512_HEX_MAX - 1}};

static bool is_lower(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* What may stand between two runs of letters and digits: ".", "_", "__" or any number of "-". Returns its length, 0 for none. */
static size_t separator(const char *s)
{
	if (*s == '.')
		return 1;
	if (*s == '_')
		return s[1] == '_' ? 2 : 1;
	return strspn(s, "-");
}

bool depot_name_ok(const char *s)
{
	if (strlen(s) > DEPOT_NAME_MAX)
		return false;
	for (;;) {
		if (!is_lower(*s))
			return false;
		while (is_lower(*s))
			s++;
		if (*s == '\0')
			return true;
		if (*s == '/')
			s++;
		else if (separator(s) == 0)
			return false;
		else
			s += separator(s);
	}
}

bool depot_tag_ok(const char *tag)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
	static const char later[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
	size_t n = strlen(tag);

	return n > 0 && n <= DEPOT_TAG_MAX && strchr(first, *tag) && strspn(tag, later) == n;
}

const char *depot_hash_name(enum depot_hash hash)
{
	return hashes[hash].name;
}

bool depot_digest_parse(const char *text, struct depot_digest *ret)
{
	for (int i = 0; i < DEPOT_HASHES; i++) {
		size_t n = strlen(hashes[i].name);
		const char *hex = text + n + 1;

		if (strncmp(text, hashes[i].name, n) != 0 || text[n] != ':')
			continue;
		if (strspn(hex, "0123456789abcdef") != hashes[i].digits || hex[hashes[i].digits])
			return false;
		ret->hash = (enum depot_hash)i;
		memcpy(ret->hex, hex, hashes[i].digits + 1);
		return true;
	}
	return false;
}

char *depot_digest_text(const struct depot_digest *d, char text[static DEPOT_DIGEST_MAX])
{
	snprintf(text, DEPOT_DIGEST_MAX, "%s:%s", hashes[d->hash].name, d->hex);
	return text;
}

bool depot_digest_equal(const struct depot_digest *a, const struct depot_digest *b)
{
	return a->hash == b->hash && strcmp(a->hex, b->hex) == 0;
}

void depot_hasher_init(struct depot_hasher *h, enum depot_hash hash)
{
	h->hash = hash;
	if (hash == DEPOT_SHA512)
		sha512_init(&h->sha512);
	else
		sha256_init(&h->sha256);
}

void depot_hasher_add(struct depot_hasher *h, const void *data, size_t n)
{
	if (h->hash == DEPOT_SHA512)
		sha512_add(&h->sha512, data, n);
	else
		sha256_add(&h->sha256, data, n);
}

void depot_hasher_end(struct depot_hasher *h, struct depot_digest *ret)
{
	ret->hash = h->hash;
	if (h->hash == DEPOT_SHA512)
		sha512_hex(&h->sha512, ret->hex);
	else
		sha256_hex(&h->sha256, ret->hex);
}

void depot_digest_of(enum depot_hash hash, const void *data, size_t n, struct depot_digest *ret)
{
	struct depot_hasher h;

	depot_hasher_init(&h, hash);
	depot_hasher_add(&h, data, n);
	depot_hasher_end(&h, ret);
}
