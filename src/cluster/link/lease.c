/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/link/lease.h"

int64_t lease_end(int64_t sent_ms, int64_t lease_ms)
{
	return lease_ms == 0 || lease_ms > INT64_MAX - sent_ms ? INT64_MAX : sent_ms + lease_ms;
}

/* The node's clock may be slow and the server's fast: the lease takes up to lease * D / (D - 1), and so much waiting is done in the time of that times
 * (D + 1) / D, which is lease * (D + 1) / (D - 1). */
int64_t lease_patience(int64_t lease_ms)
{
	int64_t with_kill = lease_ms + LEASE_KILL_MS;

	return with_kill + with_kill * 2 / (LEASE_DRIFT - 1) + 1;
}
