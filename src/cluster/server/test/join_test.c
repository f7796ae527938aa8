/* SPDX-License-Identifier: Apache-2.0
 *
 * Machines that join a server over the loopback. The server and the machines have a loop each and are run by turns, so that what several machines
 * have said meanwhile is there at once when it is the server's turn, before its store has answered anything.
 */
#include "base/core/err.h"
#include "base/core/fs.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/store/store.h"
#include "cluster/link/crowd.h"
#include "cluster/link/dial.h"
#include "cluster/link/link.h"
#include "cluster/link/listen.h"
#include "cluster/server/server.h"
#include "cluster/server/trust.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PASSES 20 /* of its loop, a millisecond apart: one that is held up sees no less */
#define TURNS_MAX 1000

struct side {
	struct loop *loop;
	struct loop_timer *turn;
	int passes; /* that are left */
};

struct world {
	struct side head, machines;
	struct store *store;
	struct server *server;
	struct link_end *one, *other;
	char dir[64], address[32], token[256];
};

static void on_turn(void *ctx)
{
	struct side *s = ctx;

	if (--s->passes == 0)
		loop_stop(s->loop);
	else
		loop_timer_arm(s->turn, 1);
}

static void take_turn(struct side *s)
{
	s->passes = PASSES;
	loop_timer_arm(s->turn, 1);
	assert_int_equal(loop_run(s->loop, NULL), 0);
}

static void side_init(struct side *s)
{
	struct err err = ERR_INIT;

	assert_int_equal(loop_new(&s->loop, &err), 0);
	s->turn = loop_timer_new(s->loop, on_turn, s);
}

static void on_token(void *ctx, const char *text, const struct err *error)
{
	struct world *w = ctx;

	assert_null(error);
	snprintf(w->token, sizeof w->token, "%s", text);
}

static int listening(char address[static 32])
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(fd, 128), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	snprintf(address, 32, "127.0.0.1:%u", ntohs(at.sin_port));
	return fd;
}

static int setup(void **state)
{
	struct world *w = mem_new(struct world);
	const struct server_options o = {.keep_jobs = 10};
	mem_cleanup char *dir = NULL;
	struct err err = ERR_INIT;

	snprintf(w->dir, sizeof w->dir, "/tmp/berth-join.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	dir = mem_printf("%s/server", w->dir);
	side_init(&w->head);
	side_init(&w->machines);
	assert_int_equal(store_open("memory", "", w->head.loop, &w->store, &err), 0);
	assert_int_equal(server_open(w->head.loop, w->store, NULL, &o, &w->server, &err), 0);
	if (server_listen_agents(w->server, listening(w->address), &(struct trust_options){.folder = dir}, &err) < 0)
		fail_msg("%s", err.text);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	link_free(w->one);
	link_free(w->other);
	server_close(w->server);
	loop_timer_free(w->head.turn);
	loop_timer_free(w->machines.turn);
	loop_free(w->head.loop);
	loop_free(w->machines.loop);
	(void)fs_remove_tree(tmp, strrchr(w->dir, '/') + 1, NULL);
	close(tmp);
	free(w);
	return 0;
}

static void dial(struct world *w, const char *folder, struct link_end **ret)
{
	mem_cleanup char *dir = mem_printf("%s/%s", w->dir, folder);
	const struct dial_options o = {.dir = dir, .server = w->address, .token = w->token, .node = "n1"};
	struct err err = ERR_INIT;

	if (dial_new(w->machines.loop, &o, ret, &err) < 0)
		fail_msg("%s", err.text);
}

static bool has_joined(struct world *w, const char *folder)
{
	mem_cleanup char *path = mem_printf("%s/%s/agent.crt", w->dir, folder);

	return access(path, F_OK) == 0;
}

/* Two machines of one name whose wishes are there at once: one of them gets in. */
static void same_name(void **state)
{
	struct world *w = *state;

	server_token_create(w->server, 0, 0, on_token, w);
	while (!*w->token)
		take_turn(&w->head);
	dial(w, "one", &w->one);
	dial(w, "other", &w->other);
	for (int i = 0; i < TURNS_MAX && !has_joined(w, "one") && !has_joined(w, "other"); i++) {
		take_turn(&w->machines);
		take_turn(&w->head);
	}
	/* What the other one was answered has come, too. */
	take_turn(&w->machines);
	assert_true(has_joined(w, "one") != has_joined(w, "other"));
}

/* From 127.0.0.LAST. */
static int stranger(const struct world *w, unsigned last)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, from = to;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_port = htons((uint16_t)strtoul(strchr(w->address, ':') + 1, NULL, 10));
	from.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + last);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	return fd;
}

static bool is_refused(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

/* Somebody who connects again and again from one machine, and says nothing, does not get all places. */
static void crowd(void **state)
{
	enum { CROWD = 96, BATCH = 48 };
	struct world *w = *state;
	int fds[CROWD], refused = 0;

	for (int i = 0; i < CROWD; i++) {
		fds[i] = stranger(w, 2);
		if (i % BATCH == BATCH - 1)
			take_turn(&w->head);
	}
	for (int i = 0; i < CROWD; i++) {
		refused += is_refused(fds[i]);
		close(fds[i]);
	}
	assert_int_equal(refused, CROWD - CROWD_OF_ONE);
}

/* Four machines have all places: one from elsewhere gets in all the same, and not because their time is over. */
static void full(void **state)
{
	struct world *w = *state;
	int fds[CROWD_MAX], sent_away = 0;

	server_token_create(w->server, 0, 0, on_token, w);
	for (unsigned i = 0; i < CROWD_MAX; i++) {
		fds[i] = stranger(w, 2 + i / CROWD_OF_ONE);
		if (i % CROWD_OF_ONE == CROWD_OF_ONE - 1)
			take_turn(&w->head);
	}
	dial(w, "one", &w->one);
	for (int i = 0; i < TURNS_MAX && !has_joined(w, "one"); i++) {
		take_turn(&w->machines);
		take_turn(&w->head);
	}
	assert_true(has_joined(w, "one"));
	for (unsigned i = 0; i < CROWD_MAX; i++) {
		sent_away += is_refused(fds[i]);
		close(fds[i]);
	}
	assert_in_range(sent_away, 1, CROWD_OF_ONE / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(same_name, setup, teardown),
					   cmocka_unit_test_setup_teardown(crowd, setup, teardown),
					   cmocka_unit_test_setup_teardown(full, setup, teardown)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
