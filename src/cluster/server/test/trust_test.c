/* SPDX-License-Identifier: Apache-2.0 */
/* The authority in the store: made once, moved out of files, encrypted when there is a secret. */
#include "cluster/server/trust.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/store/store.h"
#include "cluster/link/authority.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET "four score and seven years ago"

struct world {
	struct loop *loop;
	struct store *store;
	char dir[64];
	int fd;
};

static int setup(void **state)
{
	struct world *w = mem_new(struct world);

	*state = w;
	snprintf(w->dir, sizeof w->dir, "/tmp/berth-trust-XXXXXX");
	if (!mkdtemp(w->dir) || loop_new(&w->loop, NULL) < 0)
		return -1;
	w->fd = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return store_open("memory", "", w->loop, &w->store, NULL);
}

static int teardown(void **state)
{
	struct world *w = *state;
	fd_cleanup int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	store_close(w->store);
	loop_free(w->loop);
	fd_closep(&w->fd);
	fs_remove_tree(tmp, w->dir + strlen("/tmp/"), NULL);
	free(w);
	return 0;
}

static void write_file(struct world *w, const char *name, const char *text, mode_t mode)
{
	assert_int_equal(fs_write_atomic(w->fd, name, text, strlen(text), mode, false, NULL), 0);
}

/* Opens it with the secret in the file of that name, NULL = none; pin: of what comes. */
static int open_with(struct world *w, const char *name, char pin[static SHA256_HEX_MAX], struct err *err)
{
	mem_cleanup char *path = name ? mem_printf("%s/%s", w->dir, name) : NULL;
	const struct trust_options o = {.folder = w->dir, .secret_file = path};
	struct authority a = {.ca = NULL};
	int r = trust_open(w->store, w->loop, &o, &a, err);

	if (r == 0)
		memcpy(pin, a.pin, sizeof a.pin);
	authority_free(&a);
	return r;
}

static bool key_is_sealed(struct world *w)
{
	mem_cleanup char *key = NULL;

	assert_int_equal(store_get(w->store, "authority/ca.key", &key, NULL, NULL), 0);
	return cert_key_is_sealed(key);
}

static void made_once(void **state)
{
	struct world *w = *state;
	char one[SHA256_HEX_MAX], two[SHA256_HEX_MAX];
	struct err err = ERR_INIT;

	assert_int_equal(open_with(w, NULL, one, &err), 0);
	assert_int_equal(open_with(w, NULL, two, &err), 0);
	assert_string_equal(one, two);
	assert_false(key_is_sealed(w));
	assert_int_equal(store_last_seq(w->store), 1);
}

static void moved_out_of_files(void **state)
{
	struct world *w = *state;
	mem_cleanup char *ca = NULL, *key = NULL;
	char pin[SHA256_HEX_MAX], wanted[SHA256_HEX_MAX];
	struct err err = ERR_INIT;

	assert_int_equal(authority_new(&ca, &key, &err), 0);
	assert_int_equal(cert_fingerprint(ca, wanted, &err), 0);
	write_file(w, "ca.crt", ca, 0600);
	write_file(w, "ca.key", key, 0600);
	assert_int_equal(open_with(w, NULL, pin, &err), 0);
	assert_string_equal(pin, wanted);
	assert_int_equal(faccessat(w->fd, "ca.key", F_OK, 0), -1);
	assert_int_equal(open_with(w, NULL, pin, &err), 0);
	assert_string_equal(pin, wanted);
}

static void encrypted(void **state)
{
	struct world *w = *state;
	char one[SHA256_HEX_MAX], two[SHA256_HEX_MAX];
	struct err err = ERR_INIT;

	write_file(w, "secret", SECRET "\n", 0600);
	write_file(w, "other", "another secret, just as long\n", 0600);
	assert_int_equal(open_with(w, NULL, one, &err), 0);
	/* One that lay there in the clear. */
	assert_int_equal(open_with(w, "secret", two, &err), 0);
	assert_string_equal(one, two);
	assert_true(key_is_sealed(w));
	assert_int_equal(open_with(w, "secret", two, &err), 0);
	assert_string_equal(one, two);
	assert_int_equal(open_with(w, NULL, two, &err), -EACCES);
	assert_non_null(strstr(err.text, "--authority-secret FILE is needed"));
	assert_int_equal(open_with(w, "other", two, &err), -EACCES);
	assert_non_null(strstr(err.text, "another secret"));
	assert_int_equal(store_last_seq(w->store), 2);
}

static void bad_secrets(void **state)
{
	struct world *w = *state;
	char pin[SHA256_HEX_MAX];
	struct err err = ERR_INIT;

	write_file(w, "short", "fifteen bytes..\n", 0600);
	write_file(w, "open", SECRET "\n", 0644);
	assert_int_equal(open_with(w, "short", pin, &err), -EINVAL);
	assert_int_equal(open_with(w, "open", pin, &err), -EPERM);
	assert_non_null(strstr(err.text, "chmod 600"));
	assert_int_equal(open_with(w, "none", pin, &err), -ENOENT);
	assert_int_equal(store_last_seq(w->store), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(made_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(moved_out_of_files, setup, teardown),
	    cmocka_unit_test_setup_teardown(encrypted, setup, teardown),
	    cmocka_unit_test_setup_teardown(bad_secrets, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
