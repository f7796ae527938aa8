/* SPDX-License-Identifier: Apache-2.0 */
#include "face/buildkit/buildkit.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "base/wire/rpc.h"
#include "face/buildkit/control.h"
#include "face/buildkit/job.h"
#include "face/buildkit/message.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

struct peer {
	struct peer *next;
	struct buildkit *b;
	struct rpc *conn;
	char *session; /* its id, or NULL: it calls us */
	char *key;     /* of what it has, or NULL */
	bool host;
};

struct buildkit {
	struct loop *loop;
	struct loop_fd *watch;
	struct loop_timer *idle;
	struct jobs *jobs;
	struct peer *peers;
	size_t n_peers;
	uint64_t n_taken;
	int channel;
	bool ending;
};

/* ---- the end ---- */

static void look_for_end(struct buildkit *b)
{
	loop_timer_arm(b->idle, 0);
}

static void on_idle(void *ctx)
{
	struct buildkit *b = ctx;
	char text[64];
	int n;

	if (b->ending && !jobs_any(b->jobs))
		loop_stop(b->loop);
	if (b->ending || b->n_peers > 0 || jobs_any(b->jobs))
		return;
	n = snprintf(text, sizeof text, "{\"idle\":%llu}", (unsigned long long)b->n_taken);
	(void)send(b->channel, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void on_no_jobs(void *ctx)
{
	look_for_end(ctx);
}

static void on_made(void *ctx, const char *names)
{
	buf_cleanup struct buf text = BUF_LIMIT(BUILDKIT_MESSAGE_MAX);
	const struct buildkit *b = ctx;

	buf_adds(&text, "{\"tagged\":");
	json_quote(&text, names, strlen(names));
	buf_addc(&text, '}');
	if (!text.full)
		(void)send(b->channel, text.data, text.len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* ---- connections ---- */

static void peer_clear(struct peer *p)
{
	rpc_free(p->conn);
	free(p->session);
	free(p->key);
	free(p);
}

static void peer_free(struct peer *p)
{
	struct peer **at = &p->b->peers;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	p->b->n_peers--;
	peer_clear(p);
}

static void on_call(void *ctx, struct rpc_stream *call)
{
	const struct peer *p = ctx;

	control_call(p->b->jobs, call, p->host);
}

static void on_down(void *ctx)
{
	struct peer *p = ctx;
	struct buildkit *b = p->b;

	peer_free(p);
	look_for_end(b);
}

static struct rpc *find_session(void *ctx, const char *id)
{
	const struct buildkit *b = ctx;

	for (const struct peer *p = b->peers; p; p = p->next) {
		if (p->session && !strcmp(p->session, id))
			return p->conn;
	}
	return NULL;
}

static const char *find_key(void *ctx, const char *id)
{
	const struct buildkit *b = ctx;

	for (const struct peer *p = b->peers; p; p = p->next) {
		if (p->session && !strcmp(p->session, id))
			return p->key;
	}
	return NULL;
}

static void add_peer(struct buildkit *b, yyjson_val *message, int fd)
{
	static const struct rpc_hooks hooks = {.call = on_call, .down = on_down};
	const char *id = yyjson_get_str(yyjson_obj_get(message, "id"));
	struct peer *p;

	b->n_taken++;
	if (b->n_peers >= BUILDKIT_PEERS_MAX || fd < 0 || (id && (!*id || find_session(b, id))) ||
	    fd_nonblock(fd) < 0) {
		fd_closep(&fd);
		look_for_end(b);
		return;
	}
	p = mem_new(struct peer);
	*p = (struct peer){.next = b->peers,
			   .b = b,
			   .session = id ? mem_strdup(id) : NULL,
			   .key = mem_strdup(yyjson_get_str(yyjson_obj_get(message, "key"))),
			   .host = yyjson_is_true(yyjson_obj_get(message, "host"))};
	b->peers = p;
	b->n_peers++;
	/* Who has a session is called by us. */
	if (rpc_new(b->loop, fd, !id, &hooks, p, &p->conn, NULL) < 0) {
		peer_free(p);
		look_for_end(b);
	} else if (id) {
		jobs_session(b->jobs, id);
	}
}

/* All descriptors are taken over. */
static void add_build(struct buildkit *b, yyjson_val *message, int fd, int request, int context)
{
	cleanup_with(message_free) struct message m = {.request = NULL};
	json_doc_cleanup yyjson_doc *doc = NULL;
	fd_cleanup int own = fd, file = request, files = context;
	mem_cleanup char *text = NULL;
	size_t n;

	b->n_taken++;
	if (own >= 0 && file >= 0 && fd_nonblock(own) == 0 && fd_read_all(file, BUILDKIT_REQUEST_MAX, &text, &n) == 0)
		doc = json_parse(text, n, BUILDKIT_REQUEST_MAX, "the request", NULL);
	if (doc) {
		m.request = yyjson_doc_mut_copy(doc, NULL);
		m.ref = mem_strdup(yyjson_get_str(yyjson_obj_get(message, "ref")));
		m.session = mem_strdup(yyjson_get_str(yyjson_obj_get(message, "session")));
		m.quiet = yyjson_is_true(yyjson_obj_get(message, "quiet"));
		job_trace(b->jobs, fd_take(&own), fd_take(&files), &m, yyjson_is_true(yyjson_obj_get(message, "host")));
	}
	look_for_end(b);
}

static void end(struct buildkit *b)
{
	b->watch = loop_fd_free(b->watch);
	b->ending = true;
	jobs_drop(b->jobs);
	look_for_end(b);
}

static void on_channel(void *ctx, int events)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct buildkit *b = ctx;
	char text[BUILDKIT_MESSAGE_MAX];
	int fds[FD_MSG_MAX];
	size_t n_fds = 0;
	ssize_t n = fd_recv_msg(b->channel, text, sizeof text, fds, &n_fds);

	(void)events;
	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		end(b);
		return;
	}
	doc = json_parse(text, (size_t)n, sizeof text, "a message of the daemon", NULL);
	if (doc && n_fds >= 2)
		add_build(b, yyjson_doc_get_root(doc), fd_take(&fds[0]), fd_take(&fds[1]),
			  n_fds > 2 ? fd_take(&fds[2]) : -1);
	else if (doc && n_fds == 0)
		job_cancel(b->jobs, yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "ref")));
	else if (doc)
		add_peer(b, yyjson_doc_get_root(doc), n_fds > 0 ? fd_take(&fds[0]) : -1);
	for (size_t i = 0; i < n_fds; i++)
		fd_closep(&fds[i]);
}

static int run(struct buildkit *b, struct err *err)
{
	int r = fd_nonblock(b->channel);

	if (r == 0)
		r = loop_fd_new(b->loop, b->channel, LOOP_IN, on_channel, b, &b->watch, err);
	return r < 0 ? r : loop_run(b->loop, err);
}

int buildkit_run(int channel, int data, struct err *err)
{
	struct buildkit b = {.channel = channel};
	int r = loop_new(&b.loop, err);
	const struct jobs_options o = {.loop = b.loop,
				       .data = data,
				       .session = find_session,
				       .key = find_key,
				       .made = on_made,
				       .idle = on_no_jobs,
				       .ctx = &b};

	if (r < 0)
		return r;
	(void)signal(SIGPIPE, SIG_IGN);
	b.jobs = jobs_new(&o);
	b.idle = loop_timer_new(b.loop, on_idle, &b);
	r = run(&b, err);
	for (struct peer *p = b.peers, *next; p; p = next) {
		next = p->next;
		peer_clear(p);
	}
	loop_fd_free(b.watch);
	loop_timer_free(b.idle);
	jobs_free(b.jobs);
	loop_free(b.loop);
	return r;
}
