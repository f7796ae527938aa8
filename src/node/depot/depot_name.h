/* SPDX-License-Identifier: Apache-2.0
 *
 * depot_name: the words of the distribution protocol that become names of files: repositories, tags, digests. Strict grammar (distribution-spec 1.1,
 * "Pulling manifests"; image-spec, "Digests"), so that no such word can ever be a path of another kind.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/core/sha256.h"
#include "base/core/sha512.h"

#define DEPOT_NAME_MAX 255u
#define DEPOT_TAG_MAX 128u

enum depot_hash { DEPOT_SHA256, DEPOT_SHA512, DEPOT_HASHES };

struct depot_digest {
	enum depot_hash hash;
	char hex[SHA512_HEX_MAX];
};
#define DEPOT_DIGEST_MAX (sizeof "sha512:" - 1 + SHA512_HEX_MAX)

bool depot_name_ok(const char *repository); /* "team/app": lower case, parts joined by one of . _ __ - -- ... */
bool depot_tag_ok(const char *tag);
const char *depot_hash_name(enum depot_hash hash); /* "sha256" */
/* "sha256:" and 64 lower-case digits, "sha512:" and 128. False: something else. */
bool depot_digest_parse(const char *text, struct depot_digest *ret);
char *depot_digest_text(const struct depot_digest *d, char text[static DEPOT_DIGEST_MAX]); /* returns text */
bool depot_digest_equal(const struct depot_digest *a, const struct depot_digest *b);

/* A digest made piece by piece. */
struct depot_hasher {
	enum depot_hash hash;
	union {
		struct sha256 sha256;
		struct sha512 sha512;
	};
};
void depot_hasher_init(struct depot_hasher *h, enum depot_hash hash);
void depot_hasher_add(struct depot_hasher *h, const void *data, size_t n);
void depot_hasher_end(struct depot_hasher *h, struct depot_digest *ret);
void depot_digest_of(enum depot_hash hash, const void *data, size_t n, struct depot_digest *ret);
