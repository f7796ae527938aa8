/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/ports.h"

#include "face/compose/edit.h"
#include "face/compose/loader.h"
#include "face/compose/read.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NODES_OF_PORT 12

struct range {
	int first, last;
};

struct spec {
	const char *protocol;
	char *address, *published, *target;
	struct range host, container;
};

static bool read_range(const char *text, struct range *ret)
{
	char *end;

	if (!isdigit((unsigned char)*text) || strlen(text) > 11)
		return false;
	ret->first = ret->last = (int)strtol(text, &end, 10);
	if (*end == '-' && isdigit((unsigned char)end[1]))
		ret->last = (int)strtol(end + 1, &end, 10);
	return *end == '\0' && ret->first > 0 && ret->last <= 65535 && ret->first <= ret->last;
}

/* "[::1]" and "::1" -> "::1" */
static bool read_address(char **address)
{
	unsigned char bytes[sizeof(struct in6_addr)];
	size_t n = strlen(*address);

	if (n > 2 && (*address)[0] == '[' && (*address)[n - 1] == ']') {
		(*address)[n - 1] = '\0';
		(*address)++;
	}
	return inet_pton(AF_INET, *address, bytes) == 1 || inet_pton(AF_INET6, *address, bytes) == 1;
}

/* The parts of the text, which is cut up. */
static void split(char *text, struct spec *s)
{
	char *slash = strrchr(text, '/'), *colon;

	s->protocol = "tcp";
	if (slash) {
		*slash = '\0';
		s->protocol = slash + 1;
	}
	s->target = text;
	colon = strrchr(text, ':');
	if (!colon)
		return;
	*colon = '\0';
	s->target = colon + 1;
	s->published = text;
	colon = strrchr(text, ':');
	if (!colon)
		return;
	*colon = '\0';
	s->published = colon + 1;
	s->address = text;
}

static const char *what_is_wrong(struct spec *s)
{
	static const char *const protocols[] = {"tcp", "udp", "sctp"};
	bool known = false;

	for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
		if (strcasecmp(s->protocol, protocols[i]) == 0) {
			s->protocol = protocols[i];
			known = true;
		}
	}
	if (!known)
		return "the protocol is tcp, udp or sctp";
	if (!read_range(s->target, &s->container))
		return "the port of the container is a number from 1 to 65535 or a range such as 8000-8010";
	if (s->address && *s->address && !read_address(&s->address))
		return "the address is none; for example 127.0.0.1 or [::1]";
	if (!s->published || !*s->published) {
		s->published = NULL;
		return NULL;
	}
	if (!read_range(s->published, &s->host))
		return "the published port is a number from 1 to 65535 or a range such as 8000-8010";
	if (s->container.first != s->container.last &&
	    s->host.last - s->host.first != s->container.last - s->container.first)
		return "both ranges must have the same number of ports";
	return NULL;
}

static void add(struct loader *l, struct node *list, const struct node *at, const struct spec *s, int i)
{
	struct node *one = edit_map(l, at);
	bool single = s->container.first == s->container.last;

	edit_put(l, one, "mode", edit_text(l, at, "ingress"));
	if (s->address && *s->address)
		edit_put(l, one, "host_ip", edit_text(l, at, s->address));
	edit_put(l, one, "target", edit_plain(l, at, arena_printf(&l->arena, "%d", s->container.first + i)));
	if (s->published)
		edit_put(l, one, "published",
			 edit_text(l, at, single ? s->published : arena_printf(&l->arena, "%d", s->host.first + i)));
	edit_put(l, one, "protocol", edit_text(l, at, s->protocol));
	node_add(&l->arena, list, NULL, one);
}

static void expand_one(struct loader *l, struct node *list, struct node *n)
{
	struct spec s = {.address = NULL};
	const char *why;
	size_t count;

	split(arena_strdup(&l->arena, n->text), &s);
	why = what_is_wrong(&s);
	if (why) {
		node_add(&l->arena, list, NULL, n);
		message_error(l, n, "\"%s\": %s; for example 8080:80", n->text, why);
		n->bad = n->text;
		return;
	}
	count = (size_t)s.container.last - (size_t)s.container.first + 1;
	if (count * NODES_OF_PORT > l->node_budget) {
		message_error(l, n, "the file has too many ports");
		return;
	}
	l->node_budget -= count * NODES_OF_PORT;
	for (size_t i = 0; i < count; i++)
		add(l, list, n, &s, (int)i);
}

void ports_expand(struct loader *l, struct node *n)
{
	struct node **items = n->items;
	size_t count = n->n;

	if (n->kind != NODE_LIST)
		return;
	edit_become(n, NODE_LIST);
	for (size_t i = 0; i < count; i++) {
		if (items[i]->kind == NODE_SCALAR && !loader_is_open(l, items[i]))
			expand_one(l, n, items[i]);
		else
			node_add(&l->arena, n, NULL, items[i]);
	}
}

const char *ports_identity(struct loader *l, const struct node *n)
{
	return arena_printf(&l->arena, "%s:%s:%s/%s", read_str(n, "host_ip", "0.0.0.0"), read_str(n, "published", ""),
			    read_str(n, "target", ""), read_str(n, "protocol", "tcp"));
}
