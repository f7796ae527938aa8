/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/log_quota.h"

#include "base/core/clock.h"
#include "base/core/log.h"

bool log_quota_may(struct log_quota *q, const char *about)
{
	int64_t now = clock_mono_ns() / 1000;

	if (bucket_is_full(&q->lines, now))
		q->told = false;
	if (bucket_take(&q->lines, now, LOG_QUOTA_EVERY_S * 1000000LL, LOG_QUOTA_LINES, 1))
		return true;
	if (!q->told)
		log_warning(
		    "there are more lines about %s than there is room for: they are left out, but for one in %d s",
		    about, LOG_QUOTA_EVERY_S);
	q->told = true;
	return false;
}
