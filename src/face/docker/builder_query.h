/* SPDX-License-Identifier: Apache-2.0
 *
 * builder_query: the query of POST /build?version=2 as the request of a build (face/buildkit/solve.h).
 */
#pragma once

#include "base/wire/json.h"

struct err;
struct http_req;

#define BUILDER_SESSION_MAX 256

/* 1 = the body is the context, 0 = the files come from the session. *ret is the caller's. -EINVAL, -ENOTSUP. */
int builder_query(const struct http_req *r, yyjson_mut_doc **ret, struct err *err);
