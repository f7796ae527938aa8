/* SPDX-License-Identifier: Apache-2.0
 *
 * path_stat: what the header X-Docker-Container-Path-Stat says. Pure. Inside of face/docker only.
 */
#pragma once

#include "base/wire/json.h"

/* base64 of {"name", "size", "mode", "mtime", "linkTarget"}, from the answer of the tool "files_stat"; the caller's. */
char *path_stat_header(yyjson_val *answer);
