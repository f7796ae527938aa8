/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/server/manners.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "cluster/server/fleet.h"

#define SECOND_US 1000000LL
#define CHANGES_A_SECOND 10
#define CHANGES_OF_LIVE 4
#define CERTS 5
#define CERT_EVERY_S 10
#define LINKS 30
#define LINK_EVERY_S 2

static int64_t now_us(void)
{
	return clock_mono_ns() / 1000;
}

bool manners_may_change(struct node *n, size_t live)
{
	uint32_t a_second = CHANGES_A_SECOND + (uint32_t)live;

	return bucket_take(&n->changes, now_us(), SECOND_US / a_second,
			   MANNERS_CHANGES + CHANGES_OF_LIVE * (uint32_t)live, 1);
}

bool manners_may_renew(struct node *n, int64_t cert_s)
{
	int64_t every_us = CERT_EVERY_S * SECOND_US, quarter_us = cert_s * SECOND_US / 4;

	return bucket_take(&n->certs, now_us(), quarter_us < every_us ? quarter_us : every_us, CERTS, 1);
}

bool manners_may_link(struct node *n)
{
	return bucket_take(&n->links, now_us(), LINK_EVERY_S * SECOND_US, LINKS, 1);
}

bool manners_may_log(struct node *n)
{
	mem_cleanup char *about = mem_printf("node %s", n->name);

	return log_quota_may(&n->lines, about);
}
