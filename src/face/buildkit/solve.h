/* SPDX-License-Identifier: Apache-2.0
 *
 * solve: the process of one build that a client of BuildKit's protocol asks for. Its standard input is what ask.h asks through, and whence a context comes that was the
 * body of its request; its standard output takes
 * the messages of status.h.
 */
#pragma once

#include "base/wire/json.h"

#define SOLVE_UPLOAD_MAX (1u << 30)

struct err;

/* request: {"ref": ID, "attrs": {NAME: VALUE}, "exporters": [{"type", "attrs"}], "cache_from": [...], "cache_to": [...], "host": BOOL, "body": BOOL, "key": TEXT, "docker_config": {"auths": {...}}}: the last are logins that the client sent. What the client is
 * told of the result goes into `answer` as "response", where in the Dockerfile a failure stands as "details" (excerpt.h). Blocks; SIGTERM ends it. */
int solve_run(yyjson_val *request, int data_dir, yyjson_mut_doc *answer, struct err *err);
