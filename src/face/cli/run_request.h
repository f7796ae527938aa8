/* SPDX-License-Identifier: Apache-2.0
 *
 * run_request: what the plain options of `berth run` (run_options.h) say, as the JSON of POST /v1/containers/run (docs/API.md). Reads no
 * file but those of --env-file.
 */
#pragma once

#include "face/cli/run_options.h"

struct err;

/* words: the image and its command. *ret_json is new memory. 0 or a negative errno. */
int run_request(const struct run_options *o, char **words, char **ret_json, struct err *err);

/* "./x" as a full path, in new memory. */
int run_request_absolute(const char *path, char **ret, struct err *err);
/* Is SRC of --volume a path, not a name? -EINVAL: neither. */
int run_request_is_path(const char *source, const char *spec, struct err *err);
