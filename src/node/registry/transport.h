/* SPDX-License-Identifier: Apache-2.0
 *
 * transport: HTTP requests, several at once, by libcurl (which nobody else sees). One request is one exchange: nothing is followed, retried or
 * signed here; that is decided in session.c, by the rules for credentials.
 *
 * A transfer is made, runs while its owner calls transport_step() or transport_run(), and is looked at when `done`. Callbacks run within
 * these two calls and must not call them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/core/buf.h"
#include "base/core/err.h"
#include "node/registry/url.h"

#define TRANSPORT_ERROR_BODY_MAX (64u << 10) /* of a reply that is not 2xx; what is longer is cut */

struct sockaddr;
struct transport;
struct transfer;

/* How one host is trusted. Strings and memory are the owner's, for as long as its transfers run. */
struct transport_trust {
	char *ca; /* certificates (PEM) beside the system's, NULL = none */
	char *cert_file, *key_file;
	bool unchecked; /* any certificate will do */
};

enum transport_header {
	HEADER_TYPE,
	HEADER_LENGTH,
	HEADER_LOCATION,
	HEADER_CHALLENGE,
	HEADER_LINK,
	HEADER_DIGEST,
	HEADER_CONTENT_RANGE,
	HEADER_RANGE,
	HEADER_ETAG,
	HEADER_MODIFIED,
	HEADER_RETRY_AFTER,
	HEADER_UPLOAD_MIN,
	N_HEADERS
};

struct transfer_request {
	const char *method;
	const struct url *url;
	char *const *headers; /* "Name: value", NULL-terminated, or NULL */
	const struct transport_trust *trust;
	/* The body: memory, or a function that gives the next bytes: 0 = the end, -EAGAIN = not now (transfer_resume), another
	 * negative errno ends the transfer. body_size -1: not known. */
	const void *body;
	int64_t body_size;
	ssize_t (*read)(void *ctx, void *data, size_t cap);
	/* Takes the body of a 2xx reply: true = taken, false = not now (transfer_resume; the same bytes come again). NULL: it is
	 * collected in transfer_body(), at the most body_max bytes. */
	bool (*write)(void *ctx, const void *data, size_t n);
	/* Whether this address, which the name of the host (or of the proxy) led to, may be talked to; NULL = all may. */
	bool (*may_connect)(void *ctx, const struct sockaddr *address);
	void *ctx;
	size_t body_max;
};

/* -ENOSYS: no libcurl. From now on the process ignores SIGPIPE. */
int transport_new(struct transport **ret, struct err *err);
struct transport *transport_free(struct transport *t); /* takes NULL; all transfers must have been freed */

/* Starts. Everything in `q` but url, headers and body is copied by value; those need not outlive the call, a body must. */
struct transfer *transfer_new(struct transport *t, const struct transfer_request *q);
struct transfer *transfer_free(struct transfer *x); /* aborts; takes NULL */

/* Moves all transfers, waiting at the most timeout_ms for something to do, which includes the descriptors in `fds` (-1: passed over). */
struct transport_fd {
	int fd;
	bool out; /* wait until it can be written; else read */
};
int transport_step(struct transport *t, const struct transport_fd *fds, size_t n, int timeout_ms, struct err *err);
/* stop(ctx) is asked at every step, at least once a second where there is a wait: true ends it with -ECANCELED. NULL = nobody is asked. */
void transport_stop_when(struct transport *t, bool (*stop)(void *ctx), void *ctx);
/* Until x is done. */
int transport_run(struct transport *t, struct transfer *x, struct err *err);

void transfer_resume(struct transfer *x); /* after a "not now" */

enum transfer_fault {
	TRANSFER_FINE,
	TRANSFER_NO_HOST,     /* name or port does not answer */
	TRANSFER_NOT_TLS,     /* the handshake failed: it may not speak TLS */
	TRANSFER_NOT_TRUSTED, /* the certificate */
	TRANSFER_BROKEN,      /* the connection was lost, stood still or made no sense */
	TRANSFER_STOPPED,     /* by read, or by body_max */
};
bool transfer_done(const struct transfer *x);
enum transfer_fault transfer_fault(const struct transfer *x); /* when done */
const char *transfer_fault_text(const struct transfer *x);
bool transfer_too_long(const struct transfer *x);
int transfer_status(const struct transfer *x); /* 0: no reply */
const char *transfer_header(const struct transfer *x,
			    enum transport_header h); /* NULL = not given; last one wins, challenges are joined */
const struct buf *transfer_body(const struct transfer *x);
