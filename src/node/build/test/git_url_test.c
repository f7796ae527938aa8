/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/git_url.h"

#include "base/core/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COMMIT "0123456789abcdef0123456789abcdef01234567"

static const struct {
	const char *text, *remote, *ref, *dir; /* remote NULL: refused; a part "" = none */
	bool ssh;
} rows[] = {
    {"https://h/x.git", "https://h/x.git", "", "", false},
    {"https://h:8443/a/x.git#main", "https://h:8443/a/x.git", "main", "", false},
    {"http://h/x.git#v1.0:a/b", "http://h/x.git", "v1.0", "a/b", false},
    {"git://h/x#:/a//./b/", "git://h/x", "", "a/b", false},
    {"git://h/x#refs/heads/a:", "git://h/x", "refs/heads/a", "", false},
    {"git@h:a/x.git#" COMMIT, "git@h:a/x.git", COMMIT, "", true},
    {"ssh://git@h:22/x", "ssh://git@h:22/x", "", "", true},
    {"github.com/a/b#x", "https://github.com/a/b", "x", "", false},
    {"https://h/x.git#", "https://h/x.git", "", "", false},
    {"https://user@h/x.git", NULL, NULL, NULL, false},
    {"https://h/x.git?ref=a", NULL, NULL, NULL, false},
    {"git://h/xt@-/", NULL, NULL, NULL, false},
    {"https://-h/x.git", NULL, NULL, NULL, false},
    {"https:///x.git", NULL, NULL, NULL, false},
    {"https://h:99999999/x.git", NULL, NULL, NULL, false},
    {"https://h/-x.git", NULL, NULL, NULL, false},
    {"https://h/x y.git", NULL, NULL, NULL, false},
    {"https://h/x;y.git", NULL, NULL, NULL, false},
    {"git@-oProxyCommand=x:y", NULL, NULL, NULL, false},
    {"http://169.254.169.254/x.git", NULL, NULL, NULL, false},
    {"http://0xa9fea9fe/x.git", NULL, NULL, NULL, false},
    {"git@h::x", NULL, NULL, NULL, false},
    {"git@h", NULL, NULL, NULL, false},
    {"git@h/x", NULL, NULL, NULL, false},
    {"ssh://-oProxyCommand=x/y", NULL, NULL, NULL, false},
    {"ssh://-l@h/y", NULL, NULL, NULL, false},
    {"ext::sh -c x", NULL, NULL, NULL, false},
    {"file:///etc", NULL, NULL, NULL, false},
    {"--upload-pack=x", NULL, NULL, NULL, false},
    {"/etc", NULL, NULL, NULL, false},
    {"https://h/x.git#-u", NULL, NULL, NULL, false},
    {"https://h/x.git#+a", NULL, NULL, NULL, false},
    {"https://h/x.git#a..b", NULL, NULL, NULL, false},
    {"https://h/x.git#a@{1}", NULL, NULL, NULL, false},
    {"https://h/x.git#a.lock", NULL, NULL, NULL, false},
    {"https://h/x.git#a b", NULL, NULL, NULL, false},
    {"https://h/x.git#a*", NULL, NULL, NULL, false},
    {"https://h/x.git#a~1", NULL, NULL, NULL, false},
    {"https://h/x.git#main:../x", NULL, NULL, NULL, false},
    {"https://h/x.git#main:a/..", NULL, NULL, NULL, false},
};

static void check(const char *is, const char *want)
{
	assert_string_equal(is ? is : "", want);
}

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct git_url u = {.remote = NULL};
		struct err err = ERR_INIT;
		int r = git_url_parse(rows[i].text, &u, &err);

		assert_int_equal(r, rows[i].remote ? 0 : -EINVAL);
		if (r < 0) {
			assert_non_null(strstr(err.text, rows[i].text));
			assert_null(u.remote);
			continue;
		}
		check(u.remote, rows[i].remote);
		check(u.ref, rows[i].ref);
		check(u.dir, rows[i].dir);
		assert_int_equal(u.ssh, rows[i].ssh);
		git_url_free(&u);
	}
}

static void test_protocols(void **state)
{
	struct git_url u;

	(void)state;
	assert_int_equal(git_url_parse("https://h/x.git", &u, NULL), 0);
	assert_string_equal(u.protocols, "https");
	git_url_free(&u);
}

static void test_is(void **state)
{
	(void)state;
	assert_true(git_url_is("https://h/x.git#a"));
	assert_true(git_url_is("git@h:x"));
	assert_false(git_url_is("https://h/x.git/y"));
	assert_false(git_url_is("https://h/x.tar#.git"));
	assert_false(git_url_is("x.git"));
	assert_false(git_url_is("github.com/a/b"));
	assert_true(git_url_is_context("github.com/a/b"));
	assert_true(git_url_is_commit(COMMIT));
	assert_false(git_url_is_commit("0123"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_parse), cmocka_unit_test(test_protocols),
					   cmocka_unit_test(test_is)};

	return cmocka_run_group_tests_name("git_url", tests, NULL, NULL);
}
