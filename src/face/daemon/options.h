/* SPDX-License-Identifier: Apache-2.0
 *
 * options: what can be wrong with the options of a daemon and the files that they name, found before anything is made: a daemon that cannot be leaves no data
 * directory behind. What only trying can tell (an address that is in use) is not asked here.
 */
#pragma once

#include "face/api/api.h"

struct cli_up_options;
struct err;

int options_check(const struct cli_up_options *o, struct err *err);
struct api_doors options_doors(const struct cli_up_options *o); /* of --listen; points into *o */
