/* SPDX-License-Identifier: Apache-2.0
 *
 * secret: the values of --secret and --ssh. They are read when a step asks for them, in the process of that step, and are in no key, no
 * history and no layer.
 */
#pragma once

#include <stddef.h>

struct err;

#define SECRET_BYTES_MAX (500u << 10)

/* Form alone: "id=ID,src=PATH", "id=ID,source=PATH", "id=ID,env=NAME", "id=ID" (the variable ID, else the file ID). */
int secret_check(const char *text, struct err *err);
/* -ENOENT: nobody gave a secret of that id. NUL-terminated, the caller's. */
int secret_read(char *const *secrets, const char *id, char **ret, size_t *ret_n, struct err *err);
/* The path of the agent's socket for "default", "default=PATH" or "ID=PATH". */
int secret_agent(char *const *ssh, const char *id, char **ret, struct err *err);
