/* SPDX-License-Identifier: Apache-2.0
 *
 * build_health: the HEALTHCHECK instruction.
 */
#pragma once

#include <stdint.h>

#include "node/build/build_config.h"
#include "node/build/dockerfile.h"

/* "1h30m", "1.5s", "300ms", "0": nanoseconds. -EINVAL. */
int build_health_duration(const char *text, int64_t *ret, struct err *err);
/* The error does not name file and line. ret->test is of `k`. */
int build_health_parse(struct keep *k, const struct dockerfile_instruction *i, struct build_health *ret,
		       struct err *err);
