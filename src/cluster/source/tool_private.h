/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of source_tool share.
 */
#pragma once

#include "base/wire/json.h"

struct buf;
struct err;

#define TOOL_SELF "/proc/self/exe" /* also when the file of this program has been replaced meanwhile */

typedef int source_tool_fn(yyjson_val *request, struct err *err);

source_tool_fn tool_local_create, tool_local_destroy; /* tool_local.c */
source_tool_fn tool_ssh_create, tool_ssh_destroy;     /* tool_ssh.c */

/* "" when it is not there. */
const char *source_tool_text(yyjson_val *request, const char *key);
/* Runs a program and waits. `what` completes "... failed (exit code 1)". Its errors go to ours; in: its input, -1 = none; out: its output, NULL = nobody's. */
int source_tool_run(const char *what, const char *path, char **argv, char **env, int in, struct buf *out,
		    struct err *err);
