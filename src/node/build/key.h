/* SPDX-License-Identifier: Apache-2.0
 *
 * key: cache keys. A step whose key is known has its result in the cache. Pure functions of what a step depends on, and of nothing else:
 *
 *   a stage's first key     the base: digest of the image's config (with the platform), of a context's content, or "scratch"
 *   RUN                     key of the step before, argv, script, the environment that reaches it, user, workdir, the definition of its
 *                           mounts and the content of its bind mounts. Not: secrets, ssh, what a cache mount holds, proxies, network
 *   COPY, ADD               key of the step before (not with --link), the instruction, and the content of its sources: names, types, modes,
 *                           owners, link targets, bytes; no times (content digests are the caller's)
 *   WORKDIR                 key of the step before, path and user
 *   config only             the key of the step before: they change the config, never a later RUN but through its environment
 *
 * --no-cache: every RUN, COPY, ADD and WORKDIR runs again (plan_step.no_cache) and its result replaces the one in the cache; keys stay the same.
 * The FROM image is taken as it is; --pull asks for it again.
 */
#pragma once

#include <stddef.h>

#include "base/core/sha256.h"

struct plan_step;

struct key {
	char hex[SHA256_HEX_MAX];
};

/* The content of one input: COPY and ADD: one for each source, in order; RUN: one for each bind mount and each cache mount with from=, in
 * order. Digests are texts that only have to be equal for equal content. URLs: ETag or checksum; git: the commit. */
struct key_content {
	const char *digest;
};

void key_scratch(struct key *ret);
/* `kind`: "image", "context"; the digest and the platform of what was chosen. */
void key_base(const char *kind, const char *digest, const char *platform, struct key *ret);
/* The key of the step's own result, by which it is looked up. `n` must be key_inputs(step). */
void key_step(const struct key *parent, const struct plan_step *step, const struct key_content *contents, size_t n,
	      struct key *ret);
/* What the next step stands on, when `key` is that of the step: the same, but with --link also what was there before, because the next
 * step sees both. `ret` may be `parent`. */
void key_next(const struct key *parent, const struct plan_step *step, const struct key *key, struct key *ret);
/* How many contents the key of this step needs; key_input() says of what the i-th is: the index of the mount, or of the source. */
size_t key_inputs(const struct plan_step *step);
size_t key_input(const struct plan_step *step, size_t i);
