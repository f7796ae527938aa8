/* SPDX-License-Identifier: Apache-2.0
 *
 * retry: whether an instance gets another attempt, and after which delay. Pure arithmetic over the task's settings.
 */
#include "cluster/sched/state.h"

#define DEFAULT_MAX_MS 60000
#define SERVICE_FIRST_MS 100
#define SERVICE_MAX_MS 60000
#define BACKOFF_STEPS_MAX 10000 /* a factor a hair over 1 must not make a long loop */

/* 2, 4, 7, 11, 16, 22 ... s: each step is one second longer than the one before (ProActive's growing delay). */
static int64_t default_delay(uint32_t failures)
{
	int64_t n = failures < 100 ? failures : 100;
	int64_t ms = (1 + n * (n + 1) / 2) * 1000;

	return ms < DEFAULT_MAX_MS ? ms : DEFAULT_MAX_MS;
}

/* The delay before the next try of a task after its `failures`-th failure, in milliseconds. */
int64_t sched_retry_delay(const struct task *t, uint32_t failures)
{
	double ms = (double)t->delay_ms;

	if (t->delay_ms < 0)
		return default_delay(failures);
	if (t->backoff > 1 && ms > 0) {
		for (uint32_t n = 1; n < failures && n < BACKOFF_STEPS_MAX && ms < RETRY_MAX_MS; n++)
			ms *= t->backoff;
	}
	return ms < RETRY_MAX_MS ? (int64_t)ms : RETRY_MAX_MS;
}

static int64_t service_delay(struct instance *i)
{
	int64_t ms = SERVICE_FIRST_MS;

	for (uint32_t n = 0; n < i->delays && ms < SERVICE_MAX_MS; n++)
		ms *= 2;
	if (i->delays < UINT32_MAX)
		i->delays++;
	return ms < SERVICE_MAX_MS ? ms : SERVICE_MAX_MS;
}

static bool service_next(const struct task *t, struct instance *i, bool success, int64_t ran_ms, int64_t *ret_delay_ms)
{
	if (ran_ms >= RESET_AFTER_MS)
		i->delays = i->tries = 0;
	if (t->restart == SCHED_RESTART_NO || (t->restart == SCHED_RESTART_ON_FAILURE && success))
		return false;
	if (i->tries < UINT32_MAX)
		i->tries++;
	if (t->restart == SCHED_RESTART_ON_FAILURE && t->restart_max && i->tries > t->restart_max)
		return false;
	*ret_delay_ms = service_delay(i);
	return true;
}

/* Counts the end of an attempt that ran for ran_ms and says whether another one follows, after *ret_delay_ms. */
bool sched_retry_next(const struct task *t, struct instance *i, bool success, int64_t ran_ms, int64_t *ret_delay_ms)
{
	if (t->service)
		return service_next(t, i, success, ran_ms, ret_delay_ms);
	if (success)
		return false;
	if (i->tries < UINT32_MAX)
		i->tries++;
	if (i->tries >= t->attempts)
		return false;
	*ret_delay_ms = sched_retry_delay(t, i->tries);
	return true;
}
