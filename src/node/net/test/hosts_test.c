/* SPDX-License-Identifier: Apache-2.0 */
#include "node/net/hosts.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define ALWAYS                                                                                                         \
	"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost "                                                          \
	"ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\n"                                                \
	"ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"

/* "a b" -> a list; the caller's */
static char **words(const char *text)
{
	char **v = NULL, *save = NULL;
	mem_cleanup char *copy = mem_strdup(text);

	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		mem_strv_add(&v, w);
	return v;
}

static void test_hosts(void **state)
{
	cleanup_with(mem_strv_freep) char **own = words("10.0.0.2 fd00::2"), **gateways = words("172.17.0.1"),
					  **extra = words("db:10.1.1.1 host.docker.internal=host-gateway six:[::5]");
	const struct hosts_entry links[] = {{"10.0.0.3", "cache 0123456789ab redis"}};
	struct hosts_wish w = {.hostname = "web",
			       .addresses = own,
			       .extra = extra,
			       .gateways = gateways,
			       .links = links,
			       .n_links = 1,
			       .servers = HOSTS_BRIDGE};
	mem_cleanup char *text = NULL, *named = NULL, *machine = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(hosts_text(&w, "9.9.9.9 not-this\n", &text, NULL), 0);
	assert_string_equal(text, ALWAYS "10.1.1.1\tdb\n172.17.0.1\thost.docker.internal\n::5\tsix\n"
					 "10.0.0.3\tcache 0123456789ab redis\n10.0.0.2\tweb\nfd00::2\tweb\n");
	w = (struct hosts_wish){.hostname = "web", .domainname = "example.org", .addresses = gateways};
	assert_int_equal(hosts_text(&w, NULL, &named, NULL), 0);
	assert_string_equal(named, ALWAYS "172.17.0.1\tweb.example.org web\n");
	w = (struct hosts_wish){.servers = HOSTS_MACHINE};
	assert_int_equal(hosts_text(&w, "1.2.3.4 machine", &machine, NULL), 0);
	assert_string_equal(machine, "1.2.3.4 machine\n");
	w = (struct hosts_wish){.extra = extra};
	assert_int_equal(hosts_text(&w, NULL, &machine, &err), -EINVAL);
	assert_non_null(strstr(err.text, "host-gateway"));
	(void)state;
}

static void test_extra(void **state)
{
	static const char *const good[] = {"a:1.2.3.4", "a=::1", "a:::1", "a:[::1]", "a.b-c:host-gateway"};
	static const char *const bad[] = {
	    "", "a", "a:", ":1.2.3.4", "a b:1.2.3.4", "a:1.2.3", "a:1.2.3.4\n5.6.7.8 b", "#a:1.2.3.4"};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		cleanup_with(mem_strv_freep) char **v = NULL;

		mem_strv_add(&v, good[i]);
		assert_int_equal(hosts_check_extra(v, NULL), 0);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		cleanup_with(mem_strv_freep) char **v = NULL;

		mem_strv_add(&v, bad[i]);
		assert_int_equal(hosts_check_extra(v, NULL), -EINVAL);
	}
	(void)state;
}

static void test_resolv(void **state)
{
	static const struct {
		enum hosts_servers servers;
		const char *machine, *dns, *search, *options, *want;
		bool ours;
	} rows[] = {
	    {HOSTS_MACHINE, "nameserver 127.0.0.53\nsearch a b\n", "", "", "", "nameserver 127.0.0.53\nsearch a b\n",
	     false},
	    {HOSTS_BRIDGE,
	     "# x\nnameserver 127.0.0.1\nnameserver 10.0.0.1 ; y\nnameserver ::1\ndomain d\noptions edns0\n", "", "",
	     "", "nameserver 10.0.0.1\nsearch d\noptions edns0\n", false},
	    {HOSTS_BRIDGE, "nameserver 127.0.0.53\nsearch a\n", "", "", "",
	     "nameserver 127.0.0.11\nsearch a\noptions ndots:0\n", true},
	    {HOSTS_BRIDGE, "", "", "", "", "", false},
	    {HOSTS_NOWHERE, "nameserver 127.0.0.53\nsearch a\n", "", "", "", "search a\n", false},
	    {HOSTS_BRIDGE, "nameserver 127.0.0.53\nsearch a\n", "127.0.0.1 9.9.9.9", ".", "rotate",
	     "nameserver 127.0.0.1\nnameserver 9.9.9.9\noptions rotate\n", false},
	    {HOSTS_OURS, "nameserver 1.1.1.1\nnameserver bad\nsearch a\noptions timeout:1\n", "9.9.9.9", "x y", "",
	     "nameserver 127.0.0.11\nsearch x y\noptions timeout:1 ndots:0\n", true},
	    {HOSTS_OURS, "", "", "", "ndots:2", "nameserver 127.0.0.11\noptions ndots:2\n", true},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		cleanup_with(mem_strv_freep) char **dns = words(rows[i].dns), **search = words(rows[i].search),
						  **options = words(rows[i].options);
		struct hosts_wish w = {.servers = rows[i].servers, .dns = dns, .search = search, .options = options};
		bool ours;
		mem_cleanup char *text = hosts_resolv_text(&w, rows[i].machine, &ours);

		assert_string_equal(text, rows[i].want);
		assert_int_equal(ours, rows[i].ours);
	}
	(void)state;
}

static void test_merge(void **state)
{
	mem_cleanup char *plain = hosts_merge("a\nb\n", "a\nb\n", "a\nc\n");
	mem_cleanup char *mine = hosts_merge("mine\na\nb\nalso mine", "a\nb\n", "a\nc\n");
	mem_cleanup char *taken = hosts_merge("mine\n", "a\nb\n", "a\nb\nc\n");

	assert_string_equal(plain, "a\nc\n");
	assert_string_equal(mine, "mine\na\nalso mine\nc\n");
	/* What he took out stays out. */
	assert_string_equal(taken, "mine\nc\n");
	(void)state;
}

/* ---- files ---- */

struct place {
	char path[64];
	int dir;
};

static int make_place(void **state)
{
	struct place *p = mem_new(struct place);

	snprintf(p->path, sizeof p->path, "/tmp/berth-hosts-XXXXXX");
	assert_non_null(mkdtemp(p->path));
	p->dir = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(p->dir >= 0);
	*state = p;
	return 0;
}

static int remove_place(void **state)
{
	struct place *p = *state;
	fd_cleanup int tmp = -1;

	close(p->dir);
	tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fs_remove_tree(tmp, p->path + strlen("/tmp/"), NULL), 0);
	free(p);
	return 0;
}

static void put(const struct place *p, const char *name, const char *text)
{
	fd_cleanup int fd = openat(p->dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

static void check(const struct place *p, const char *name, const char *want)
{
	mem_cleanup char *text = NULL;
	size_t n;

	assert_int_equal(fs_read(p->dir, name, 65536, &text, &n, NULL), 0);
	assert_string_equal(text, want);
}

static ino_t inode(const struct place *p, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(p->dir, name, &st, 0), 0);
	return st.st_ino;
}

static void test_files(void **state)
{
	struct place *p = *state;
	cleanup_with(mem_strv_freep) char **one = words("10.0.0.2"), **two = words("10.0.0.2 10.1.0.2");
	struct hosts_wish w = {
	    .hostname = "web", .addresses = one, .servers = HOSTS_BRIDGE, .owner = getuid(), .group = getgid()};
	bool ours;
	ino_t was;

	/* The machine's /etc is the same directory here. */
	put(p, "resolv.conf", "nameserver 10.0.0.1\n");
	assert_int_equal(mkdirat(p->dir, "box", 0700), 0);
	{
		struct place box = {.dir = openat(p->dir, "box", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};

		assert_int_equal(hosts_write(box.dir, p->dir, &w, &ours, NULL), 0);
		assert_false(ours);
		check(&box, "hosts", ALWAYS "10.0.0.2\tweb\n");
		check(&box, "resolv.conf", "nameserver 10.0.0.1\n");
		check(&box, "hostname", "web\n");
		was = inode(&box, "hosts");
		/* A second network. */
		w.addresses = two;
		w.servers = HOSTS_OURS;
		assert_int_equal(hosts_update(box.dir, p->dir, &w, &ours, NULL), 0);
		assert_true(ours);
		check(&box, "hosts", ALWAYS "10.0.0.2\tweb\n10.1.0.2\tweb\n");
		check(&box, "resolv.conf", "nameserver 127.0.0.11\noptions ndots:0\n");
		assert_int_equal(inode(&box, "hosts"), was);
		/* The program changed both. */
		put(&box, "hosts", "1.1.1.1\tmine\n10.0.0.2\tweb\n10.1.0.2\tweb\n");
		put(&box, "resolv.conf", "nameserver 1.1.1.1\n");
		w.addresses = one;
		w.servers = HOSTS_BRIDGE;
		assert_int_equal(hosts_update(box.dir, p->dir, &w, &ours, NULL), 0);
		check(&box, "hosts", "1.1.1.1\tmine\n10.0.0.2\tweb\n");
		check(&box, "resolv.conf", "nameserver 1.1.1.1\n");
		/* Its next start makes them anew, in the same file. */
		assert_int_equal(hosts_write(box.dir, p->dir, &w, &ours, NULL), 0);
		check(&box, "hosts", ALWAYS "10.0.0.2\tweb\n");
		check(&box, "resolv.conf", "nameserver 10.0.0.1\n");
		assert_int_equal(inode(&box, "hosts"), was);
		close(box.dir);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_hosts),
	    cmocka_unit_test(test_extra),
	    cmocka_unit_test(test_resolv),
	    cmocka_unit_test(test_merge),
	    cmocka_unit_test_setup_teardown(test_files, make_place, remove_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
