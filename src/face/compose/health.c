/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/health.h"

#include "face/compose/job.h"
#include "face/compose/loader.h"
#include "face/compose/read.h"

#include <string.h>

/* True when a check is there: false for NONE and for a wrong one. */
static bool read_test(struct loader *l, struct job_service *s, const struct node *test)
{
	struct strings words = {0};
	const char *first;

	if (test->kind == NODE_SCALAR)
		strings_add(&l->arena, &words, "CMD-SHELL");
	read_strings(l, test->parent, "test", &words);
	first = words.n ? words.v[0] : "";
	s->health.test = words.v;
	s->health_off = strcmp(first, "NONE") == 0;
	if (s->health_off)
		return false;
	if (strcmp(first, "CMD") != 0 && strcmp(first, "CMD-SHELL") != 0) {
		message_error(l, test,
			      "the list starts with CMD, CMD-SHELL or NONE, not \"%s\"; for example [CMD, \"true\"]",
			      first);
		return false;
	}
	if (words.n < 2 || (strcmp(first, "CMD-SHELL") == 0 && words.n != 2)) {
		message_error(l, test, "%s needs %s", first, first[3] ? "one command" : "a command");
		return false;
	}
	return true;
}

void health_read(struct loader *l, struct job_service *s)
{
	const struct node *n = read_map(s->node, "healthcheck"), *test = node_value(n, "test");
	struct job_health *h = &s->health;

	s->health_off = !n || n->n == 0 || read_bool(n, "disable", false);
	if (s->health_off)
		return;
	if (!test) {
		message_error(l, n, "test is missing; for example test: [CMD, \"true\"]");
		return;
	}
	if (test->kind == NODE_MAP)
		return;
	s->has_health = read_test(l, s, test);
	h->interval_ms = read_duration(n, "interval", 30000);
	h->timeout_ms = read_duration(n, "timeout", 30000);
	h->retries = read_int(n, "retries", 3);
	h->start_period_ms = read_duration(n, "start_period", 0);
	h->start_interval_ms = read_duration(n, "start_interval", 5000);
	/* 0 is "the default" in Compose */
	h->interval_ms = h->interval_ms ? h->interval_ms : 30000;
	h->timeout_ms = h->timeout_ms ? h->timeout_ms : 30000;
	h->retries = h->retries ? h->retries : 3;
	h->start_interval_ms = h->start_interval_ms ? h->start_interval_ms : 5000;
	job_where_add(l, s, test);
}
