/* SPDX-License-Identifier: Apache-2.0 */
#include "node/net/dns_zone.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/net/dns.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* "a b c" -> a list */
static char **words(const char *text)
{
	char **v = NULL;

	while (text && *text) {
		size_t n = strcspn(text, " ");
		mem_cleanup char *word = mem_strndup(text, n);

		mem_strv_add(&v, word);
		text += n + (text[n] == ' ');
	}
	return v;
}

static int set(struct dns_zone *z, const char *container, const char *names, const char *links, const char *ip4,
	       const char *ip6)
{
	cleanup_with(mem_strv_freep) char **name = words(names), **link = words(links);

	return dns_zone_set(
	    z, &(struct dns_endpoint){.container = container, .names = name, .links = link, .ip4 = ip4, .ip6 = ip6},
	    NULL);
}

static void put(struct dns_zone *z, const char *container, const char *names, const char *links, const char *ip4,
		const char *ip6)
{
	assert_int_equal(set(z, container, names, links, ip4, ip6), 0);
}

/* The addresses as one text, "-" = no such name. */
static const char *find(struct dns_zone *z, const char *asker, const char *name, int family)
{
	static char text[1024];
	struct dns_found f = {.n = 0};

	if (!dns_zone_find(z, asker, name, family, &f))
		return "-";
	text[0] = '\0';
	for (size_t i = 0; i < f.n; i++) {
		char one[64];
		size_t at = strlen(text);

		assert_non_null(inet_ntop(family, &f.address[i], one, sizeof one));
		snprintf(text + at, sizeof text - at, "%s%s", at ? " " : "", one);
	}
	return text;
}

static struct dns_zone *three(void)
{
	struct dns_zone *z = dns_zone_new("Shop");

	put(z, "c1", "web Front web", "db:database /c3:third", "10.0.0.1", "fd00::1");
	put(z, "c2", "db svc", NULL, "10.0.0.2", NULL);
	put(z, "c3", "db2 svc", NULL, "10.0.0.3", NULL);
	return z;
}

static void test_names(void **state)
{
	struct dns_zone *z = three();

	assert_string_equal(find(z, "c2", "web", AF_INET), "10.0.0.1");
	assert_string_equal(find(z, "c2", "front", AF_INET), "10.0.0.1");
	assert_string_equal(find(z, "c2", "web.shop", AF_INET6), "fd00::1");
	assert_string_equal(find(z, "c1", "db", AF_INET6), "");
	assert_string_equal(find(z, "c1", "nobody", AF_INET), "-");
	assert_string_equal(find(z, "c1", ".shop", AF_INET), "-");
	assert_string_equal(find(z, "c1", "shop", AF_INET), "-");
	/* Whoever is not on the network learns nothing. */
	assert_string_equal(find(z, "c9", "web", AF_INET), "-");
	dns_zone_free(z);
	(void)state;
}

static void test_service_turns(void **state)
{
	struct dns_zone *z = three();

	assert_string_equal(find(z, "c1", "svc", AF_INET), "10.0.0.2 10.0.0.3");
	assert_string_equal(find(z, "c1", "svc", AF_INET), "10.0.0.3 10.0.0.2");
	assert_string_equal(find(z, "c1", "svc", AF_INET), "10.0.0.2 10.0.0.3");
	dns_zone_drop(z, "c2");
	assert_string_equal(find(z, "c1", "svc", AF_INET), "10.0.0.3");
	assert_string_equal(find(z, "c1", "db", AF_INET), "-");
	dns_zone_drop(z, "c3");
	assert_string_equal(find(z, "c1", "svc", AF_INET), "-");
	assert_int_equal(dns_zone_count(z), 1);
	dns_zone_free(z);
	(void)state;
}

static void test_links(void **state)
{
	struct dns_zone *z = three();

	assert_string_equal(find(z, "c1", "database", AF_INET), "10.0.0.2");
	assert_string_equal(find(z, "c1", "third", AF_INET), "10.0.0.3");
	assert_string_equal(find(z, "c2", "database", AF_INET), "-");
	dns_zone_free(z);
	(void)state;
}

static void test_replace(void **state)
{
	struct dns_zone *z = three();

	put(z, "c1", "new", NULL, "10.0.0.9", NULL);
	assert_string_equal(find(z, "c2", "web", AF_INET), "-");
	assert_string_equal(find(z, "c2", "new", AF_INET), "10.0.0.9");
	assert_string_equal(find(z, "c1", "database", AF_INET), "-");
	dns_zone_free(z);
	(void)state;
}

static void test_reverse(void **state)
{
	struct dns_zone *z = three();
	struct in6_addr a = {0};
	mem_cleanup char *four = NULL, *six = NULL;

	inet_pton(AF_INET, "10.0.0.1", &a);
	four = dns_zone_reverse(z, AF_INET, &a);
	assert_string_equal(four, "web.shop");
	inet_pton(AF_INET6, "fd00::1", &a);
	six = dns_zone_reverse(z, AF_INET6, &a);
	assert_string_equal(six, "web.shop");
	inet_pton(AF_INET, "10.0.0.77", &a);
	assert_null(dns_zone_reverse(z, AF_INET, &a));
	dns_zone_free(z);
	(void)state;
}

static void test_refused(void **state)
{
	static const char *const bad[] = {
	    "",	   ".",	   "a..b", "a.",       ".a",
	    "a b", "a\\b", "a\nb", "\xc3\xa4", "0123456789012345678901234567890123456789012345678901234567890123"};
	struct dns_zone *z = three();
	struct err err = ERR_INIT;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char *web = mem_strdup("web"), *wrong = mem_strdup(bad[i]), *names[] = {web, wrong, NULL};
		struct dns_endpoint e = {.container = "c1", .names = names, .ip4 = "10.0.0.1"};

		assert_int_equal(dns_zone_set(z, &e, &err), -EINVAL);
		free(web);
		free(wrong);
	}
	assert_int_equal(dns_zone_set(z, &(struct dns_endpoint){.container = "c1", .ip4 = "10.0.0"}, &err), -EINVAL);
	assert_string_equal(err.text, "\"10.0.0\" is not an IPv4 address");
	/* Nothing has changed. */
	assert_string_equal(find(z, "c2", "web", AF_INET), "10.0.0.1");
	dns_zone_free(z);
	(void)state;
}

static void test_many_names(void **state)
{
	struct dns_zone *z = dns_zone_new("n");
	char **names = NULL;

	for (size_t i = 0; i <= DNS_NAMES_MAX; i++) {
		mem_cleanup char *name = mem_printf("n%zu", i);

		mem_strv_add(&names, name);
	}
	assert_int_equal(dns_zone_set(z, &(struct dns_endpoint){.container = "c", .names = names}, NULL), -E2BIG);
	free(names[DNS_NAMES_MAX]);
	names[DNS_NAMES_MAX] = NULL;
	assert_int_equal(dns_zone_set(z, &(struct dns_endpoint){.container = "c", .names = names}, NULL), 0);
	mem_strv_free(names);
	dns_zone_free(z);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names),      cmocka_unit_test(test_service_turns), cmocka_unit_test(test_links),
	    cmocka_unit_test(test_replace),    cmocka_unit_test(test_reverse),	     cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_many_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
