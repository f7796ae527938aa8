/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/agent/cores.h"

#include "base/core/err.h"

#include <ctype.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- sets ---- */

bool cores_has(const struct cores *c, unsigned n)
{
	return n < CORES_MAX && (c->bits[n / 64] >> n % 64 & 1);
}

void cores_add(struct cores *c, unsigned n)
{
	if (n < CORES_MAX)
		c->bits[n / 64] |= (uint64_t)1 << n % 64;
}

unsigned cores_count(const struct cores *c)
{
	unsigned n = 0;

	for (size_t k = 0; k < CORES_MAX / 64; k++)
		n += (unsigned)__builtin_popcountll(c->bits[k]);
	return n;
}

bool cores_overlap(const struct cores *a, const struct cores *b)
{
	for (size_t k = 0; k < CORES_MAX / 64; k++) {
		if (a->bits[k] & b->bits[k])
			return true;
	}
	return false;
}

/* "3" or "3-5"; *p goes behind it. */
static bool add_range(struct cores *c, const char **p)
{
	char *end;
	unsigned long from = strtoul(*p, &end, 10), to = from;

	if (!isdigit((unsigned char)**p))
		return false;
	if (*end == '-') {
		if (!isdigit((unsigned char)end[1]))
			return false;
		to = strtoul(end + 1, &end, 10);
	}
	if (to < from || to >= CORES_MAX)
		return false;
	for (unsigned long n = from; n <= to; n++)
		cores_add(c, (unsigned)n);
	*p = end;
	return true;
}

bool cores_parse(const char *text, struct cores *ret)
{
	struct cores c = {.bits = {0}};

	for (const char *p = text; *p;) {
		if (!add_range(&c, &p) || (*p && *p != ',') || (*p == ',' && !p[1]))
			return false;
		p += *p == ',';
	}
	*ret = c;
	return true;
}

void cores_text(const struct cores *c, char text[static CORES_TEXT_MAX])
{
	size_t len = 0;

	text[0] = '\0';
	for (unsigned n = 0; n < CORES_MAX; n++) {
		unsigned last = n;

		if (!cores_has(c, n))
			continue;
		while (cores_has(c, last + 1))
			last++;
		len += (size_t)snprintf(text + len, CORES_TEXT_MAX - len, "%s%u", len ? "," : "", n);
		if (last > n)
			len += (size_t)snprintf(text + len, CORES_TEXT_MAX - len, "-%u", last);
		n = last;
	}
}

/* ---- the choice ---- */

static bool is_free(const struct cores_map *m, const struct cores *taken, unsigned n)
{
	return cores_has(&m->usable, n) && !cores_has(taken, n);
}

/* The free ones of each NUMA node; returns how many there are in all. */
static unsigned count_free(const struct cores_map *m, const struct cores *taken, unsigned counts[static CORES_MAX])
{
	unsigned all = 0;

	for (unsigned n = 0; n < CORES_MAX; n++) {
		if (!is_free(m, taken, n))
			continue;
		counts[m->node_of[n] % CORES_MAX]++;
		all++;
	}
	return all;
}

/* The fullest node that has enough; without one the emptiest. */
static unsigned best_node(const unsigned counts[static CORES_MAX], unsigned n)
{
	unsigned fits = CORES_MAX, most = 0;

	for (unsigned k = 0; k < CORES_MAX; k++) {
		if (counts[k] >= n && (fits == CORES_MAX || counts[k] < counts[fits]))
			fits = k;
		if (counts[k] > counts[most])
			most = k;
	}
	return fits < CORES_MAX ? fits : most;
}

int cores_pick(const struct cores_map *m, const struct cores *taken, unsigned n, struct cores *ret, struct err *err)
{
	unsigned counts[CORES_MAX] = {0}, all = count_free(m, taken, counts), left = n;
	struct cores c = {.bits = {0}};

	if (all < n)
		return err_set(err, EBUSY,
			       "bind: %u processors of its own are needed, %u of %u are not taken on this node", n, all,
			       cores_count(&m->usable));
	while (left) {
		unsigned node = best_node(counts, left);

		for (unsigned k = 0; k < CORES_MAX && left; k++) {
			if (m->node_of[k] % CORES_MAX != node || !is_free(m, taken, k))
				continue;
			cores_add(&c, k);
			left--;
		}
		counts[node] = 0;
	}
	*ret = c;
	return 0;
}

void cores_nodes(const struct cores_map *m, const struct cores *c, struct cores *ret)
{
	*ret = (struct cores){.bits = {0}};
	for (unsigned n = 0; n < CORES_MAX; n++) {
		if (cores_has(c, n))
			cores_add(ret, m->node_of[n]);
	}
}

/* ---- the machine ---- */

void cores_usable(struct cores *ret)
{
	cpu_set_t mine;

	*ret = (struct cores){.bits = {0}};
	CPU_ZERO(&mine);
	if (sched_getaffinity(0, sizeof mine, &mine) < 0)
		return;
	for (unsigned n = 0; n < CORES_MAX && n < CPU_SETSIZE; n++) {
		if (CPU_ISSET(n, &mine))
			cores_add(ret, n);
	}
}
