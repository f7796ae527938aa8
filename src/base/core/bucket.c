/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/bucket.h"

bool bucket_take(struct bucket *b, int64_t now_us, int64_t every_us, uint32_t size, uint32_t n)
{
	int64_t full = (bucket_is_full(b, now_us) ? now_us : b->full_us) + every_us * n;

	if (full - now_us > every_us * size)
		return false;
	b->full_us = full;
	return true;
}

bool bucket_is_full(const struct bucket *b, int64_t now_us)
{
	return b->full_us <= now_us;
}
