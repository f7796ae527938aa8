/* SPDX-License-Identifier: Apache-2.0 */
#include "base/store/etcd.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/grpc.h"
#include "base/wire/pem.h"
#include "base/wire/tls_mutual.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define AUTHENTICATE "/etcdserverpb.Auth/Authenticate"
#define PASSWORD_MAX 1024

struct call {
	struct call *next;
	struct etcd *etcd;
	const char *method;
	struct buf out, in;
	int64_t ms;
	bool waits; /* for a token */
	bool again; /* with a new token */
	etcd_fn fn;
	void *ctx;
};

struct etcd {
	const struct etcd_url *url;
	struct grpc *grpc;
	struct tls *tls;
	char *password;
	bool has_token, asking;
	struct call *calls;
};

static void call_free(struct call *c)
{
	buf_free(&c->out);
	buf_free(&c->in);
	free(c);
}

static void call_end(struct call *c)
{
	struct call **p = &c->etcd->calls;

	while (*p != c)
		p = &(*p)->next;
	*p = c->next;
	call_free(c);
}

/* ---- errors ---- */

static int full(struct err *err, const char *where)
{
	return err_set(
	    err, ENOSPC,
	    "etcd (%s) is full and takes nothing new: give it more room (--quota-backend-bytes) or delete what else "
	    "lies in it, then run etcdctl compact, etcdctl defrag and etcdctl alarm disarm; it is tried again until "
	    "then",
	    where);
}

static int refused(const struct etcd *e, const char *text, struct err *err)
{
	if (!e->url->user)
		return err_set(
		    err, EACCES,
		    "etcd (%s) refuses who has no user of it (%s): add user= and password-file= to its address",
		    grpc_endpoint(e->grpc), text);
	return err_set(err, EACCES, "etcd (%s) refuses user \"%s\": %s", grpc_endpoint(e->grpc), e->url->user, text);
}

static int explain(const struct etcd *e, enum grpc_status status, const char *text, struct err *err)
{
	const char *where = grpc_endpoint(e->grpc);

	switch (status) {
	case GRPC_EXHAUSTED:
		if (strstr(text, "space exceeded"))
			return full(err, where);
		return err_set(err, strstr(text, "too large") || strstr(text, "larger") ? E2BIG : EAGAIN,
			       "etcd (%s): %s", where, text);
	case GRPC_UNAVAILABLE:
	case GRPC_DEADLINE:
		return err_set(err, ETIMEDOUT, "etcd does not answer, or has no quorum: %s", text);
	case GRPC_NOT_FOUND:
		return err_set(err, ENOENT, "etcd (%s): %s", where, text);
	case GRPC_OUT_OF_RANGE:
		return err_set(err, ESTALE, "etcd (%s): %s", where, text);
	case GRPC_PRECONDITION:
		if (strstr(text, "authentication is not enabled"))
			return err_set(err, EACCES,
				       "etcd (%s) knows no users: enable them (etcdctl auth enable), or take user= and "
				       "password-file= off its address",
				       where);
		return err_set(err, EIO, "etcd (%s): %s", where, text);
	case GRPC_DENIED:
	case GRPC_UNAUTHENTICATED:
		return refused(e, text, err);
	case GRPC_INVALID:
		if (strstr(text, "user name is empty"))
			return err_set(err, EACCES,
				       "etcd (%s) wants a user: add user= and password-file= to its address", where);
		if (strstr(text, "authentication failed"))
			return refused(e, text, err);
		return err_set(err, strstr(text, "too large") ? E2BIG : EIO, "etcd (%s): %s", where, text);
	default:
		/* Between two leaders; the same words in every version. */
		return err_set(err, strstr(text, "proposal dropped") ? EAGAIN : EIO, "etcd (%s): %s (status %d)", where,
			       text, (int)status);
	}
}

/* ---- calls ---- */

static void want_token(struct etcd *e);

static void on_message(void *ctx, const char *data, size_t n)
{
	struct call *c = ctx;

	buf_clear(&c->in);
	buf_add(&c->in, data, n);
}

static void finish(struct call *c, const struct err *error)
{
	etcd_fn fn = c->fn;
	void *ctx = c->ctx;
	struct buf in buf_cleanup = c->in;

	c->in = (struct buf)BUF_INIT;
	call_end(c);
	fn(ctx, buf_str(&in), in.len, error);
}

static void on_end(void *ctx, enum grpc_status status, const char *text)
{
	struct call *c = ctx;
	struct etcd *e = c->etcd;
	struct err err = ERR_INIT;
	bool stale =
	    status == GRPC_UNAUTHENTICATED || (status == GRPC_INVALID && strstr(text, "revision of auth store is old"));

	if (stale && e->url->user && !c->again) {
		c->again = c->waits = true;
		e->has_token = false;
		grpc_set_token(e->grpc, NULL);
		want_token(e);
		return;
	}
	if (status == GRPC_UNAVAILABLE && strstr(text, "no leader"))
		grpc_rotate(e->grpc); /* another member may be with the majority */
	if (status == GRPC_OK)
		finish(c, NULL);
	else
		finish(c, (explain(e, status, text, &err), &err));
}

static void send_call(struct call *c)
{
	static const struct grpc_hooks hooks = {.message = on_message, .end = on_end};

	c->waits = false;
	buf_clear(&c->in);
	grpc_call(c->etcd->grpc, c->method, &c->out, 0, c->ms, &hooks, c);
}

void etcd_call(struct etcd *e, const char *method, const struct buf *m, int64_t ms, etcd_fn fn, void *ctx)
{
	struct call *c = mem_new(struct call);

	*c = (struct call){.next = e->calls, .etcd = e, .method = method, .ms = ms, .fn = fn, .ctx = ctx};
	e->calls = c;
	if (m->len > 0)
		buf_add(&c->out, m->data, m->len);
	if (e->url->user && !e->has_token) {
		c->waits = true;
		want_token(e);
	} else {
		send_call(c);
	}
}

/* ---- the token ---- */

/* It is inside a call of its own, which is no longer in the list of those that wait. */
static void on_token(void *ctx, const char *data, size_t n, const struct err *error)
{
	struct etcd *e = ctx;
	struct etcd_answer a;
	struct err err = ERR_INIT;

	e->asking = false;
	if (!error && (etcd_msg_read_token(data, n, &a) < 0 || a.token_len == 0)) {
		err_set(&err, EBADMSG, "etcd (%s) gives no token", grpc_endpoint(e->grpc));
		error = &err;
	}
	if (!error) {
		mem_cleanup char *token = mem_strndup(a.token, a.token_len);

		grpc_set_token(e->grpc, token);
		e->has_token = true;
	}
	/* Whoever is told may begin calls, which come before these in the list, but end none. */
	for (struct call *c = e->calls, *next; c; c = next) {
		next = c->next;
		if (!c->waits)
			continue;
		c->waits = false;
		if (error)
			finish(c, error);
		else
			send_call(c);
	}
}

static void want_token(struct etcd *e)
{
	struct call *c;

	if (e->asking)
		return;
	e->asking = true;
	c = mem_new(struct call);
	*c = (struct call){.next = e->calls,
			   .etcd = e,
			   .method = AUTHENTICATE,
			   .ms = ETCD_CALL_MS,
			   .again = true,
			   .fn = on_token,
			   .ctx = e};
	e->calls = c;
	etcd_msg_authenticate(&c->out, e->url->user, e->password);
	send_call(c);
}

struct grpc_call *etcd_watch(struct etcd *e, const struct buf *m, const struct grpc_hooks *hooks, void *ctx)
{
	return grpc_call(e->grpc, "/etcdserverpb.Watch/Watch", m, GRPC_STREAM | GRPC_LEADER, 0, hooks, ctx);
}

const char *etcd_endpoint(const struct etcd *e)
{
	return grpc_endpoint(e->grpc);
}

/* ---- opening ---- */

static int read_file(const char *path, size_t limit, char **ret, struct err *err)
{
	fd_cleanup int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	size_t n;
	int r;

	if (!path)
		return 0;
	r = fd < 0 ? -errno : fd_read_all(fd, limit, ret, &n);
	return r < 0 ? err_sys(err, -r, "read \"%s\"", path) : 0;
}

static int open_tls(struct etcd *e, struct err *err)
{
	const struct etcd_url *u = e->url;
	mem_cleanup char *ca = NULL, *cert = NULL, *key = NULL;
	int r = read_file(u->ca, PEM_TEXT_MAX, &ca, err);

	if (r == 0)
		r = read_file(u->cert, PEM_TEXT_MAX, &cert, err);
	if (r == 0)
		r = read_file(u->key, PEM_TEXT_MAX, &key, err);
	if (r == 0)
		r = tls_mutual_new(&(struct tls_mutual){.cert = cert, .key = key, .ca = ca, .client = true}, &e->tls,
				   err);
	return r < 0 ? err_wrap(err, "TLS to etcd") : 0;
}

int etcd_open(const struct etcd_url *u, struct loop *l, struct etcd **ret, struct err *err)
{
	struct etcd *e = mem_new(struct etcd);
	struct grpc_options o = {.endpoints = u->endpoints};
	int r;

	e->url = u;
	r = u->tls ? open_tls(e, err) : 0;
	if (r == 0)
		r = read_file(u->password_file, PASSWORD_MAX, &e->password, err);
	if (r == 0 && e->password)
		e->password[strcspn(e->password, "\r\n")] = '\0';
	o.tls = e->tls;
	if (r == 0)
		r = grpc_new(l, &o, &e->grpc, err);
	if (r < 0) {
		etcd_close(e);
		return r;
	}
	*ret = e;
	return 0;
}

struct etcd *etcd_close(struct etcd *e)
{
	if (!e)
		return NULL;
	grpc_free(e->grpc);
	for (struct call *c = e->calls, *next; c; c = next) {
		next = c->next;
		call_free(c);
	}
	tls_free(e->tls);
	if (e->password)
		explicit_bzero(e->password, strlen(e->password));
	free(e->password);
	free(e);
	return NULL;
}
