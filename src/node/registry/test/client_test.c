/* SPDX-License-Identifier: Apache-2.0
 *
 * What the client of registries reads and decides without a network: names, settings, credentials, tokens, delays.
 */
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/registry/base64.h"
#include "node/registry/docker_config.h"
#include "node/registry/hosts.h"
#include "node/registry/name.h"
#include "node/registry/session.h"
#include "node/registry/token.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above first */
#include <cmocka.h>

#define TEXT(s) ((char[]){s}) /* one that is not const */
#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void same(const char *a, const char *b)
{
	if (a && b)
		assert_string_equal(a, b);
	else
		assert_true(!a && !b);
}

static void test_name(void **state)
{
	static const struct {
		const char *text, *host, *repo, *tag, *digest, *local;
	} rows[] = {
	    {"busybox", "docker.io", "library/busybox", "latest", NULL, "busybox:latest"},
	    {"docker.io/library/busybox:1", "docker.io", "library/busybox", "1", NULL, "busybox:1"},
	    {"index.docker.io/a/b", "docker.io", "a/b", "latest", NULL, "a/b:latest"},
	    {"library/a/b", "docker.io", "library/a/b", "latest", NULL, "library/a/b:latest"},
	    {"lab.example:5000/x:2", "lab.example:5000", "x", "2", NULL, "lab.example:5000/x:2"},
	    {"localhost/x", "localhost", "x", "latest", NULL, "localhost/x:latest"},
	    {"a:1@sha256:" HEX64, "docker.io", "library/a", "1", "sha256:" HEX64, "a@sha256:" HEX64},
	    {"a@sha256:" HEX64, "docker.io", "library/a", NULL, "sha256:" HEX64, "a@sha256:" HEX64},
	    {"A", NULL, NULL, NULL, NULL, NULL},
	    {"a@sha256:0123", NULL, NULL, NULL, NULL, NULL},
	    {"a@SHA256:" HEX64, NULL, NULL, NULL, NULL, NULL},
	    {"../a", NULL, NULL, NULL, NULL, NULL},
	    {"", NULL, NULL, NULL, NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		cleanup_with(name_free) struct name n = NAME_INIT;
		int r = name_parse(rows[i].text, &n, NULL);
		mem_cleanup char *local = r == 0 ? name_local(&n) : NULL;

		assert_int_equal(r, rows[i].host ? 0 : -EINVAL);
		same(n.host, rows[i].host);
		same(n.repo, rows[i].repo);
		same(n.tag, rows[i].tag);
		same(n.digest, rows[i].digest);
		same(local, rows[i].local);
		if (r == 0)
			same(name_reference(&n), rows[i].digest ? rows[i].digest : rows[i].tag);
	}
}

static void test_host(void **state)
{
	static const struct {
		const char *text, *host;
	} rows[] = {
	    {"", "docker.io"},
	    {"docker.io", "docker.io"},
	    {"https://index.docker.io/v1/", "docker.io"},
	    {"Lab.Example:5000", "lab.example:5000"},
	    {"http://lab.example/v2/", "lab.example"},
	    {"user@lab", NULL},
	    {"lab example", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		mem_cleanup char *host = NULL;

		assert_int_equal(name_host(rows[i].text, &host, NULL), rows[i].host ? 0 : -EINVAL);
		same(host, rows[i].host);
	}
}

static void test_base64(void **state)
{
	static const char *const texts[] = {"", "a", "ab", "abc", "abcd", "user:p\xc3\xa4ss"};
	static const char *const bad[] = {"a", "ab=", "a===", "=aaa", "a=bc", "YWJj\n", "YW Jj", "YQ=a"};
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		mem_cleanup char *text = base64_text(texts[i], strlen(texts[i]));
		mem_cleanup char *back = base64_bytes(text, &n);

		assert_string_equal(back, texts[i]);
		assert_int_equal(n, strlen(texts[i]));
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_null(base64_bytes(bad[i], &n));
}

static const char config[] = "{\"auths\": {\"https://index.docker.io/v1/\": {\"auth\": \"dXNlcjpwYTpzcw==\"},"
			     "\"http://old.example/v1/\": {\"username\": \"u\", \"password\": \"p\"},"
			     "\"token.example\": {\"auth\": \"PHRva2VuPjo=\", \"identitytoken\": \"idt\"},"
			     "\"empty.example\": {}, \"bad.example\": {\"auth\": \"bm9jb2xvbg==\"}},"
			     "\"credHelpers\": {\"helper.example\": \"lab\"}, \"other\": [1]}";

static void test_config(void **state)
{
	static const struct {
		const char *registry;
		int r;
		const char *user, *secret, *identity, *helper;
	} rows[] = {
	    {"docker.io", 1, "user", "pa:ss", NULL, NULL},    {"old.example", 1, "u", "p", NULL, NULL},
	    {"token.example", 1, "<token>", "", "idt", NULL}, {"empty.example", 0, NULL, NULL, NULL, NULL},
	    {"none.example", 0, NULL, NULL, NULL, NULL},      {"helper.example", 0, NULL, NULL, NULL, "lab"},
	    {"bad.example", -EINVAL, NULL, NULL, NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		cleanup_with(cred_free) struct cred c = {.user = NULL};
		mem_cleanup char *helper = NULL;

		assert_int_equal(docker_config_find(config, strlen(config), rows[i].registry, &c, &helper, NULL),
				 rows[i].r);
		same(c.user, rows[i].user);
		same(c.secret, rows[i].secret);
		same(c.identity_token, rows[i].identity);
		same(helper, rows[i].helper);
	}
}

/* A folder of this test with a config.json, which DOCKER_CONFIG names. */
struct place {
	char path[64];
	int dir;
};

static int place_make(void **state)
{
	static struct place p;

	snprintf(p.path, sizeof p.path, "/tmp/berth-client-XXXXXX");
	if (!mkdtemp(p.path))
		return -1;
	p.dir = open(p.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	setenv("DOCKER_CONFIG", p.path, 1);
	setenv("XDG_CONFIG_HOME", p.path, 1);
	*state = &p;
	return p.dir < 0 ? -1 : 0;
}

static int place_remove(void **state)
{
	struct place *p = *state;

	fd_cleanup int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	close(p->dir);
	return fs_remove_tree(tmp, p->path + strlen("/tmp/"), NULL);
}

static void put(const struct place *p, const char *name, const char *text, mode_t mode)
{
	assert_int_equal(fs_write_atomic(p->dir, name, text, strlen(text), mode, false, NULL), 0);
}

static void test_store(void **state)
{
	struct place *p = *state;
	const struct cred c = {.user = TEXT("user"), .secret = TEXT("new")};
	cleanup_with(cred_free) struct cred back = {.user = NULL};
	mem_cleanup char *file = NULL;
	mem_cleanup char *text = NULL;
	struct stat st;

	put(p, "config.json", config, 0644);
	assert_int_equal(docker_config_store("docker.io", &c, &file, NULL), 0);
	assert_non_null(file);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(docker_config_get("docker.io", &back, NULL), 1);
	assert_string_equal(back.secret, "new");
	assert_int_equal(docker_config_erase("docker.io", NULL), 1);
	assert_int_equal(docker_config_erase("docker.io", NULL), 0);
	/* What is not ours is as it was. */
	assert_int_equal(fs_read(p->dir, "config.json", 65536, &text, NULL, NULL), 0);
	assert_non_null(strstr(text, "\"other\""));
	assert_non_null(strstr(text, "old.example"));
	assert_null(strstr(text, "index.docker.io"));
}

/* A helper that keeps what it is told in a file and tells what it can see of the environment. */
static const char helper[] =
    "#!/bin/sh\n"
    "cd \"${0%/*}\" || exit 1\n"
    "env >seen\n"
    "case $1 in\n"
    "store) cat >kept ;;\n"
    "get) read -r server; [ -f kept ] || { echo credentials not found in native keychain; exit 1; }\n"
    "	echo \"$server\" >asked; cat kept ;;\n"
    "erase) rm -f kept ;;\n"
    "esac\n";

static void test_helper(void **state)
{
	struct place *p = *state;
	const struct cred c = {.user = TEXT("user"), .secret = TEXT("very secret")};
	const struct cred token = {.identity_token = TEXT("idt")};
	cleanup_with(cred_free) struct cred back = {.user = NULL};
	cleanup_with(cred_free) struct cred other = {.user = NULL};
	mem_cleanup char *path = mem_strdup(getenv("PATH"));
	mem_cleanup char *with = mem_printf("%s:%s", p->path, path);
	mem_cleanup char *file = NULL;
	mem_cleanup char *text = NULL;

	put(p, "docker-credential-lab", helper, 0755);
	put(p, "config.json", config, 0600);
	setenv("PATH", with, 1);
	setenv("BERTH_CANARY", "1", 1);
	assert_int_equal(docker_config_get("helper.example", &back, NULL), 0);
	assert_int_equal(docker_config_store("helper.example", &c, &file, NULL), 0);
	assert_null(file);
	assert_int_equal(docker_config_get("helper.example", &back, NULL), 1);
	assert_string_equal(back.secret, "very secret");
	assert_int_equal(docker_config_store("helper.example", &token, &file, NULL), 0);
	assert_int_equal(docker_config_get("helper.example", &other, NULL), 1);
	assert_string_equal(other.identity_token, "idt");
	assert_int_equal(fs_read(p->dir, "seen", 65536, &text, NULL, NULL), 0);
	assert_null(strstr(text, "BERTH_CANARY"));
	assert_non_null(strstr(text, "PATH="));
	free(mem_take(text));
	assert_int_equal(fs_read(p->dir, "config.json", 65536, &text, NULL, NULL), 0);
	assert_null(strstr(text, "secret"));
	assert_int_equal(docker_config_erase("helper.example", NULL), 1);
	assert_int_not_equal(faccessat(p->dir, "kept", F_OK, 0), 0);
	assert_int_equal(cred_helper_get("not-there", "x", &back, NULL), -ENOENT);
	assert_int_equal(cred_helper_get("../lab", "x", &back, NULL), -EINVAL);
	setenv("PATH", path, 1);
	unsetenv("BERTH_CANARY");
}

static void test_hosts(void **state)
{
	struct place *p = *state;
	cleanup_with(hosts_free) struct hosts h = HOSTS_INIT;
	struct endpoint *e = NULL;
	mem_cleanup char *first = NULL;
	mem_cleanup char *last = NULL;
	fd_cleanup int certs = -1;
	size_t n = 0;

	assert_int_equal(mkdirat(p->dir, "berth", 0700), 0);
	put(p, "berth/" HOSTS_FILE,
	    "{\"registries\": {\"docker.io\": {\"mirrors\": [\"http://m.example/cache\"]},"
	    "\"lab.example:5000\": {\"insecure\": true, \"realm\": \"https://auth.example\"}}, \"downloads\": 7}",
	    0600);
	certs = fs_mkdirs_in(p->dir, "berth/certs.d/lab.example:5000", 0700, FS_NO_SYMLINKS, NULL);
	assert_int_equal(fs_write_atomic(certs, "ca.crt", "PEM", 3, 0600, false, NULL), 0);
	assert_int_equal(hosts_load(&h, NULL), 0);
	assert_int_equal(h.downloads, 7);
	assert_int_equal(hosts_endpoints(&h, "docker.io", true, &e, &n, NULL), 0);
	assert_int_equal(n, 2);
	first = url_text(&e[0].base);
	last = url_text(&e[1].base);
	assert_string_equal(first, "http://m.example/cache/");
	assert_string_equal(last, "https://registry-1.docker.io/");
	assert_string_equal(e[1].realm.host, "auth.docker.io");
	hosts_endpoints_free(e, n);
	assert_int_equal(hosts_endpoints(&h, "docker.io", false, &e, &n, NULL), 0);
	assert_int_equal(n, 1);
	hosts_endpoints_free(e, n);
	assert_int_equal(hosts_endpoints(&h, "lab.example:5000", true, &e, &n, NULL), 0);
	assert_true(e[0].plain_too && e[0].trust.unchecked);
	assert_string_equal(e[0].trust.ca, "PEM\n");
	assert_string_equal(e[0].realm.host, "auth.example");
	hosts_endpoints_free(e, n);
	assert_int_equal(hosts_endpoints(&h, "other.example", true, &e, &n, NULL), 0);
	assert_false(e[0].plain_too || e[0].trust.unchecked || e[0].realm.host);
	hosts_endpoints_free(e, n);
}

static void test_hosts_bad(void **state)
{
	static const char *const bad[] = {"[]",
					  "{\"registries\": []}",
					  "{\"registries\": {\"a\": 1}}",
					  "{\"registries\": {\"a\": {\"mirrors\": [\"ftp://x\"]}}}",
					  "{\"registries\": {\"a\": {\"realm\": \"auth\"}}}",
					  "{\"downloads\": 0}",
					  "{"};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		cleanup_with(hosts_free) struct hosts h = HOSTS_INIT;

		assert_int_equal(hosts_add(&h, bad[i], strlen(bad[i]), "x", NULL), -EINVAL);
	}
}

static void test_token(void **state)
{
	static const struct {
		const char *text, *token, *refresh;
	} rows[] = {
	    {"{\"token\": \"t\"}", "t", NULL},
	    {"{\"access_token\": \"a\", \"refresh_token\": \"r\", \"expires_in\": 10}", "a", "r"},
	    {"{\"token\": \"a b\"}", NULL, NULL},
	    {"{\"token\": \"a\\r\\nX: y\"}", NULL, NULL},
	    {"{\"token\": \"\"}", NULL, NULL},
	    {"{\"token\": 1}", NULL, NULL},
	    {"[]", NULL, NULL},
	    {"", NULL, NULL},
	};
	struct cred c = {.user = TEXT("u ser"), .secret = TEXT("p")};
	struct cred identity = {.identity_token = TEXT("a&b")};
	struct token_query q = {.service = "s", .scope = "repository:a:pull repository:b:pull", .cred = &c};
	mem_cleanup char *get = token_get_address("https://h/t?x=y", &q);
	mem_cleanup char *post = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		cleanup_with(token_free) struct token t = {.text = NULL};

		assert_int_equal(token_parse(rows[i].text, strlen(rows[i].text), &t, NULL),
				 rows[i].token ? 0 : -EINVAL);
		same(t.text, rows[i].token);
		same(t.refresh, rows[i].refresh);
	}
	assert_string_equal(
	    get, "https://h/t?x=y&service=s&scope=repository%3Aa%3Apull&scope=repository%3Ab%3Apull&account=u%20ser");
	q.cred = &identity;
	post = token_post_body(&q);
	assert_string_equal(post, "grant_type=refresh_token&client_id=berth&refresh_token=a%26b&service=s"
				  "&scope=repository%3Aa%3Apull%20repository%3Ab%3Apull");
}

static void test_retry_after(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} rows[] = {
	    {NULL, -1},
	    {"", -1},
	    {"0", 0},
	    {"120", 120},
	    {"-1", -1},
	    {"1 s", -1},
	    {"99999999999999999999", -1},
	    {"Fri, 31 Dec 1999 23:59:59 GMT", 9},
	    {"Fri, 31 Dec 1999 00:00:00 GMT", 0},
	    {"soon", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		assert_int_equal(session_retry_after(rows[i].text, 946684790), rows[i].seconds);
}

static void test_message(void **state)
{
	static const struct {
		const char *text, *message;
	} rows[] = {
	    {"{\"errors\": [{\"code\": \"DENIED\", \"message\": \"no\"}]}", "no (DENIED)"},
	    {"{\"errors\": [{\"message\": \"no\"}]}", "no"},
	    {"{\"details\": \"no\"}", "no"},
	    {"{\"errors\": []}", NULL},
	    {"<html>", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		mem_cleanup char *message = session_message(rows[i].text, strlen(rows[i].text));

		same(message, rows[i].message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_name),
	    cmocka_unit_test(test_host),
	    cmocka_unit_test(test_base64),
	    cmocka_unit_test(test_config),
	    cmocka_unit_test_setup_teardown(test_store, place_make, place_remove),
	    cmocka_unit_test_setup_teardown(test_helper, place_make, place_remove),
	    cmocka_unit_test_setup_teardown(test_hosts, place_make, place_remove),
	    cmocka_unit_test(test_hosts_bad),
	    cmocka_unit_test(test_token),
	    cmocka_unit_test(test_retry_after),
	    cmocka_unit_test(test_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
