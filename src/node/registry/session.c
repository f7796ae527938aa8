/* SPDX-License-Identifier: Apache-2.0 */
#include "node/registry/session.h"

#include "base/core/clock.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "base/core/random.h"
#include "base/wire/json.h"
#include "node/registry/challenge.h"
#include "node/registry/docker_config.h"
#include "node/registry/session_auth.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define REDIRECTS_MAX 10
#define DELAY_MAX_MS 30000
#define RETRY_AFTER_MAX_S 120
#define RESTARTS_MAX 10 /* times the attempts, over all */

struct exchange {
	struct session *s;
	struct call call;
	struct transfer *x;
	struct url at;
	int64_t again_ms; /* when to try again; 0 = no try is waiting */
	int attempts, restarts, redirects;
	bool signed_in; /* this try showed credentials */
	bool refreshed; /* after a refusal */
	bool done;
};

/* ---- tries ---- */

static bool own_origin(const struct session *s, const struct url *u)
{
	return url_same_origin(&s->base, u) || !RT_GUARD(I7);
}

static int start_address(struct exchange *e, struct err *err)
{
	url_free(&e->at);
	if (e->call.url) {
		url_copy(e->call.url, &e->at);
		return 0;
	}
	mem_cleanup char *base = url_text(&e->s->base);
	mem_cleanup char *whole = mem_printf("%s%s", base, e->call.path);

	return url_parse(whole, &e->at, err);
}

/* One transfer to e->at. */
static int try_now(struct exchange *e, struct err *err)
{
	char **headers cleanup_with(mem_strv_freep) = mem_strv_dup(e->call.headers);
	mem_cleanup char *authorization = NULL;
	struct transfer_request q = {.method = e->call.method,
				     .url = &e->at,
				     .trust = e->call.trust ? e->call.trust : &e->s->endpoint->trust,
				     .body = e->call.body,
				     .body_size = e->call.body_size,
				     .read = e->call.read,
				     .write = e->call.write,
				     .ctx = e->call.ctx,
				     .body_max = e->call.body_max};
	int r = 0;

	e->again_ms = 0;
	if (!e->call.alone && own_origin(e->s, &e->at))
		r = session_authorization(e->s, e->call.scope, &authorization, err);
	if (r < 0)
		return r;
	e->signed_in = authorization != NULL;
	if (authorization)
		mem_strv_add(&headers, authorization);
	if (e->call.prepare)
		e->call.prepare(e->call.ctx, &headers);
	q.headers = headers;
	transfer_free(e->x);
	e->x = transfer_new(session_transport(e->s), &q);
	return 0;
}

static int begin(struct exchange *e, struct err *err)
{
	int r = start_address(e, err);

	e->redirects = 0;
	return r < 0 ? r : try_now(e, err);
}

struct exchange *exchange_new(struct session *s, const struct call *c)
{
	struct exchange *e = mem_new(struct exchange);

	e->s = s;
	e->call = *c;
	e->again_ms = 1; /* at once */
	return e;
}

struct exchange *exchange_free(struct exchange *e)
{
	if (!e)
		return NULL;
	transfer_free(e->x);
	url_free(&e->at);
	free(e);
	return NULL;
}

/* ---- trying again ---- */

int64_t session_retry_after(const char *text, int64_t now_s)
{
	struct tm tm = {.tm_sec = 0};
	int64_t seconds;
	int used = 0;

	if (!text)
		return -1;
	if (strspn(text, "0123456789") == strlen(text) && *text && strlen(text) < 9)
		return strtoll(text, NULL, 10);
	if (sscanf(text, "%*3[A-Za-z], %2d %*3s %4d %2d:%2d:%2d GMT%n", &tm.tm_mday, &tm.tm_year, &tm.tm_hour,
		   &tm.tm_min, &tm.tm_sec, &used) != 5)
		return -1;
	tm = (struct tm){.tm_sec = 0};
	if (!strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm))
		return -1;
	seconds = (int64_t)timegm(&tm) - now_s;
	return seconds < 0 ? 0 : seconds;
}

/* Doubles with each attempt, and nobody knows when exactly: between a half and the whole. */
static int64_t delay_ms(const struct exchange *e)
{
	int64_t most = e->s->hosts->retry_delay_ms;
	uint32_t dice;

	for (int i = 1; i < e->attempts && most < DELAY_MAX_MS; i++)
		most *= 2;
	most = most < DELAY_MAX_MS ? most : DELAY_MAX_MS;
	random_bytes(&dice, sizeof dice);
	return most / 2 + (int64_t)(dice % (uint32_t)(most / 2 + 1));
}

static bool may_try_again(struct exchange *e)
{
	int attempts = e->s->hosts->attempts;

	return !e->call.once && ++e->attempts < attempts && ++e->restarts < attempts * RESTARTS_MAX;
}

static bool is_passing(int status)
{
	static const int passing[] = {408, 429, 500, 502, 503, 504};

	for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++) {
		if (passing[i] == status)
			return true;
	}
	return false;
}

/* ---- what a transfer that is done means ---- */

static const char *plain_hint(const struct session *s)
{
	return s->endpoint->plain_too ? "" : "; a registry without TLS must be named \"insecure\" in registries.json";
}

static int fault(struct exchange *e, struct err *err)
{
	mem_cleanup char *origin = url_origin(&e->at);
	const char *why = transfer_fault_text(e->x);

	switch (transfer_fault(e->x)) {
	case TRANSFER_NO_HOST:
		return err_set(err, ECONNREFUSED, "the registry %s cannot be reached at %s: %s", session_name(e->s),
			       origin, why);
	case TRANSFER_NOT_TLS:
		return err_set(err, EPROTO, "%s does not answer by TLS: %s%s", origin, why, plain_hint(e->s));
	case TRANSFER_NOT_TRUSTED:
		return err_set(
		    err, EPROTO,
		    "the certificate of %s is not trusted: %s; put the certificate of its authority (PEM) into "
		    "/etc/berth/certs.d/%s/ca.crt",
		    origin, why, e->s->endpoint->name);
	case TRANSFER_BROKEN:
		return err_set(err, ECONNRESET, "the connection to %s was lost: %s", origin, why);
	default:
		if (transfer_too_long(e->x))
			return err_set(err, E2BIG, "the answer of %s is longer than %zu bytes", origin,
				       e->call.body_max);
		return err_set(err, EIO, "the exchange with %s failed: %s", origin, why);
	}
}

static int on_fault(struct exchange *e, struct err *err)
{
	enum transfer_fault f = transfer_fault(e->x);
	struct session *s = e->s;

	if (f == TRANSFER_NOT_TLS && s->endpoint->plain_too && !s->reached && own_origin(s, &e->at) && s->base.https) {
		s->base.https = false;
		s->base.port = s->base.port == 443 ? 80 : s->base.port;
		return begin(e, err);
	}
	if ((f == TRANSFER_BROKEN || (f == TRANSFER_NO_HOST && s->reached)) && may_try_again(e)) {
		e->again_ms = clock_mono_ms() + delay_ms(e);
		return 0;
	}
	return fault(e, err);
}

static int on_redirect(struct exchange *e, struct err *err)
{
	const char *location = transfer_header(e->x, HEADER_LOCATION);
	struct url to = URL_INIT;
	int r;

	if (!location)
		return err_set(err, EPROTO, "the registry %s redirects, but does not say where", session_name(e->s));
	r = url_resolve(&e->at, location, &to, err);
	if (r < 0)
		return err_wrap(err, "redirected by the registry %s", session_name(e->s));
	if (RT_GUARD(I7) && e->at.https && !to.https)
		r = err_set(err, EPERM, "the registry %s redirects from https to http://%s; that is not followed",
			    session_name(e->s), to.host);
	else if (++e->redirects > REDIRECTS_MAX)
		r = err_set(err, ELOOP, "the registry %s redirects more than %d times", session_name(e->s),
			    REDIRECTS_MAX);
	if (r < 0) {
		url_free(&to);
		return r;
	}
	url_free(&e->at);
	e->at = to;
	return try_now(e, err);
}

static int on_passing(struct exchange *e, struct err *err)
{
	int64_t after = session_retry_after(transfer_header(e->x, HEADER_RETRY_AFTER), clock_wall_ms() / 1000);
	int64_t delay;

	if (after > RETRY_AFTER_MAX_S || !may_try_again(e)) {
		e->done = true;
		return 1;
	}
	(void)err;
	delay = delay_ms(e);
	if (after * 1000 > delay)
		delay = after * 1000;
	e->again_ms = clock_mono_ms() + delay;
	return 0;
}

static int on_unauthorized(struct exchange *e, struct err *err)
{
	const char *header = transfer_header(e->x, HEADER_CHALLENGE);
	int r;

	if (e->call.alone || !own_origin(e->s, &e->at) || !header || e->refreshed) {
		e->done = true;
		return 1;
	}
	/* A token that was shown may be too old: one new one. */
	e->refreshed = e->signed_in;
	r = session_challenged(e->s, header, e->call.scope, e->signed_in, err);
	if (r <= 0) {
		e->done = r == 0;
		return r < 0 ? r : 1;
	}
	return begin(e, err);
}

static int look(struct exchange *e, struct err *err)
{
	int status = transfer_status(e->x);

	if (transfer_fault(e->x) != TRANSFER_FINE)
		return on_fault(e, err);
	e->s->reached = true;
	if (status == 401)
		return on_unauthorized(e, err);
	if (is_passing(status))
		return on_passing(e, err);
	if (!e->call.alone && (status == 301 || status == 302 || status == 303 || status == 307 || status == 308))
		return on_redirect(e, err);
	e->done = true;
	return 1;
}

int exchange_step(struct exchange *e, struct err *err)
{
	if (e->done)
		return 1;
	if (e->again_ms)
		return e->again_ms <= clock_mono_ms() ? begin(e, err) : 0;
	return transfer_done(e->x) ? look(e, err) : 0;
}

int exchange_wait_ms(const struct exchange *e)
{
	int64_t left;

	if (e->done || (e->x && !e->again_ms && transfer_done(e->x)))
		return 0;
	if (!e->again_ms)
		return -1;
	left = e->again_ms - clock_mono_ms();
	return left > 0 ? (int)left : 0;
}

void exchange_resume(struct exchange *e)
{
	if (e->x)
		transfer_resume(e->x);
}

void exchange_moved(struct exchange *e)
{
	e->attempts = 0;
}

int exchange_run(struct exchange *e, struct err *err)
{
	int r;

	while ((r = exchange_step(e, err)) == 0) {
		int wait = exchange_wait_ms(e);

		r = transport_step(session_transport(e->s), NULL, 0, wait < 0 || wait > 1000 ? 1000 : wait, err);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : exchange_status(e);
}

int session_call(struct session *s, const struct call *c, struct exchange **ret, struct err *err)
{
	struct exchange *e = exchange_new(s, c);
	int r = exchange_run(e, err);

	*ret = r < 0 ? exchange_free(e) : e;
	return r;
}

/* ---- what came ---- */

struct transport *exchange_transport(const struct exchange *e)
{
	return session_transport(e->s);
}

int exchange_status(const struct exchange *e)
{
	return e->x ? transfer_status(e->x) : 0;
}

const char *exchange_header(const struct exchange *e, enum transport_header h)
{
	return e->x ? transfer_header(e->x, h) : NULL;
}

const struct buf *exchange_body(const struct exchange *e)
{
	return transfer_body(e->x);
}

const struct url *exchange_url(const struct exchange *e)
{
	return &e->at;
}

char *session_message(const char *text, size_t n)
{
	yyjson_doc *doc json_doc_cleanup = json_parse(text, n, TRANSPORT_ERROR_BODY_MAX, "error", NULL);
	yyjson_val *root = yyjson_doc_get_root(doc), *first = yyjson_arr_get_first(yyjson_obj_get(root, "errors"));
	const char *code = yyjson_get_str(yyjson_obj_get(first, "code"));
	const char *message = yyjson_get_str(yyjson_obj_get(first, "message"));

	if (!message)
		message = yyjson_get_str(yyjson_obj_get(root, "details"));
	if (!message || !*message)
		return code ? mem_printf("%.100s", code) : NULL;
	return code ? mem_printf("%.300s (%.100s)", message, code) : mem_printf("%.300s", message);
}

int exchange_refused(const struct exchange *e, const char *what, struct err *err)
{
	int status = exchange_status(e);
	mem_cleanup char *said = session_message(buf_str(exchange_body(e)), exchange_body(e)->len);
	mem_cleanup char *words = mem_printf("%s%s", said ? ": " : "", said ? said : "");
	const char *name = session_name(e->s);

	switch (status) {
	case 401:
		return err_set(err, EACCES, "%s: the registry %s wants to know who asks%s; log in with: berth login %s",
			       what, name, words, name);
	case 403:
		return err_set(err, EACCES,
			       "%s: the registry %s does not allow it%s; if another user may, log in as that one with: "
			       "berth login %s",
			       what, name, words, name);
	case 404:
		return err_set(err, ENOENT, "%s: the registry %s does not have it%s", what, name, words);
	case 429:
		return err_set(
		    err, EBUSY,
		    "%s: the registry %s has had too many requests from here%s; wait, or log in for a higher "
		    "limit with: berth login %s",
		    what, name, words, name);
	default:
		return err_set(err, EIO, "%s: the registry %s answered with status %d%s", what, name, status, words);
	}
}
