/* SPDX-License-Identifier: Apache-2.0
 *
 * excerpt: where in a Dockerfile a build failed, as the details of a gRPC status: clients print the lines around it.
 * Sources: moby/buildkit util/grpcerrors, solver/errdefs/errdefs.proto (Source); google.rpc.Status.
 */
#pragma once

#include "base/wire/json.h"

struct excerpt;

/* "details" of the answer; line 0 = nowhere. Far lines of a long file are left empty: no more than EXCERPT_BYTES go. */
#define EXCERPT_NEAR 20u
#define EXCERPT_BYTES (16u << 10)
void excerpt_tell(yyjson_mut_doc *answer, const char *file, const char *text, size_t n, unsigned line, unsigned end);

/* Those details, or NULL when they are none. */
struct excerpt *excerpt_new(yyjson_val *details);
struct excerpt *excerpt_free(struct excerpt *e); /* takes NULL */
/* The status with the excerpt in it, in base64, the caller's; NULL when e is. */
char *excerpt_status(const struct excerpt *e, int status, const char *text);
