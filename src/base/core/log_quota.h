/* SPDX-License-Identifier: Apache-2.0
 *
 * log_quota: a limit for what somebody else can make us write into the log: LOG_QUOTA_LINES at once, and one more each LOG_QUOTA_EVERY_S. That more is left
 * out is one line, once until LOG_QUOTA_LINES are there again. All 0 is a full one.
 */
#pragma once

#include "base/core/bucket.h"

#define LOG_QUOTA_LINES 20
#define LOG_QUOTA_EVERY_S 10

struct log_quota {
	struct bucket lines;
	bool told;
};

/* Whether a line about `about` ("node n1") may be written now. */
bool log_quota_may(struct log_quota *q, const char *about);
