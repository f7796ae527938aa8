/* SPDX-License-Identifier: Apache-2.0
 *
 * jwt: signed tokens (RFC 7515, 7519), RS256 and ES256, checked with keys that were given before. What a token says of its own key (jwk, x5c, jku)
 * is not even looked at.
 */
#pragma once

#include <stddef.h>

struct err;
struct jwt_keys;

#define JWT_MAX (32u << 10)

/* A file of PEM certificates and public keys, or a JWKS (RFC 7517). */
int jwt_keys_load(const char *file, struct jwt_keys **ret, struct err *err);
struct jwt_keys *jwt_keys_free(struct jwt_keys *k);
/* The payload of a token that one of the keys has signed: new memory, NUL-terminated. -EACCES otherwise. */
int jwt_open(const struct jwt_keys *k, const char *token, char **ret, size_t *ret_n, struct err *err);
