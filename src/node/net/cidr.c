/* SPDX-License-Identifier: Apache-2.0 */
#include "node/net/cidr.h"

#include "base/core/err.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t ip_len(const struct ip *a)
{
	return a->family == AF_INET ? 4 : a->family == AF_INET6 ? 16 : 0;
}

bool ip_read(const char *text, struct ip *ret)
{
	struct ip ip = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};

	if (inet_pton(ip.family, text, ip.b) != 1)
		return false;
	*ret = ip;
	return true;
}

int ip_parse(const char *text, struct ip *ret, struct err *err)
{
	return ip_read(text, ret) ? 0 : err_set(err, EINVAL, "\"%s\" is no IP address", text);
}

const char *ip_text(const struct ip *a, char out[static IP_TEXT_MAX])
{
	*out = '\0';
	if (a->family)
		(void)inet_ntop(a->family, a->b, out, IP_TEXT_MAX);
	return out;
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
	return a->family == b->family && memcmp(a->b, b->b, ip_len(a)) == 0;
}

bool ip_is_any(const struct ip *a)
{
	static const unsigned char zero[16];

	return memcmp(a->b, zero, ip_len(a)) == 0;
}

/* ---- subnets ---- */

/* The bits of byte number i that belong to the prefix. */
static unsigned char mask_of(int prefix, size_t i)
{
	int bits = prefix - (int)i * 8;

	return (unsigned char)(bits >= 8 ? 0xff : bits <= 0 ? 0 : 0xff << (8 - bits));
}

struct cidr cidr_of(const struct ip *a, int prefix)
{
	struct cidr c = {.ip = *a, .prefix = prefix};

	for (size_t i = 0; i < sizeof c.ip.b; i++)
		c.ip.b[i] &= mask_of(prefix, i);
	return c;
}

int cidr_parse_host(const char *text, struct cidr *ret, struct err *err)
{
	const char *slash = strchr(text, '/');
	char address[IP_TEXT_MAX], *end = NULL;
	struct cidr c;
	unsigned long prefix;

	if (!slash || (size_t)(slash - text) >= sizeof address || slash[1] < '0' || slash[1] > '9')
		return err_set(err, EINVAL, "invalid CIDR address: %.64s", text);
	snprintf(address, sizeof address, "%.*s", (int)(slash - text), text);
	prefix = strtoul(slash + 1, &end, 10);
	if (*end || !ip_read(address, &c.ip) || prefix > ip_len(&c.ip) * 8)
		return err_set(err, EINVAL, "invalid CIDR address: %.64s", text);
	c.prefix = (int)prefix;
	*ret = c;
	return 0;
}

int cidr_parse(const char *text, struct cidr *ret, struct err *err)
{
	struct cidr c;
	int r = cidr_parse_host(text, &c, err);

	if (r == 0)
		*ret = cidr_of(&c.ip, c.prefix);
	return r;
}

const char *cidr_text(const struct cidr *c, char out[static CIDR_TEXT_MAX])
{
	char address[IP_TEXT_MAX];

	snprintf(out, CIDR_TEXT_MAX, "%s/%d", ip_text(&c->ip, address), c->prefix);
	return out;
}

bool cidr_has(const struct cidr *c, const struct ip *a)
{
	struct cidr of;

	if (a->family != c->ip.family)
		return false;
	of = cidr_of(a, c->prefix);
	return ip_equal(&of.ip, &c->ip);
}

bool cidr_within(const struct cidr *outer, const struct cidr *inner)
{
	return inner->prefix >= outer->prefix && cidr_has(outer, &inner->ip);
}

bool cidr_overlap(const struct cidr *a, const struct cidr *b)
{
	return cidr_within(a, b) || cidr_within(b, a);
}

uint64_t cidr_size(const struct cidr *c)
{
	int bits = (int)ip_len(&c->ip) * 8 - c->prefix;

	return bits >= 64 ? UINT64_MAX : 1ull << bits;
}

struct ip cidr_nth(const struct cidr *c, uint64_t at)
{
	struct ip ip = c->ip;

	for (size_t i = ip_len(&ip); i-- > 0 && at;) {
		at += ip.b[i];
		ip.b[i] = (unsigned char)at;
		at >>= 8;
	}
	return ip;
}
