/* SPDX-License-Identifier: Apache-2.0 */
#include "node/net/dns_message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A packet as a row of bytes. */
struct packet {
	uint8_t b[2048];
	size_t n;
};

static void add(struct packet *p, const void *data, size_t n)
{
	assert_true(p->n + n <= sizeof p->b);
	memcpy(p->b + p->n, data, n);
	p->n += n;
}

#define ADD(p, text) add((p), (text), sizeof(text) - 1)

static struct packet ask(const char *name, uint16_t type)
{
	struct packet p = {.n = 0};

	p.n = dns_message_ask(p.b, 0x1234, name, type);
	assert_true(p.n > 0);
	return p;
}

/* Makes it an answer with so many records in the three sections. */
static struct packet answer_to(const struct packet *q, uint8_t rcode, uint8_t an, uint8_t ns, uint8_t ar)
{
	struct packet p = *q;

	p.b[2] |= 0x80;
	p.b[3] = rcode;
	p.b[7] = an;
	p.b[9] = ns;
	p.b[11] = ar;
	return p;
}

static const char a_record[] = "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4";
static const char opt[] = "\0\0\x29\x04\xd0\0\0\x80\0\0\0";
/* "." SOA a. b., lifetime 600, the last number 30 */
static const char soa[] = "\0\0\6\0\1\0\0\x02\x58\0\x1a\1a\0\1b\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\x1e";

static void test_query(void **state)
{
	struct packet p = ask("Web.Example", DNS_AAAA);
	struct dns_query q;

	assert_int_equal(dns_message_query(p.b, p.n, &q), 0);
	assert_string_equal(q.name, "web.example");
	assert_int_equal(q.id, 0x1234);
	assert_int_equal(q.type, DNS_AAAA);
	assert_int_equal(q.class, 1);
	assert_int_equal(q.question_end, p.n);
	assert_int_equal(q.udp_size, 512);
	assert_false(q.edns);
	p.b[11] = 1;
	add(&p, opt, sizeof opt - 1);
	assert_int_equal(dns_message_query(p.b, p.n, &q), 0);
	assert_true(q.edns && q.dnssec_ok && !q.special);
	assert_int_equal(q.udp_size, 1232);
	/* With a cookie the answer is its own. */
	p.b[p.n - 1] = 12;
	ADD(&p, "\0\x0a\0\x08"
		"12345678");
	assert_int_equal(dns_message_query(p.b, p.n, &q), 0);
	assert_true(q.special);
	(void)state;
}

static void test_odd_names(void **state)
{
	struct packet p = ask("axb.c", DNS_A);
	struct dns_query q;
	uint8_t long_name[DNS_QUESTION_MAX];

	p.b[14] = '.';
	assert_int_equal(dns_message_query(p.b, p.n, &q), 0);
	assert_string_equal(q.name, "a\\046b.c");
	p = ask("", DNS_NS);
	assert_int_equal(dns_message_query(p.b, p.n, &q), 0);
	assert_string_equal(q.name, "");
	assert_int_equal(dns_message_ask(long_name, 1, "a..b", DNS_A), 0);
	p.n = DNS_HEADER;
	for (int i = 0; i < 4; i++) {
		ADD(&p, "\x3f");
		for (int k = 0; k < 63; k++)
			ADD(&p, "\xff");
	}
	/* 4 labels of 63 are 256 bytes and the end: too long. */
	ADD(&p, "\0\0\1\0\1");
	assert_int_equal(dns_message_query(p.b, p.n, &q), -EBADMSG);
	/* Three labels and one of 61 are the longest that can be, and its text still fits. */
	memset(p.b + DNS_HEADER + 192, 0xff, 62);
	p.b[DNS_HEADER + 192] = 61;
	p.n = DNS_HEADER + 192 + 62;
	ADD(&p, "\0\0\1\0\1");
	assert_int_equal(dns_message_query(p.b, p.n, &q), 0);
	assert_int_equal(strlen(q.name), 250 * 4 + 3);
	(void)state;
}

static void test_broken_queries(void **state)
{
	struct packet p = ask("web", DNS_A), b;
	struct dns_query q;

	for (size_t n = 0; n < p.n; n++)
		assert_int_equal(dns_message_query(p.b, n, &q), n < DNS_HEADER ? -EINVAL : -EBADMSG);
	b = p;
	b.b[2] |= 0x80;
	assert_int_equal(dns_message_query(b.b, b.n, &q), -EINVAL);
	b = p;
	b.b[2] |= 0x20;
	assert_int_equal(dns_message_query(b.b, b.n, &q), -EOPNOTSUPP);
	b = p;
	b.b[5] = 2;
	assert_int_equal(dns_message_query(b.b, b.n, &q), -EBADMSG);
	b = p;
	b.b[12] = 0xc0;
	assert_int_equal(dns_message_query(b.b, b.n, &q), -EBADMSG);
	b = p;
	ADD(&b, "x");
	assert_int_equal(dns_message_query(b.b, b.n, &q), -EBADMSG);
	b = p;
	b.b[11] = 2;
	add(&b, opt, sizeof opt - 1);
	add(&b, opt, sizeof opt - 1);
	assert_int_equal(dns_message_query(b.b, b.n, &q), -EBADMSG);
	(void)state;
}

static int outcome(const struct packet *p, const struct packet *q, struct dns_outcome *o)
{
	return dns_message_outcome(p->b, p->n, q->b, q->n, 0x1234, o);
}

static void test_outcome(void **state)
{
	struct packet q = ask("web.example", DNS_A), p = answer_to(&q, 0, 1, 0, 1);
	struct dns_outcome o;

	add(&p, a_record, sizeof a_record - 1);
	add(&p, opt, sizeof opt - 1);
	p.b[DNS_HEADER + 1] = 'W';
	assert_int_equal(outcome(&p, &q, &o), 0);
	assert_int_equal(o.rcode, DNS_OK);
	assert_int_equal(o.ttl, 60);
	assert_false(o.truncated);
	/* Another question, id, or no answer at all. */
	p.b[DNS_HEADER + 1] = 'x';
	assert_int_equal(outcome(&p, &q, &o), -EBADMSG);
	p.b[DNS_HEADER + 1] = 'w';
	p.b[0] = 0;
	assert_int_equal(outcome(&p, &q, &o), -EBADMSG);
	p.b[0] = 0x12;
	p.b[2] &= 0x7f;
	assert_int_equal(outcome(&p, &q, &o), -EBADMSG);
	p.b[2] |= 0x80;
	for (size_t n = 0; n < p.n; n++)
		assert_int_equal(dns_message_outcome(p.b, n, q.b, q.n, 0x1234, &o), -EBADMSG);
	/* A torn tail is all right when it says so. */
	p.b[2] |= 2;
	assert_int_equal(dns_message_outcome(p.b, p.n - 3, q.b, q.n, 0x1234, &o), 0);
	assert_true(o.truncated);
	assert_int_equal(o.ttl, 0);
	(void)state;
}

static void test_negative(void **state)
{
	struct packet q = ask("nothing", DNS_A), p = answer_to(&q, DNS_NXDOMAIN, 0, 1, 0);
	struct dns_outcome o;

	add(&p, soa, sizeof soa - 1);
	assert_int_equal(outcome(&p, &q, &o), 0);
	assert_int_equal(o.rcode, DNS_NXDOMAIN);
	assert_int_equal(o.ttl, 30);
	p.b[p.n - 3] = 9; /* minimum 0x09001e, so the SOA's own 600, cut to five minutes */
	assert_int_equal(outcome(&p, &q, &o), 0);
	assert_int_equal(o.ttl, 300);
	/* Without an SOA, or from a server that failed, nothing is kept. */
	p = answer_to(&q, DNS_NXDOMAIN, 0, 0, 0);
	assert_int_equal(outcome(&p, &q, &o), 0);
	assert_int_equal(o.ttl, 0);
	p = answer_to(&q, DNS_SERVFAIL, 0, 1, 0);
	add(&p, soa, sizeof soa - 1);
	assert_int_equal(outcome(&p, &q, &o), 0);
	assert_int_equal(o.ttl, 0);
	(void)state;
}

static void test_age_and_address(void **state)
{
	struct packet q = ask("web", DNS_A), other = ask("WEB", DNS_A), p = answer_to(&q, 0, 1, 0, 1);
	struct dns_outcome o;

	add(&p, a_record, sizeof a_record - 1);
	add(&p, opt, sizeof opt - 1);
	dns_message_age(p.b, p.n, 20);
	assert_int_equal(outcome(&p, &q, &o), 0);
	assert_int_equal(o.ttl, 40);
	assert_memory_equal(p.b + p.n - (sizeof opt - 1), opt, sizeof opt - 1);
	dns_message_age(p.b, p.n, 100);
	assert_int_equal(outcome(&p, &q, &o), 0);
	assert_int_equal(o.ttl, 0);
	other.b[0] = 0xab;
	dns_message_address(p.b, p.n, other.b, other.n);
	assert_int_equal(p.b[0], 0xab);
	assert_memory_equal(p.b + DNS_HEADER, other.b + DNS_HEADER, other.n - DNS_HEADER);
	(void)state;
}

static void test_cut(void **state)
{
	struct packet q = ask("web", DNS_A), p = answer_to(&q, 0, 40, 1, 1), whole;
	struct dns_outcome o;

	for (int i = 0; i < 40; i++)
		add(&p, a_record, sizeof a_record - 1);
	add(&p, soa, sizeof soa - 1);
	add(&p, opt, sizeof opt - 1);
	whole = p;
	assert_int_equal(dns_message_cut(p.b, p.n, 2000), whole.n);
	assert_memory_equal(p.b, whole.b, whole.n);
	p.n = dns_message_cut(p.b, p.n, 512);
	assert_in_range(p.n, 490, 512);
	assert_int_equal(outcome(&p, &q, &o), 0);
	assert_true(o.truncated);
	assert_int_equal(p.b[7], (512 - q.n - 11) / 16);
	assert_memory_equal(p.b + p.n - (sizeof opt - 1), opt, sizeof opt - 1);
	p = whole;
	p.n = dns_message_cut(p.b, p.n, q.n);
	assert_int_equal(p.n, q.n);
	assert_int_equal(outcome(&p, &q, &o), 0);
	(void)state;
}

static void test_draft(void **state)
{
	struct packet query = ask("Web", DNS_A), p = {.n = 0};
	struct dns_query q;
	struct dns_draft d;
	struct dns_outcome o;

	query.b[11] = 1;
	add(&query, opt, sizeof opt - 1);
	assert_int_equal(dns_message_query(query.b, query.n, &q), 0);
	dns_draft_begin(&d, p.b, 512, query.b, &q, DNS_OK);
	dns_draft_address(&d, AF_INET, "\12\0\0\1", 1);
	dns_draft_address(&d, AF_INET6, "0123456789abcdef", 1);
	dns_draft_pointer(&d, "web.shop", 1);
	p.n = dns_draft_end(&d);
	assert_int_equal(dns_message_outcome(p.b, p.n, query.b, q.question_end, 0x1234, &o), 0);
	assert_false(o.truncated);
	assert_int_equal(p.b[7], 3);
	assert_int_equal(p.n, q.question_end + 16 + 28 + 12 + 10 + 11);
	assert_memory_equal(p.b + q.question_end + 12, "\12\0\0\1", 4);
	/* More than fits. */
	dns_draft_begin(&d, p.b, 512, query.b, &q, DNS_OK);
	for (int i = 0; i < 100; i++)
		dns_draft_address(&d, AF_INET, "\12\0\0\1", 1);
	p.n = dns_draft_end(&d);
	assert_true(p.n <= 512);
	assert_int_equal(dns_message_outcome(p.b, p.n, query.b, q.question_end, 0x1234, &o), 0);
	assert_true(o.truncated);
	/* The higher bits of a code stand in the OPT record. */
	dns_draft_begin(&d, p.b, 512, query.b, &q, DNS_BADVERS);
	p.n = dns_draft_end(&d);
	assert_int_equal(p.b[3] & 0xf, 0);
	assert_int_equal(p.b[q.question_end + 5], 1);
	(void)state;
}

static void test_reverse(void **state)
{
	struct in6_addr a, want;

	assert_int_equal(dns_message_reverse("4.3.2.1.in-addr.arpa", &a), AF_INET);
	assert_memory_equal(&a, "\1\2\3\4", 4);
	assert_int_equal(
	    dns_message_reverse("b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa", &a),
	    AF_INET6);
	inet_pton(AF_INET6, "4321:0:1:2:3:4:567:89ab", &want);
	assert_memory_equal(&a, &want, 16);
	assert_int_equal(dns_message_reverse("256.3.2.1.in-addr.arpa", &a), 0);
	assert_int_equal(dns_message_reverse("3.2.1.in-addr.arpa", &a), 0);
	assert_int_equal(dns_message_reverse("4.3.2.1.in-addr.arpa.x", &a), 0);
	assert_int_equal(dns_message_reverse("web", &a), 0);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_query),   cmocka_unit_test(test_odd_names), cmocka_unit_test(test_broken_queries),
	    cmocka_unit_test(test_outcome), cmocka_unit_test(test_negative),  cmocka_unit_test(test_age_and_address),
	    cmocka_unit_test(test_cut),	    cmocka_unit_test(test_draft),     cmocka_unit_test(test_reverse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
