/* SPDX-License-Identifier: Apache-2.0
 *
 * An agent's end of the link against a server's door, in one loop and over the loopback: what happens when something comes late, is damaged or lacks.
 */
#include "cluster/link/dial.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "cluster/link/authority.h"
#include "cluster/link/join.h"
#include "cluster/link/join_token.h"
#include "cluster/link/link.h"
#include "cluster/link/listen.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define WATCHDOG_MS 100000
#define CERT_S 600
#define RENEWS 4

struct world;

/* A door that nobody opens. */
struct knocks {
	struct world *w;
	struct loop_fd *watch;
	int fd;
	unsigned n, want;
};

struct world {
	struct loop *loop;
	struct loop_timer *watchdog, *pause;
	struct authority authority;
	struct link_listener *listener;
	struct link_end *end, *agent; /* at the server, at the agent */
	char dir[64], address[32], token[JOIN_TOKEN_TEXT_MAX];
	unsigned links, want_links, n_renews, want_renews;
	char *renews[RENEWS];
	struct knocks knocks;
};

/* The door's accept4(): without descriptors for as long as a test says so. */
static int exhausted; /* the error; 0: nothing lacks */
static unsigned refused;

int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	if (!exhausted)
		return (int)syscall(SYS_accept4, fd, addr, len, flags);
	refused++;
	errno = exhausted;
	return -1;
}

/* The certificate's second half has come, and it is to be renewed at once. */
static int64_t later(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ((int64_t)ts.tv_sec + CERT_S * 2 / 3) * 1000000000 + ts.tv_nsec;
}

static void look(struct world *w)
{
	if (w->links >= w->want_links && w->n_renews >= w->want_renews)
		loop_stop(w->loop);
}

static void run_until(struct world *w, unsigned links, unsigned renews)
{
	w->want_links = links;
	w->want_renews = renews;
	assert_int_equal(loop_run(w->loop, NULL), 0);
}

/* ---- the server ---- */

static bool on_admit(void *ctx, const char *node, const char *member)
{
	(void)ctx;
	return !strcmp(node, "n1") && !strcmp(member, "m1");
}

static void on_message(void *ctx, const struct link_msg *m)
{
	struct world *w = ctx;

	if (m->type == LINK_RENEW && w->n_renews < RENEWS)
		w->renews[w->n_renews++] = mem_strdup(m->text);
	look(w);
}

static void on_link(void *ctx, const char *node, struct link_end *e)
{
	struct world *w = ctx;

	(void)node;
	w->end = e;
	w->links++;
	link_on_message(e, on_message, w);
	look(w);
}

static void on_join(void *ctx, const struct join_request *j, struct link_guest *g)
{
	struct world *w = ctx;
	mem_cleanup char *cert = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(authority_sign(&w->authority, j->request, j->node, "m1", CERT_S, &cert, &err), 0);
	link_guest_answer(g, cert, NULL);
}

static int listening(char address[static 32])
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	snprintf(address, 32, "127.0.0.1:%u", ntohs(at.sin_port));
	return fd;
}

static void open_door(struct world *w)
{
	static const struct link_listen_hooks hooks = {.admit = on_admit, .link = on_link, .join = on_join};
	struct join_token token = {.id = "01234567", .secret = "0123456789abcdef0123456789abcdef"};
	struct err err = ERR_INIT;

	assert_int_equal(authority_new(&w->authority.ca, &w->authority.ca_key, &err), 0);
	assert_int_equal(authority_complete(&w->authority, &err), 0);
	snprintf(token.pin, sizeof token.pin, "%s", w->authority.pin);
	join_token_text(&token, w->token);
	assert_int_equal(link_listen(w->loop, listening(w->address), &w->authority, &hooks, w, &w->listener, &err), 0);
}

static void close_link(struct world *w)
{
	w->end = link_free(w->end);
}

static void dial(struct world *w, const char *token)
{
	mem_cleanup char *dir = mem_printf("%s/agent", w->dir);
	const struct dial_options o = {.dir = dir, .server = w->address, .token = token, .node = "n1"};
	struct err err = ERR_INIT;

	if (dial_new(w->loop, &o, &w->agent, &err) < 0)
		fail_msg("%s", err.text);
}

/* ---- tests ---- */

static void too_late(void *ctx)
{
	(void)ctx;
	fail_msg("what the test waits for did not happen");
}

static void on_pause(void *ctx)
{
	loop_stop(((struct world *)ctx)->loop);
}

/* The answer to a renewal comes over the next link, after the same has been asked there once more: it still fits the key. */
static void late_renewal(void **state)
{
	struct world *w = *state;
	mem_cleanup char *cert = NULL;
	struct err err = ERR_INIT;

	clock_use(later, NULL);
	dial(w, w->token);
	run_until(w, 1, 1);
	close_link(w);
	run_until(w, 2, 2);
	assert_int_equal(authority_sign(&w->authority, w->renews[0], "n1", "m1", CERT_S, &cert, &err), 0);
	link_send(w->end, &(struct link_msg){.type = LINK_CERT, .text = cert});
	/* The new one is to be renewed at once, too: then it has been taken. */
	run_until(w, 2, 3);
	close_link(w);
	run_until(w, 3, 3);
}

static void lacks(struct world *w, int error)
{
	refused = 0;
	exhausted = error;
	dial(w, w->token);
	do {
		loop_timer_arm(w->pause, 300);
		run_until(w, 1, 0);
		assert_int_equal(w->links, 0);
		assert_true(refused <= 3);
	} while (refused == 0);
	/* Nobody has to knock again. */
	exhausted = 0;
	run_until(w, 1, 0);
}

static void lacks_descriptors(void **state)
{
	lacks(*state, EMFILE);
}

static void lacks_memory(void **state)
{
	lacks(*state, ENOBUFS);
}

static unsigned count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void on_knock(void *ctx, int events)
{
	struct knocks *k = ctx;
	int fd = accept4(k->fd, NULL, NULL, SOCK_CLOEXEC);

	(void)events;
	if (fd < 0)
		return;
	close(fd);
	if (++k->n >= k->want)
		loop_stop(k->w->loop);
}

/* Each try with a certificate that is none ends with as many descriptors as the one before. */
static void damaged_certificate(void **state)
{
	struct world *w = *state;
	mem_cleanup char *dir = mem_printf("%s/agent", w->dir);
	struct knocks *k = &w->knocks;
	struct err err = ERR_INIT;
	fd_cleanup int at = -1;
	unsigned before;

	k->w = w;
	k->want = 1;
	dial(w, w->token);
	run_until(w, 1, 0);
	w->agent = link_free(w->agent);
	close_link(w);
	at = fs_mkdirs(dir, 0700, &err);
	assert_int_equal(fs_write_atomic(at, "agent.crt", "no certificate", 14, 0600, false, &err), 0);
	k->fd = listening(w->address);
	assert_int_equal(loop_fd_new(w->loop, k->fd, LOOP_IN, on_knock, k, &k->watch, &err), 0);
	dial(w, NULL);
	assert_int_equal(loop_run(w->loop, NULL), 0);
	before = count_fds();
	k->want = 4;
	assert_int_equal(loop_run(w->loop, NULL), 0);
	/* The last try may just be under way. */
	assert_true(count_fds() <= before + 1);
}

/* A renewal whose writing fails at one of its files, as if the machine had stopped there: what is on the disk is still good for a link. */
static void torn_renewal(struct world *w, const char *name, unsigned links, unsigned renews)
{
	mem_cleanup char *dir = mem_printf("%s/agent", w->dir), *old = NULL, *cert = NULL;
	struct err err = ERR_INIT;
	fd_cleanup int at = -1;

	run_until(w, links, renews);
	at = fs_mkdirs(dir, 0700, &err);
	assert_int_equal(fs_read(at, name, 65536, &old, NULL, &err), 0);
	assert_int_equal(unlinkat(at, name, 0), 0);
	assert_int_equal(mkdirat(at, name, 0700), 0);
	assert_int_equal(authority_sign(&w->authority, w->renews[renews - 1], "n1", "m1", CERT_S, &cert, &err), 0);
	link_send(w->end, &(struct link_msg){.type = LINK_CERT, .text = cert});
	run_until(w, links, renews + 1);
	w->agent = link_free(w->agent);
	close_link(w);
	assert_int_equal(unlinkat(at, name, AT_REMOVEDIR), 0);
	assert_int_equal(fs_write_atomic(at, name, old, strlen(old), 0600, false, &err), 0);
	dial(w, NULL);
	run_until(w, links + 1, renews + 1);
}

static void stopped_before_the_certificate(void **state)
{
	struct world *w = *state;

	clock_use(later, NULL);
	dial(w, w->token);
	torn_renewal(w, "agent.crt", 1, 1);
}

/* And once more in the next renewal, when the key of the certificate is in the second file. */
static void stopped_before_the_key(void **state)
{
	struct world *w = *state;

	clock_use(later, NULL);
	dial(w, w->token);
	torn_renewal(w, "agent.key", 1, 1);
	torn_renewal(w, "agent.crt", 2, 3);
}

/* With a token a node whose certificate is none joins once more. */
static void damaged_but_with_a_token(void **state)
{
	struct world *w = *state;
	mem_cleanup char *dir = mem_printf("%s/agent", w->dir);
	struct err err = ERR_INIT;
	fd_cleanup int at = fs_mkdirs(dir, 0700, &err);
	static const char *const names[] = {"agent.key", "agent.crt", "authority.crt"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_int_equal(fs_write_atomic(at, names[i], "nothing", 7, 0600, false, &err), 0);
	dial(w, w->token);
	run_until(w, 1, 0);
}

/* ---- the world ---- */

static int setup(void **state)
{
	struct world *w = mem_new(struct world);
	struct err err = ERR_INIT;

	snprintf(w->dir, sizeof w->dir, "/tmp/berth-dial.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	assert_int_equal(loop_new(&w->loop, &err), 0);
	w->watchdog = loop_timer_new(w->loop, too_late, w);
	w->pause = loop_timer_new(w->loop, on_pause, w);
	loop_timer_arm(w->watchdog, WATCHDOG_MS);
	open_door(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	fd_cleanup int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	clock_use(NULL, NULL);
	exhausted = 0;
	if (w->knocks.watch)
		close(w->knocks.fd);
	loop_fd_free(w->knocks.watch);
	link_free(w->agent);
	link_free(w->end);
	link_unlisten(w->listener);
	authority_free(&w->authority);
	for (unsigned i = 0; i < w->n_renews; i++)
		free(w->renews[i]);
	loop_timer_free(w->watchdog);
	loop_timer_free(w->pause);
	loop_free(w->loop);
	(void)fs_remove_tree(tmp, strrchr(w->dir, '/') + 1, NULL);
	free(w);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(late_renewal, setup, teardown),
	    cmocka_unit_test_setup_teardown(lacks_descriptors, setup, teardown),
	    cmocka_unit_test_setup_teardown(lacks_memory, setup, teardown),
	    cmocka_unit_test_setup_teardown(damaged_certificate, setup, teardown),
	    cmocka_unit_test_setup_teardown(stopped_before_the_certificate, setup, teardown),
	    cmocka_unit_test_setup_teardown(stopped_before_the_key, setup, teardown),
	    cmocka_unit_test_setup_teardown(damaged_but_with_a_token, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
