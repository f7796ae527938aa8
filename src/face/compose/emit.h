/* SPDX-License-Identifier: Apache-2.0
 *
 * emit: struct job -> the canonical job in JSON (docs/formats/job.md section 2). Only active services.
 */
#pragma once

#include <stddef.h>

struct loader;

/* New memory of the caller. */
char *emit_job(const struct loader *l, size_t *ret_len);
