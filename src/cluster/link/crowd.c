/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/link/crowd.h"

#include "base/core/mem.h"

#include <string.h>

struct crowd_origin {
	struct crowd_origin *next;
	struct in6_addr addr;
	size_t n;
};

void crowd_init(struct crowd *c)
{
	*c = (struct crowd){.n = 0};
	c->last = &c->first;
}

/* ---- addresses ---- */

/* Of an IPv6 address the first half, unless that half is the same for strangers: IPv4 in its last bytes, the loopback, and what is of one link only. */
struct in6_addr crowd_origin(const struct sockaddr_storage *a)
{
	static const struct in6_addr none = {.s6_addr = {0}};
	struct in6_addr from = none;

	if (a->ss_family == AF_INET6)
		from = ((const struct sockaddr_in6 *)a)->sin6_addr;
	else if (a->ss_family == AF_INET)
		memcpy(&from.s6_addr[12], &((const struct sockaddr_in *)a)->sin_addr, 4);
	if (memcmp(&from, &none, 8) != 0 && !IN6_IS_ADDR_LINKLOCAL(&from))
		memset(&from.s6_addr[8], 0, 8);
	return from;
}

static struct crowd_origin *find(const struct crowd *c, const struct in6_addr *addr)
{
	struct crowd_origin *o = c->origins;

	while (o && memcmp(&o->addr, addr, sizeof *addr) != 0)
		o = o->next;
	return o;
}

static struct crowd_origin *largest(const struct crowd *c)
{
	struct crowd_origin *most = c->origins;

	for (struct crowd_origin *o = most; o; o = o->next) {
		if (o->n > most->n)
			most = o;
	}
	return most;
}

/* ---- places ---- */

/* origin NULL: of any. */
static struct crowd_member *oldest(const struct crowd *c, const struct crowd_origin *origin)
{
	struct crowd_member *m = c->first;

	while (m && (m->held || (origin && m->origin != origin)))
		m = m->next;
	return m;
}

static struct crowd_member *patient(struct crowd_member *m, int64_t now_ms)
{
	return m && now_ms - m->since_ms >= CROWD_GRACE_MS ? m : NULL;
}

bool crowd_has_place(const struct crowd *c, const struct sockaddr_storage *from, int64_t now_ms,
		     struct crowd_member **ret_leaves)
{
	const struct in6_addr addr = crowd_origin(from);
	const struct crowd_origin *o = find(c, &addr), *most;
	size_t own = o ? o->n : 0;
	struct crowd_member *m = NULL;

	*ret_leaves = NULL;
	if (own < CROWD_OF_ONE && c->n < CROWD_MAX)
		return true;
	if (own >= CROWD_OF_ONE) {
		m = patient(oldest(c, o), now_ms);
	} else {
		most = largest(c);
		if (most->n > own + 1)
			m = oldest(c, most);
		if (!m)
			m = patient(oldest(c, NULL), now_ms);
	}
	*ret_leaves = m;
	return m != NULL;
}

void crowd_enter(struct crowd *c, struct crowd_member *m, const struct sockaddr_storage *from, int64_t now_ms)
{
	const struct in6_addr addr = crowd_origin(from);
	struct crowd_origin *o = find(c, &addr);

	if (!o) {
		o = mem_new(struct crowd_origin);
		o->addr = addr;
		o->next = c->origins;
		c->origins = o;
	}
	o->n++;
	*m = (struct crowd_member){.origin = o, .since_ms = now_ms};
	*c->last = m;
	c->last = &m->next;
	c->n++;
}

void crowd_hold(struct crowd_member *m, bool held)
{
	m->held = held;
}

static void forget(struct crowd *c, struct crowd_origin *o)
{
	struct crowd_origin **p = &c->origins;

	while (*p != o)
		p = &(*p)->next;
	*p = o->next;
	free(o);
}

void crowd_leave(struct crowd *c, struct crowd_member *m)
{
	struct crowd_member **p = &c->first;

	if (!m->origin)
		return;
	while (*p != m)
		p = &(*p)->next;
	*p = m->next;
	if (c->last == &m->next)
		c->last = p;
	c->n--;
	if (--m->origin->n == 0)
		forget(c, m->origin);
	m->origin = NULL;
}
