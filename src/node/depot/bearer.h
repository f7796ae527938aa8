/* SPDX-License-Identifier: Apache-2.0
 *
 * bearer: what a token of a token server allows (the "token authentication" of registries): who signed it, for which service, how long, and what may be
 * done to which repository.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct access;
struct err;
struct jwt_keys;

struct bearer_rules {
	const struct jwt_keys *keys;
	const char *issuer, *service;
};

/* Adds what the token grants; -EACCES: it is not valid, for this reason. */
int bearer_check(const struct bearer_rules *rules, const char *token, int64_t now_s, struct access *ret,
		 struct err *err);
/* The same for the claims alone. */
int bearer_claims(const struct bearer_rules *rules, const char *json, size_t n, int64_t now_s, struct access *ret,
		  struct err *err);
