/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/link/redial.h"

#define MIN_MS 200
#define PATIENT 10 /* failures after which pauses are as long as they get */

void redial_welcomed(struct redial *r)
{
	r->failures = 0;
	r->tried = 0;
}

void redial_refused(struct redial *r)
{
	r->failures = PATIENT;
	r->refused = true;
}

/* Half of the pause and a random part of the other half. */
static int64_t pause_ms(unsigned failures, int64_t max, uint32_t random)
{
	int64_t ms = MIN_MS;

	while (failures-- > 1 && ms < max)
		ms *= 2;
	if (ms > max)
		ms = max;
	return ms / 2 + (int64_t)(random % (uint64_t)(ms / 2 + 1));
}

int64_t redial_pause_ms(struct redial *r, uint32_t random)
{
	bool several = r->several && !r->refused;

	r->refused = false;
	if (several && ++r->tried < r->n_addresses)
		return 0;
	r->tried = 0;
	r->failures++;
	return pause_ms(r->failures, several ? REDIAL_SEVERAL_MS : REDIAL_MAX_MS, random);
}
