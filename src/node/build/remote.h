/* SPDX-License-Identifier: Apache-2.0
 *
 * remote: sources of ADD that are not files: addresses of files (http, https) and of git repositories.
 */
#pragma once

#include <stdbool.h>

#include "base/core/sha256.h"

struct err;

bool remote_is(const char *source);
/* What the key of an ADD has for it: its checksum. */
int remote_digest(const char *source, const char *checksum, char ret[static SHA256_HEX_MAX], struct err *err);
