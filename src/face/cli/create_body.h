/* SPDX-License-Identifier: Apache-2.0
 *
 * create_body: options of `berth run`, `berth create` and `berth update` as the bodies of POST /containers/create and /containers/ID/update of Docker's API.
 * The forms that people type (ports, mounts, devices ...) are checked here, with the option in the error; what they mean is checked by the daemon. Reads the
 * files of --env-file, --label-file and --security-opt seccomp=FILE.
 */
#pragma once

#include "face/cli/run_options.h"

struct err;

/* words: the image and its command. *ret_json is new memory. 0 or a negative errno. */
int create_body(const struct run_options *o, char **words, char **ret_json, struct err *err);
/* -EINVAL: nothing is to be changed. */
int create_body_update(const struct run_options *o, char **ret_json, struct err *err);
