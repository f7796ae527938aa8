/* SPDX-License-Identifier: Apache-2.0 */
#include "node/net/dns_message.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define RECORD_FIXED 10 /* type, class, lifetime and length, behind the name */
#define OPT_LENGTH 11	/* of an OPT record without options */
#define RECORDS_MAX 4096

#define TTL_MAX 3600	     /* nothing is kept longer than that */
#define TTL_NEGATIVE_MAX 300 /* ... and "there is none" not so long */

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* ---- names ---- */

/* The offset behind a name, which may end in a pointer (not followed: where names stand is all that matters); 0 = broken. */
static size_t skip_name(const uint8_t *p, size_t n, size_t at)
{
	size_t start = at;

	while (at < n) {
		if ((p[at] & 0xc0) == 0xc0)
			return at + 2 <= n ? at + 2 : 0;
		if (p[at] & 0xc0 || at - start >= DNS_NAME_WIRE)
			return 0;
		if (p[at] == 0)
			return at + 1;
		at += 1u + p[at];
	}
	return 0;
}

static size_t add_letter(char *text, uint8_t c)
{
	if (c > ' ' && c < 0x7f && c != '.' && c != '\\') {
		*text = (char)tolower(c);
		return 1;
	}
	snprintf(text, 5, "\\%03u", c);
	return 4;
}

/* A name without pointers as text; the offset behind it, 0 = broken. 255 bytes as "\ddd" fit into DNS_NAME_TEXT. */
static size_t read_name(const uint8_t *p, size_t n, size_t at, char text[static DNS_NAME_TEXT])
{
	size_t len = 0, start = at;

	while (at < n && p[at] != 0) {
		size_t label = p[at++];

		if (label > 63 || at + label > n || at + label - start >= DNS_NAME_WIRE)
			return 0;
		if (len > 0)
			text[len++] = '.';
		for (; label > 0; label--)
			len += add_letter(text + len, p[at++]);
	}
	text[len] = '\0';
	return at < n ? at + 1 : 0;
}

/* Text as we know it ourselves, no escapes. The length, 0 = it cannot be. */
static size_t write_name(uint8_t *p, size_t cap, const char *text)
{
	size_t at = 0;

	while (*text) {
		size_t label = strcspn(text, ".");

		if (label == 0 || label > 63 || at + label + 2 > cap || at + label + 2 > DNS_NAME_WIRE)
			return 0;
		p[at++] = (uint8_t)label;
		memcpy(p + at, text, label);
		at += label;
		text += label;
		if (*text == '.')
			text++;
	}
	if (at >= cap)
		return 0;
	p[at] = 0;
	return at + 1;
}

/* ---- records ---- */

struct record {
	uint16_t type, class;
	uint32_t ttl;
	size_t start, fixed, data, end; /* offsets */
};

/* The record at that offset: 0, -EBADMSG. */
static int read_record(const uint8_t *p, size_t n, size_t at, struct record *ret)
{
	size_t fixed = skip_name(p, n, at);

	if (fixed == 0 || n - fixed < RECORD_FIXED)
		return -EBADMSG;
	*ret = (struct record){.type = get16(p + fixed),
			       .class = get16(p + fixed + 2),
			       .ttl = get32(p + fixed + 4),
			       .start = at,
			       .fixed = fixed,
			       .data = fixed + RECORD_FIXED};
	ret->end = ret->data + get16(p + fixed + 8);
	return ret->end <= n ? 0 : -EBADMSG;
}

static size_t count_records(const uint8_t *p)
{
	return (size_t)get16(p + 6) + get16(p + 8) + get16(p + 10);
}

/* ---- a question that came ---- */

static void take_opt(const struct record *r, struct dns_query *q)
{
	q->edns = true;
	q->udp_size = r->class < DNS_UDP_PLAIN ? DNS_UDP_PLAIN : r->class;
	if (q->udp_size > DNS_UDP_MOST)
		q->udp_size = DNS_UDP_MOST;
	q->edns_version = (uint8_t)(r->ttl >> 16);
	q->dnssec_ok = r->ttl & 0x8000;
	q->special |= r->end > r->data;
}

static int read_extras(const uint8_t *p, size_t n, struct dns_query *q)
{
	size_t at = q->question_end, records = count_records(p);

	if (records > RECORDS_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < records; i++) {
		struct record r;

		if (read_record(p, n, at, &r) < 0 || (r.type == DNS_OPT && q->edns))
			return -EBADMSG;
		if (r.type == DNS_OPT)
			take_opt(&r, q);
		else
			q->special = true;
		at = r.end;
	}
	return at == n ? 0 : -EBADMSG;
}

int dns_message_query(const uint8_t *p, size_t n, struct dns_query *ret)
{
	size_t at;

	*ret = (struct dns_query){.udp_size = DNS_UDP_PLAIN};
	if (n < DNS_HEADER || n > DNS_PACKET_MAX || get16(p + 2) & DNS_QR)
		return -EINVAL;
	ret->id = get16(p);
	ret->flags = get16(p + 2);
	if (ret->flags & DNS_OPCODE)
		return -EOPNOTSUPP;
	if (get16(p + 4) != 1)
		return -EBADMSG;
	at = read_name(p, n, DNS_HEADER, ret->name);
	if (at == 0 || n - at < 4)
		return -EBADMSG;
	ret->type = get16(p + at);
	ret->class = get16(p + at + 2);
	ret->question_end = at + 4;
	if (read_extras(p, n, ret) == 0)
		return 0;
	ret->question_end = 0;
	ret->edns = false;
	return -EBADMSG;
}

/* ---- an answer that came ---- */

static bool same_question(const uint8_t *a, const uint8_t *b, size_t end)
{
	/* Lengths of labels are below 64 and no letters, so all may be compared alike; type and class stand in the last four bytes. */
	for (size_t i = DNS_HEADER; i + 4 < end; i++) {
		if (tolower(a[i]) != tolower(b[i]))
			return false;
	}
	return memcmp(a + end - 4, b + end - 4, 4) == 0;
}

/* RFC 2308 5: the lesser of the SOA's own lifetime and its last number. 0 = broken. */
static uint32_t negative_ttl(const uint8_t *p, size_t n, const struct record *r)
{
	size_t at = skip_name(p, n, r->data);
	uint32_t minimum;

	at = at ? skip_name(p, n, at) : 0;
	if (at == 0 || at > r->end || r->end - at < 20)
		return 0;
	minimum = get32(p + at + 16);
	return minimum < r->ttl ? minimum : r->ttl;
}

struct walk {
	uint32_t least;	   /* of all records */
	uint32_t negative; /* 0 = no SOA */
	size_t answers;
};

static int walk_records(const uint8_t *p, size_t n, size_t at, struct walk *w)
{
	size_t records = count_records(p), answers = get16(p + 6), authority = answers + get16(p + 8);

	if (records > RECORDS_MAX)
		return -EBADMSG;
	w->least = TTL_MAX;
	w->answers = answers;
	for (size_t i = 0; i < records; i++) {
		struct record r;

		if (read_record(p, n, at, &r) < 0)
			return -EBADMSG;
		if (r.type != DNS_OPT && r.ttl < w->least)
			w->least = r.ttl;
		if (r.type == DNS_SOA && i >= answers && i < authority)
			w->negative = negative_ttl(p, n, &r);
		at = r.end;
	}
	return at <= n ? 0 : -EBADMSG;
}

static uint32_t keep_for(const struct dns_outcome *o, const struct walk *w)
{
	if (o->truncated || (o->rcode != DNS_OK && o->rcode != DNS_NXDOMAIN))
		return 0;
	if (o->rcode == DNS_OK && w->answers > 0)
		return w->least;
	/* A chain of aliases that ends nowhere has answers too: what they say of their lifetime counts as well. */
	if (w->negative > w->least)
		return w->least < TTL_NEGATIVE_MAX ? w->least : TTL_NEGATIVE_MAX;
	return w->negative < TTL_NEGATIVE_MAX ? w->negative : TTL_NEGATIVE_MAX;
}

int dns_message_outcome(const uint8_t *p, size_t n, const uint8_t *query, size_t question_end, uint16_t id,
			struct dns_outcome *ret)
{
	struct walk w = {0};

	if (n < question_end || n < DNS_HEADER || get16(p) != id || !(get16(p + 2) & DNS_QR) || get16(p + 4) != 1)
		return -EBADMSG;
	if (get16(p + 2) & DNS_OPCODE || !same_question(p, query, question_end))
		return -EBADMSG;
	ret->rcode = p[3] & 0xf;
	ret->truncated = get16(p + 2) & DNS_TC;
	if (walk_records(p, n, question_end, &w) < 0) {
		/* The tail of a truncated one may be torn; whoever asked gets the rest over TCP. */
		if (!ret->truncated)
			return -EBADMSG;
		w = (struct walk){0};
	}
	ret->ttl = keep_for(ret, &w);
	return 0;
}

/* ---- changes to an answer ---- */

void dns_message_age(uint8_t *p, size_t n, uint32_t seconds)
{
	struct record r;
	size_t at = DNS_HEADER, records;

	at = n >= DNS_HEADER ? skip_name(p, n, at) : 0;
	if (at == 0)
		return;
	at += 4;
	records = count_records(p);
	for (size_t i = 0; i < records && at < n && read_record(p, n, at, &r) == 0; i++) {
		if (r.type != DNS_OPT)
			put32(p + r.fixed + 4, r.ttl > seconds ? r.ttl - seconds : 0);
		at = r.end;
	}
}

void dns_message_set_id(uint8_t *p, uint16_t id)
{
	put16(p, id);
}

void dns_message_address(uint8_t *p, size_t n, const uint8_t *query, size_t question_end)
{
	memcpy(p, query, 2);
	if (n >= question_end)
		memcpy(p + DNS_HEADER, query + DNS_HEADER, question_end - DNS_HEADER);
}

/* The OPT record of the additional section is worth keeping: it carries the higher bits of the code. 0 = none. */
static size_t find_opt(const uint8_t *p, size_t n, size_t at, struct record *opt)
{
	size_t records = count_records(p);

	for (size_t i = 0; i < records && read_record(p, n, at, opt) == 0; i++) {
		if (opt->type == DNS_OPT)
			return opt->end - opt->start;
		at = opt->end;
	}
	return 0;
}

size_t dns_message_cut(uint8_t *p, size_t n, size_t limit)
{
	size_t at, answers = 0, opt_size;
	struct record r, opt;

	if (n <= limit || n < DNS_HEADER)
		return n;
	at = skip_name(p, n, DNS_HEADER);
	if (at == 0 || n - at < 4 || at + 4 > limit)
		return 0;
	at += 4;
	opt_size = find_opt(p, n, at, &opt);
	if (at + opt_size > limit)
		opt_size = 0;
	while (answers < get16(p + 6) && read_record(p, n, at, &r) == 0 && r.end + opt_size <= limit) {
		at = r.end;
		answers++;
	}
	if (opt_size > 0 && opt.start >= at)
		memmove(p + at, p + opt.start, opt_size);
	else
		opt_size = 0;
	put16(p + 2, get16(p + 2) | DNS_TC);
	put16(p + 6, (unsigned)answers);
	put16(p + 8, 0);
	put16(p + 10, opt_size > 0);
	return at + opt_size;
}

/* ---- an answer of ours ---- */

void dns_draft_begin(struct dns_draft *d, uint8_t *p, size_t limit, const uint8_t *query, const struct dns_query *q,
		     int rcode)
{
	*d = (struct dns_draft){.p = p, .cap = limit, .edns = q->edns, .rcode = rcode};
	memset(p, 0, DNS_HEADER);
	put16(p, q->id);
	put16(p + 2, DNS_QR | DNS_RA | (q->flags & (DNS_OPCODE | DNS_RD)) | ((unsigned)rcode & 0xf));
	d->n = DNS_HEADER;
	if (q->question_end > DNS_HEADER) {
		put16(p + 4, 1);
		memcpy(p + DNS_HEADER, query + DNS_HEADER, q->question_end - DNS_HEADER);
		d->n = q->question_end;
	}
	d->reserve = q->edns ? OPT_LENGTH : 0;
}

/* Room for a record about the name that was asked for: a pointer to it, and `n` bytes. NULL = it does not fit. */
static uint8_t *add_record(struct dns_draft *d, unsigned type, uint32_t ttl, size_t n)
{
	uint8_t *at = d->p + d->n;

	if (d->cut || d->n + 2 + RECORD_FIXED + n + d->reserve > d->cap) {
		d->cut = true;
		return NULL;
	}
	put16(at, 0xc000 | DNS_HEADER);
	put16(at + 2, type);
	put16(at + 4, 1);
	put32(at + 6, ttl);
	put16(at + 10, (unsigned)n);
	d->n += 2 + RECORD_FIXED + n;
	d->answers++;
	return at + 2 + RECORD_FIXED;
}

void dns_draft_address(struct dns_draft *d, int family, const void *address, uint32_t ttl)
{
	size_t n = family == AF_INET ? 4 : 16;
	uint8_t *at = add_record(d, family == AF_INET ? DNS_A : DNS_AAAA, ttl, n);

	if (at)
		memcpy(at, address, n);
}

void dns_draft_pointer(struct dns_draft *d, const char *name, uint32_t ttl)
{
	uint8_t wire[DNS_NAME_WIRE + 1], *at;
	size_t n = write_name(wire, sizeof wire, name);

	at = n > 0 ? add_record(d, DNS_PTR, ttl, n) : NULL;
	if (at)
		memcpy(at, wire, n);
}

size_t dns_draft_end(struct dns_draft *d)
{
	put16(d->p + 6, d->answers);
	if (d->cut)
		put16(d->p + 2, get16(d->p + 2) | DNS_TC);
	if (d->edns) {
		uint8_t *at = d->p + d->n;

		*at = 0;
		put16(at + 1, DNS_OPT);
		put16(at + 3, DNS_UDP_MOST);
		put32(at + 5, (uint32_t)d->rcode >> 4 << 24);
		put16(at + 9, 0);
		put16(d->p + 10, 1);
		d->n += OPT_LENGTH;
	}
	return d->n;
}

/* ---- the rest ---- */

static int reverse_ip4(const char *name, struct in6_addr *ret)
{
	unsigned b[4];
	int n = 0;

	if (strspn(name, "0123456789.") < 8 ||
	    sscanf(name, "%3u.%3u.%3u.%3u.in-addr.arpa%n", b, b + 1, b + 2, b + 3, &n) != 4)
		return 0;
	if (n == 0 || name[n])
		return 0;
	for (size_t i = 0; i < 4; i++) {
		if (b[i] > 255)
			return 0;
		ret->s6_addr[3 - i] = (uint8_t)b[i];
	}
	return AF_INET;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int reverse_ip6(const char *name, struct in6_addr *ret)
{
	if (strlen(name) != 72 || strcmp(name + 64, "ip6.arpa") != 0)
		return 0;
	for (size_t i = 0; i < 16; i++) {
		int low = nibble(name[4 * i]), high = nibble(name[4 * i + 2]);

		if (low < 0 || high < 0 || name[4 * i + 1] != '.' || name[4 * i + 3] != '.')
			return 0;
		ret->s6_addr[15 - i] = (uint8_t)(high << 4 | low);
	}
	return AF_INET6;
}

int dns_message_reverse(const char *name, struct in6_addr *ret)
{
	int family;

	*ret = (struct in6_addr){0};
	family = reverse_ip4(name, ret);
	return family ? family : reverse_ip6(name, ret);
}

size_t dns_message_ask(uint8_t *p, uint16_t id, const char *name, uint16_t type)
{
	size_t n;

	memset(p, 0, DNS_HEADER);
	put16(p, id);
	put16(p + 2, DNS_RD);
	put16(p + 4, 1);
	n = write_name(p + DNS_HEADER, DNS_NAME_WIRE, name);
	if (n == 0)
		return 0;
	put16(p + DNS_HEADER + n, type);
	put16(p + DNS_HEADER + n + 2, 1);
	return DNS_HEADER + n + 4;
}
