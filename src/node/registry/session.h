/* SPDX-License-Identifier: Apache-2.0
 *
 * session: requests to one server that speaks for a registry (an endpoint): who we are, where it sends us, and trying again.
 *
 * The rules for credentials (attack class I7) live here and nowhere else:
 *   - they are shown to the origin (scheme, host, port) of the endpoint, and to a token server only when that has the same origin or was named
 *     for this registry (hosts.h: realm); a token server elsewhere is asked as nobody, by HTTPS, and not at all when we have credentials;
 *   - a redirect to another origin is followed without them, and without the headers of the caller that are secret;
 *   - nothing goes from https to http;
 *   - scopes of tokens are ours, whatever a challenge asks for.
 *
 * An exchange is one request with all of that: it goes on while its owner calls exchange_step() between calls of transport_step().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/registry/hosts.h"
#include "node/registry/transport.h"

struct session;
struct exchange;
struct cred;
struct token;

/* All three live longer than the session. */
struct session *session_new(struct transport *t, const struct hosts *h, const struct endpoint *e);
struct session *session_free(struct session *s); /* takes NULL */
static inline void session_freep(struct session **s)
{
	session_free(*s);
}
const char *session_name(const struct session *s); /* for people */
struct transport *session_transport(const struct session *s);
/* These instead of what config.json says (login); copied. */
void session_use(struct session *s, const struct cred *c);
/* The identity token that came with a token, NULL = none. */
const char *session_identity(const struct session *s);
bool session_is_plain(const struct session *s); /* HTTP without TLS */

struct call {
	const char *method;
	const char *path;      /* "v2/..." below the endpoint, */
	const struct url *url; /* or a whole address, where the server sent us */
	const char *scope;     /* "repository:NAME:pull", NULL = none */
	char *const *headers;
	const void *body;
	int64_t body_size;
	ssize_t (*read)(void *ctx, void *data, size_t cap);
	bool (*write)(void *ctx, const void *data, size_t n);
	/* Before each try: more headers, and whatever has to begin again. May be NULL. */
	void (*prepare)(void *ctx, char ***headers);
	void *ctx;
	size_t body_max;		     /* of a reply that is collected */
	bool once;			     /* its body cannot be sent again: no second try once some of it was */
	bool alone;			     /* as nobody, no redirects (token servers) */
	const struct transport_trust *trust; /* NULL = the endpoint's */
};

/* `call` is copied, what it points to is not. */
struct exchange *exchange_new(struct session *s, const struct call *c);
struct exchange *exchange_free(struct exchange *e); /* aborts; takes NULL */
static inline void exchange_freep(struct exchange **e)
{
	exchange_free(*e);
}
/* 1 done, 0 goes on, negative: failed for good. */
int exchange_step(struct exchange *e, struct err *err);
int exchange_wait_ms(const struct exchange *e); /* until exchange_step() has something to do by itself, -1 = for ever */
void exchange_resume(struct exchange *e);
void exchange_moved(struct exchange *e); /* what came is kept: the attempts count anew */

/* Steps until it is done: its status, of whatever class, or a negative errno. */
int exchange_run(struct exchange *e, struct err *err);
/* exchange_new + exchange_run; *ret is the caller's also after a failure (NULL then). */
int session_call(struct session *s, const struct call *c, struct exchange **ret, struct err *err);

struct transport *exchange_transport(const struct exchange *e);
int exchange_status(const struct exchange *e);
const char *exchange_header(const struct exchange *e, enum transport_header h);
const struct buf *exchange_body(const struct exchange *e);
const struct url *exchange_url(const struct exchange *e); /* where the last reply came from */

/* What a status that the caller has no use for means: sets *err with the registry's own words and what to do. `what`: "image a:b". */
int exchange_refused(const struct exchange *e, const char *what, struct err *err);

/* Seconds of a Retry-After header, a number or a date; -1 = neither. For the tests. */
int64_t session_retry_after(const char *text, int64_t now_s);
/* The first of a registry's error messages, new memory, NULL = there is none. */
char *session_message(const char *text, size_t n);
