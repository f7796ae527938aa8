/* SPDX-License-Identifier: Apache-2.0
 *
 * sched_load: any text is an error or a state that is sound, and that goes on from there.
 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "cluster/sched/sched.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n);

static void must(int ok)
{
	if (!ok)
		abort();
}

static void go_on(struct sched *s)
{
	struct sched_event events[] = {
	    {.type = SCHED_EV_TIME, .now_ms = INT64_MAX / 2},
	    {.type = SCHED_EV_NODE_UP, .node = "n1", .node_slots = 4},
	    {.type = SCHED_EV_NODE_DOWN, .node = "n1"},
	};
	struct err err = ERR_INIT;

	for (size_t k = 0; k < sizeof events / sizeof *events; k++) {
		struct sched_actions acts;

		must(sched_step(s, &events[k], &acts, &err) == 0);
		must(sched_invariants(s, &err) == 0);
	}
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
	struct err err = ERR_INIT;
	struct sched *s = NULL, *again = NULL;
	mem_cleanup char *one = NULL;
	mem_cleanup char *two = NULL;
	size_t n1, n2;

	if (n > 65536 || sched_load(&s, (const char *)data, n, &err) < 0)
		return 0;
	one = sched_save(s, &n1);
	must(sched_load(&again, one, n1, &err) == 0);
	two = sched_save(again, &n2);
	must(n1 == n2 && !memcmp(one, two, n1));
	sched_free(again);
	go_on(s);
	sched_free(s);
	return 0;
}
