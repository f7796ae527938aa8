/* SPDX-License-Identifier: Apache-2.0 */
#include "node/depot/serve.h"

#include "base/core/fd.h"
#include "base/core/log.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "base/wire/tls.h"
#include "node/depot/serve_impl.h"

#include <signal.h>

#define HELPERS 4
#define TICK_MS (60 * 1000)
/* For the head of a request, however patient we are. */
#define HEAD_MS (10 * 1000)

static void on_signal(void *ctx, int signal)
{
	struct serve *s = ctx;

	log_info("%s: the registry stops", signal == SIGTERM ? "SIGTERM" : "SIGINT");
	loop_stop(s->loop);
}

static void on_tick(void *ctx)
{
	struct serve *s = ctx;
	size_t n = uploads_expire(s->uploads);

	if (n > 0)
		log_info("%zu uploads that nobody went on with have ended", n);
	loop_timer_arm(s->tick, TICK_MS);
}

static int listen_http(struct serve *s, char name[static HTTP_NAME_MAX], struct err *err)
{
	const struct http_handler handler = {.on_headers = serve_on_headers, .on_request = serve_on_request, .ctx = s};
	int64_t ms = s->o->patience_ms;
	const struct http_limits limits = {
	    .connections = s->o->connections, .header_ms = ms < HEAD_MS ? ms : HEAD_MS, .idle_ms = ms, .send_ms = ms};
	fd_cleanup int fd = http_listen_tcp(s->o->address, err);
	int r;

	if (fd < 0)
		return fd;
	http_listen_name(fd, name);
	r = http_server_new(s->loop, fd, &limits, &handler, &s->http, err);
	if (r < 0)
		return r;
	(void)fd_take(&fd);
	if (s->tls)
		http_server_use_tls(s->http, s->tls);
	return 0;
}

static int open_all(struct serve *s, struct err *err)
{
	const struct tls_files tls = {.cert = s->o->tls_cert, .key = s->o->tls_key, .client_ca = s->o->tls_client_ca};
	const struct upload_limits uploads = {.open = s->o->uploads_max, .ttl_ms = s->o->upload_ttl_ms};
	int r = auth_new(s->o, &s->auth, err);

	if (r == 0 && tls.cert)
		r = tls_new(&tls, &s->tls, err);
	if (r == 0)
		r = depot_open(s->o->data, true, s->o->quota, &s->depot, err);
	if (r == 0 && !s->o->mirror)
		r = depot_claim(s->depot, NULL, err);
	if (r == 0)
		r = uploads_new(s->depot, &uploads, &s->uploads, err);
	if (r == 0)
		r = loop_new(&s->loop, err);
	if (r == 0)
		r = loop_signal_new(s->loop, SIGTERM, on_signal, s, &s->term, err);
	if (r == 0)
		r = loop_signal_new(s->loop, SIGINT, on_signal, s, &s->interrupt, err);
	if (r == 0)
		r = helper_new(s->loop, HELPERS, &s->helper, err);
	if (r == 0)
		r = s->o->mirror ? mirror_new(s, &s->mirror, err) : collector_new(s, &s->collector, err);
	if (r < 0)
		return r;
	s->tick = loop_timer_new(s->loop, on_tick, s);
	loop_timer_arm(s->tick, TICK_MS);
	return 0;
}

/* The requests end first, then the helpers that still work for them. */
static void close_all(struct serve *s)
{
	http_server_free(s->http);
	tls_free(s->tls);
	collector_free(s->collector);
	mirror_free(s->mirror);
	helper_free(s->helper);
	uploads_free(s->uploads);
	depot_close(s->depot);
	auth_free(s->auth);
	loop_timer_free(s->tick);
	loop_signal_free(s->term);
	loop_signal_free(s->interrupt);
	loop_free(s->loop);
}

int serve_run(const struct serve_options *o, void (*ready)(void *ctx, const char *address), void *ctx, struct err *err)
{
	struct serve s = {.o = o};
	char name[HTTP_NAME_MAX];
	int r = open_all(&s, err);

	if (r == 0)
		r = listen_http(&s, name, err);
	if (r == 0) {
		if (ready)
			ready(ctx, name);
		r = loop_run(s.loop, err);
	}
	close_all(&s);
	return r;
}
