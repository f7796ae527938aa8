/* SPDX-License-Identifier: Apache-2.0 */
#include "node/registry/url.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/registry/challenge.h"
#include "node/registry/web.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above first */
#include <cmocka.h>

/* NULL = refused */
static const struct {
	const char *text, *whole;
} addresses[] = {
    {"https://registry.example", "https://registry.example/"},
    {"HTTPS://Registry.Example:443/v2/", "https://registry.example/v2/"},
    {"http://h:80/a?b=c", "http://h/a?b=c"},
    {"https://h:5000?x", "https://h:5000/?x"},
    {"http://[::1]:5000/v2/", "http://[::1]:5000/v2/"},
    {"ftp://h/", NULL},
    {"file:///etc/passwd", NULL},
    {"https://user@h/", NULL},
    {"https://h@evil/", NULL},
    {"https://h\\@evil/", NULL},
    {"https://h/a b", NULL},
    {"https://h/a#b", NULL},
    {"https://h/\xc3\xa4", NULL},
    {"https://h:0/", NULL},
    {"https://h:65536/", NULL},
    {"https://h:/", NULL},
    {"https://h:5000:6/", NULL},
    {"https:///path", NULL},
    {"https://", NULL},
    {"https://-h/", NULL},
    {"https://[::1/", NULL},
    {"https://h%00/", NULL},
    {"//h/", NULL},
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
		cleanup_with(url_free) struct url u = URL_INIT;
		struct err err = ERR_INIT;
		int r = url_parse(addresses[i].text, &u, &err);
		mem_cleanup char *whole = r == 0 ? url_text(&u) : NULL;

		if (addresses[i].whole)
			assert_string_equal(whole, addresses[i].whole);
		else
			assert_int_equal(r, -EINVAL);
	}
}

static const struct {
	const char *location, *whole;
} locations[] = {
    {"https://cdn.example/blob?sig=1", "https://cdn.example/blob?sig=1"},
    {"/v2/a/blobs/uploads/1?x=y", "https://r.example:5000/v2/a/blobs/uploads/1?x=y"},
    {"//other.example/x", "https://other.example/x"},
    {"?n=2", "https://r.example:5000/v2/a/b?n=2"},
    {"next", "https://r.example:5000/v2/a/next"},
    {"http://r.example:5000/", "http://r.example:5000/"},
    {"javascript:alert(1)", NULL},
    {"file:/etc/passwd", NULL},
    {"", NULL},
    {"//user@other/", NULL},
};

static void test_resolve(void **state)
{
	cleanup_with(url_free) struct url base = URL_INIT;

	(void)state;
	assert_int_equal(url_parse("https://r.example:5000/v2/a/b?c=d/e", &base, NULL), 0);
	for (size_t i = 0; i < sizeof locations / sizeof locations[0]; i++) {
		cleanup_with(url_free) struct url u = URL_INIT;
		int r = url_resolve(&base, locations[i].location, &u, NULL);
		mem_cleanup char *whole = r == 0 ? url_text(&u) : NULL;

		if (locations[i].whole)
			assert_string_equal(whole, locations[i].whole);
		else
			assert_int_equal(r, -EINVAL);
	}
}

static void test_origin(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
	    {"https://h/", "https://H:443/x", true},	 {"https://h/", "http://h/", false},
	    {"https://h/", "https://h:444/", false},	 {"https://h/", "https://h.evil/", false},
	    {"http://h:5000/a", "http://h:5000/", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		cleanup_with(url_free) struct url a = URL_INIT;
		cleanup_with(url_free) struct url b = URL_INIT;

		assert_int_equal(url_parse(rows[i].a, &a, NULL), 0);
		assert_int_equal(url_parse(rows[i].b, &b, NULL), 0);
		assert_int_equal(url_same_origin(&a, &b), rows[i].same);
	}
	assert_true(url_is_loopback("127.1.2.3"));
	assert_true(url_is_loopback("localhost"));
	assert_false(url_is_loopback("127.0.0.1.evil.example"));
	assert_false(url_is_loopback("128.0.0.1"));
}

static void test_name(void **state)
{
	static const char *const rows[][2] = {
	    {"https://h/a/b.tar?x=/y", "b.tar"},
	    {"https://h/a%20b", "a b"},
	    {"https://h/a%2Fb", "b"},
	    {"https://h/a/", "__unnamed__"},
	    {"https://h", "__unnamed__"},
	    {"https://h/%2e%2e", "__unnamed__"},
	    {"https://h/x/..", "__unnamed__"},
	    {"https://h/a%0ab", "__unnamed__"},
	    {"https://h/%zz%4", "%zz%4"},
	    {"https://h/x%00y", "x"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		mem_cleanup char *name = web_name(rows[i][0]);

		assert_string_equal(name, rows[i][1]);
	}
}

static const struct {
	const char *header;
	int kind; /* -1 = refused */
	const char *realm, *service, *scope;
} challenges[] = {
    {"Bearer realm=\"https://auth.example/token\",service=\"r.example\",scope=\"repository:a:pull\"", CHALLENGE_BEARER,
     "https://auth.example/token", "r.example", "repository:a:pull"},
    {"bearer realm=https, service = x", CHALLENGE_BEARER, "https", "x", NULL},
    {"Basic realm=\"a \\\"b\\\", c\"", CHALLENGE_BASIC, "a \"b\", c", NULL, NULL},
    {"Basic", CHALLENGE_BASIC, NULL, NULL, NULL},
    {"Basic realm=\"x\", Bearer realm=\"y\"", CHALLENGE_BEARER, "y", NULL, NULL},
    {"Bearer realm=\"y\" , , Basic realm=x", CHALLENGE_BEARER, "y", NULL, NULL},
    {"Negotiate", CHALLENGE_NONE, NULL, NULL, NULL},
    {"Negotiate YWJj==, Basic realm=x", CHALLENGE_BASIC, "x", NULL, NULL},
    {"Negotiate YWJj=", CHALLENGE_NONE, NULL, NULL, NULL},
    {"", CHALLENGE_NONE, NULL, NULL, NULL},
    {"Bearer service=x", -1, NULL, NULL, NULL},
    {"Bearer realm=\"open", -1, NULL, NULL, NULL},
    {"Bearer realm=\"a\",realm=\"b\"", -1, NULL, NULL, NULL},
    {"Bearer realm=\"a\" service=\"b\"", -1, NULL, NULL, NULL},
    {"Bearer realm=", -1, NULL, NULL, NULL},
    {"Bearer realm=\"a\x01\"", -1, NULL, NULL, NULL},
    {"=x", -1, NULL, NULL, NULL},
};

static void same(const char *a, const char *b)
{
	if (a && b)
		assert_string_equal(a, b);
	else
		assert_true(!a && !b);
}

static void test_challenge(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof challenges / sizeof challenges[0]; i++) {
		cleanup_with(challenge_free) struct challenge c = {.kind = CHALLENGE_NONE};
		int r = challenge_parse(challenges[i].header, &c, NULL);

		if (challenges[i].kind < 0) {
			assert_int_equal(r, -EINVAL);
			continue;
		}
		assert_int_equal(r, 0);
		assert_int_equal((int)c.kind, challenges[i].kind);
		same(c.realm, challenges[i].realm);
		same(c.service, challenges[i].service);
		same(c.scope, challenges[i].scope);
	}
}

static void test_link(void **state)
{
	static const struct {
		const char *header, *next;
		int r;
	} rows[] = {
	    {"</v2/_catalog?last=a&n=2>; rel=\"next\"", "/v2/_catalog?last=a&n=2", 0},
	    {"<a>; rel=prev, <b>; title=\"x, y\"; rel=next", "b", 0},
	    {"<a>", NULL, 0},
	    {"", NULL, 0},
	    {"a; rel=next", NULL, -EINVAL},
	    {"<a; rel=next", NULL, -EINVAL},
	    {"<a>; rel=\"next", NULL, -EINVAL},
	    {"<a>; rel=next <b>", NULL, -EINVAL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		mem_cleanup char *next = NULL;

		assert_int_equal(challenge_next_link(rows[i].header, &next, NULL), rows[i].r);
		same(next, rows[i].next);
	}
}

static void test_escape(void **state)
{
	mem_cleanup char *text = url_escape("repository:a/b:pull,push x", ":/");

	(void)state;
	assert_string_equal(text, "repository:a/b:pull%2Cpush%20x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parse),  cmocka_unit_test(test_resolve),   cmocka_unit_test(test_origin),
	    cmocka_unit_test(test_name),   cmocka_unit_test(test_challenge), cmocka_unit_test(test_link),
	    cmocka_unit_test(test_escape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
