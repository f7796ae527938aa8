/* SPDX-License-Identifier: Apache-2.0
 *
 * bucket: how often something may be done. `size` times at once, and once more each `every_us` (the "generic cell rate algorithm" of ATM Forum TM 4.1,
 * 4.4.2, with one number of state). It has no timer and no clock of its own. All 0 is a full one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct bucket {
	int64_t full_us; /* when it will be full again */
};

/* Takes `n` out of it; false: there are fewer, and nothing was taken. now_us never goes back. */
bool bucket_take(struct bucket *b, int64_t now_us, int64_t every_us, uint32_t size, uint32_t n);
bool bucket_is_full(const struct bucket *b, int64_t now_us);
