/* SPDX-License-Identifier: Apache-2.0 */
#include "node/registry/transport.h"

#include "base/core/mem.h"
#include "node/registry/curl.h"

#include <signal.h>
#include <string.h>

#define CONNECT_TIMEOUT_MS 30000L
#define EXPECT_TIMEOUT_MS 2000L
#define LOW_SPEED_BYTES 64L
#define LOW_SPEED_SECONDS 60L
#define BUFFER_SIZE (128L << 10)
#define HEADERS_MAX (32u << 10)
#define FDS_MAX 64

struct transport {
	const struct curl *curl;
	CURLM *multi;
	bool (*stop)(void *ctx);
	void *stop_ctx;
};

struct transfer {
	struct transport *t;
	CURL *easy;
	struct curl_slist *list;
	struct transfer_request q;
	size_t sent; /* of q.body */
	char *headers[N_HEADERS];
	size_t headers_size;
	int status;
	struct buf body;
	bool done, too_long, paused;
	int result;
	char error[CURL_ERROR_TEXT];
};

int transport_new(struct transport **ret, struct err *err)
{
	const struct curl *curl;
	struct transport *t;
	int r = curl_load(&curl, err);

	if (r < 0)
		return r;
	signal(SIGPIPE, SIG_IGN);
	t = mem_new(struct transport);
	t->curl = curl;
	t->multi = curl->multi_init();
	if (!t->multi) {
		free(t);
		return err_set(err, ENOMEM, "libcurl cannot be set up");
	}
	*ret = t;
	return 0;
}

struct transport *transport_free(struct transport *t)
{
	if (!t)
		return NULL;
	t->curl->multi_cleanup(t->multi);
	free(t);
	return NULL;
}

/* ---- callbacks ---- */

static const char *const header_names[N_HEADERS] = {
    [HEADER_TYPE] = "Content-Type",
    [HEADER_LENGTH] = "Content-Length",
    [HEADER_LOCATION] = "Location",
    [HEADER_CHALLENGE] = "WWW-Authenticate",
    [HEADER_LINK] = "Link",
    [HEADER_DIGEST] = "Docker-Content-Digest",
    [HEADER_CONTENT_RANGE] = "Content-Range",
    [HEADER_RANGE] = "Range",
    [HEADER_ETAG] = "ETag",
    [HEADER_MODIFIED] = "Last-Modified",
    [HEADER_RETRY_AFTER] = "Retry-After",
    [HEADER_UPLOAD_MIN] = "OCI-Chunk-Min-Length",
};

static void forget_headers(struct transfer *x)
{
	for (size_t i = 0; i < N_HEADERS; i++) {
		free(x->headers[i]);
		x->headers[i] = NULL;
	}
}

static void keep_header(struct transfer *x, enum transport_header h, const char *value, size_t n)
{
	char *old = x->headers[h];

	if (old && h == HEADER_CHALLENGE)
		x->headers[h] = mem_printf("%s, %.*s", old, (int)n, value);
	else
		x->headers[h] = mem_strndup(value, n);
	free(old);
}

/* One line of the head; a status line begins another one (after a 100). */
static size_t on_header(char *line, size_t size, size_t count, void *ctx)
{
	struct transfer *x = ctx;
	size_t n = size * count, name, value;

	x->headers_size += n;
	if (x->headers_size > HEADERS_MAX)
		return 0;
	if (n > 5 && strncasecmp(line, "HTTP/", 5) == 0)
		forget_headers(x);
	name = n ? (size_t)((const char *)memchr(line, ':', n) ? (const char *)memchr(line, ':', n) - line : 0) : 0;
	if (name == 0)
		return n;
	for (value = name + 1; value < n && (line[value] == ' ' || line[value] == '\t');)
		value++;
	while (n > value && strchr("\r\n \t", line[n - 1]))
		n--;
	for (enum transport_header h = 0; h < N_HEADERS; h++) {
		if (strlen(header_names[h]) == name && strncasecmp(line, header_names[h], name) == 0)
			keep_header(x, h, line + value, n - value);
	}
	return size * count;
}

static int status_now(const struct transfer *x)
{
	long status = 0;

	x->t->curl->easy_getinfo(x->easy, CURL_INFO_STATUS, &status);
	return (int)status;
}

static size_t on_write(char *data, size_t size, size_t count, void *ctx)
{
	struct transfer *x = ctx;
	size_t n = size * count;
	int status = status_now(x);
	bool good = status >= 200 && status < 300;

	if (good && x->q.write) {
		if (x->q.write(x->q.ctx, data, n))
			return n;
		x->paused = true;
		return CURL_WRITE_PAUSE;
	}
	if (buf_add(&x->body, data, n) == 0)
		return n;
	if (!good)
		return n; /* of an error page the beginning is enough */
	x->too_long = true;
	return 0;
}

static size_t on_read(char *data, size_t size, size_t count, void *ctx)
{
	struct transfer *x = ctx;
	size_t cap = size * count, left;
	ssize_t n;

	if (x->q.read) {
		n = x->q.read(x->q.ctx, data, cap);
		if (n == -EAGAIN) {
			x->paused = true;
			return CURL_READ_PAUSE;
		}
		return n < 0 ? CURL_READ_ABORT : (size_t)n;
	}
	left = (size_t)x->q.body_size - x->sent;
	if (left < cap)
		cap = left;
	memcpy(data, (const char *)x->q.body + x->sent, cap);
	x->sent += cap;
	return cap;
}

static int on_open_socket(void *ctx, int purpose, struct curl_address *a)
{
	struct transfer *x = ctx;

	(void)purpose;
	if (!x->q.may_connect(x->q.ctx, &a->sa))
		return -1;
	return socket(a->family, a->type | SOCK_CLOEXEC, a->protocol);
}

/* ---- one transfer ---- */

#define SET(x, option, value) ((x)->t->curl->easy_setopt((x)->easy, (option), (value)))

static void set_trust(struct transfer *x, const struct transport_trust *trust)
{
	SET(x, CURL_SSL_VERSION, (long)CURL_TLS_1_2);
	if (!trust)
		return;
	if (trust->unchecked) {
		SET(x, CURL_VERIFY_PEER, 0L);
		SET(x, CURL_VERIFY_HOST, 0L);
	}
	if (trust->ca) {
		struct curl_blob blob = {.data = trust->ca, .n = strlen(trust->ca), .flags = CURL_BLOB_COPY};

		SET(x, CURL_CA_BLOB, &blob);
	}
	if (trust->cert_file && trust->key_file) {
		SET(x, CURL_CERT, trust->cert_file);
		SET(x, CURL_KEY, trust->key_file);
	}
}

/* libcurl reads https_proxy, HTTPS_PROXY, http_proxy, ALL_PROXY and NO_PROXY itself, but not HTTP_PROXY, which a web server's client could set. */
static void set_proxy(struct transfer *x)
{
	const char *proxy = getenv("HTTP_PROXY");

	if (url_is_loopback(x->q.url->host))
		SET(x, CURL_NOPROXY, "*");
	else if (!x->q.url->https && proxy && !getenv("http_proxy") && !getenv("REQUEST_METHOD"))
		SET(x, CURL_PROXY, proxy);
}

static void set_always(struct transfer *x)
{
	static const struct {
		int option;
		long value;
	} settings[] = {
	    {CURL_NO_SIGNAL, 1},
	    {CURL_FOLLOW, 0},
	    {CURL_NETRC, 0},
	    {CURL_HTTP09, 0},
	    {CURL_PATH_AS_IS, 1},
	    {CURL_PROTOCOLS, 3},
	    {CURL_SUPPRESS_CONNECT, 1},
	    {CURL_HTTP_VERSION,
	     CURL_HTTP_1_1}, /* back-pressure is TCP's; HTTP/2 would buffer megabytes for each stream */
	    {CURL_BUFFER_SIZE, BUFFER_SIZE},
	    {CURL_UPLOAD_BUFFER_SIZE, BUFFER_SIZE},
	    {CURL_CONNECT_TIMEOUT_MS, CONNECT_TIMEOUT_MS},
	    {CURL_EXPECT_TIMEOUT_MS, EXPECT_TIMEOUT_MS},
	    {CURL_LOW_SPEED_LIMIT, LOW_SPEED_BYTES},
	    {CURL_LOW_SPEED_TIME, LOW_SPEED_SECONDS},
	};

	for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
		SET(x, settings[i].option, settings[i].value);
	SET(x, CURL_USER_AGENT, "berth/" BERTH_VERSION);
	SET(x, CURL_ERROR_BUFFER, x->error);
	SET(x, CURL_HEADER_FUNCTION, on_header);
	SET(x, CURL_HEADER_DATA, x);
	SET(x, CURL_WRITE_FUNCTION, on_write);
	SET(x, CURL_WRITE_DATA, x);
	SET(x, CURL_PRIVATE, x);
	if (x->q.may_connect) {
		SET(x, CURL_OPEN_SOCKET_FUNCTION, on_open_socket);
		SET(x, CURL_OPEN_SOCKET_DATA, x);
	}
}

static void set_body(struct transfer *x)
{
	bool posts = strcmp(x->q.method, "POST") == 0 || strcmp(x->q.method, "PUT") == 0;

	if (strcmp(x->q.method, "HEAD") == 0) {
		SET(x, CURL_NOBODY, 1L);
		return;
	}
	if (x->q.body || x->q.read || posts) {
		SET(x, CURL_UPLOAD, 1L);
		SET(x, CURL_READ_FUNCTION, on_read);
		SET(x, CURL_READ_DATA, x);
		SET(x, CURL_BODY_SIZE, x->q.body || x->q.read ? x->q.body_size : (int64_t)0);
	}
	SET(x, CURL_METHOD, x->q.method);
}

struct transfer *transfer_new(struct transport *t, const struct transfer_request *q)
{
	struct transfer *x = mem_new(struct transfer);
	mem_cleanup char *text = url_text(q->url);

	x->t = t;
	x->q = *q;
	x->body = (struct buf)BUF_LIMIT(q->write || q->body_max < TRANSPORT_ERROR_BODY_MAX ? TRANSPORT_ERROR_BODY_MAX
											   : q->body_max);
	x->easy = t->curl->easy_init();
	if (!x->easy)
		abort(); /* no memory, as in mem.h */
	set_always(x);
	set_trust(x, q->trust);
	set_proxy(x);
	set_body(x);
	for (char *const *h = q->headers; h && *h; h++)
		x->list = t->curl->slist_append(x->list, *h);
	SET(x, CURL_HEADERS, x->list);
	SET(x, CURL_URL, text);
	x->q.url = NULL;
	x->q.headers = NULL;
	t->curl->multi_add_handle(t->multi, x->easy);
	return x;
}

struct transfer *transfer_free(struct transfer *x)
{
	if (!x)
		return NULL;
	x->t->curl->multi_remove_handle(x->t->multi, x->easy);
	x->t->curl->easy_cleanup(x->easy);
	x->t->curl->slist_free_all(x->list);
	forget_headers(x);
	buf_free(&x->body);
	free(x);
	return NULL;
}

void transfer_resume(struct transfer *x)
{
	if (!x->paused)
		return;
	x->paused = false;
	x->t->curl->easy_pause(x->easy, CURL_PAUSE_NONE);
}

/* ---- all of them ---- */

static void collect(struct transport *t)
{
	struct curl_message *m;
	int left;

	while ((m = t->curl->multi_info_read(t->multi, &left))) {
		struct transfer *x = NULL;
		int result = m->data.result;

		if (m->kind != CURL_MESSAGE_DONE)
			continue;
		t->curl->easy_getinfo(m->easy, CURL_INFO_PRIVATE, &x);
		x->status = status_now(x);
		x->result = result;
		x->done = true;
	}
}

static int perform(struct transport *t, struct err *err)
{
	int running, r = t->curl->multi_perform(t->multi, &running);

	if (r != 0)
		return err_set(err, EIO, "libcurl: %s", t->curl->multi_strerror(r));
	collect(t);
	return running;
}

int transport_step(struct transport *t, const struct transport_fd *fds, size_t n, int timeout_ms, struct err *err)
{
	struct curl_waitfd wait[FDS_MAX];
	unsigned used = 0;
	int r, ready;

	for (size_t i = 0; i < n && used < FDS_MAX; i++) {
		if (fds[i].fd >= 0)
			wait[used++] =
			    (struct curl_waitfd){.fd = fds[i].fd, .events = fds[i].out ? CURL_WAIT_OUT : CURL_WAIT_IN};
	}
	r = t->curl->multi_poll(t->multi, wait, used, timeout_ms, &ready);
	if (r != 0)
		return err_set(err, EIO, "libcurl: %s", t->curl->multi_strerror(r));
	r = perform(t, err);
	if (r >= 0 && t->stop && t->stop(t->stop_ctx))
		return err_set(err, ECANCELED, "the exchange was ended");
	return r < 0 ? r : 0;
}

void transport_stop_when(struct transport *t, bool (*stop)(void *ctx), void *ctx)
{
	t->stop = stop;
	t->stop_ctx = ctx;
}

int transport_run(struct transport *t, struct transfer *x, struct err *err)
{
	int r = perform(t, err);

	while (r >= 0 && !x->done)
		r = transport_step(t, NULL, 0, 1000, err);
	return r < 0 ? r : 0;
}

/* ---- what came of it ---- */

bool transfer_done(const struct transfer *x)
{
	return x->done;
}

enum transfer_fault transfer_fault(const struct transfer *x)
{
	static const struct {
		int code;
		enum transfer_fault fault;
	} faults[] = {
	    {CURL_OK, TRANSFER_FINE},
	    {CURL_NO_PROXY_HOST, TRANSFER_NO_HOST},
	    {CURL_NO_HOST, TRANSFER_NO_HOST},
	    {CURL_NO_CONNECTION, TRANSFER_NO_HOST},
	    {CURL_TLS_FAILED, TRANSFER_NOT_TLS},
	    {CURL_CERT_PROBLEM, TRANSFER_NOT_TRUSTED},
	    {CURL_NOT_TRUSTED, TRANSFER_NOT_TRUSTED},
	    {CURL_PARTIAL, TRANSFER_BROKEN},
	    {CURL_TIMED_OUT, TRANSFER_BROKEN},
	    {CURL_EMPTY, TRANSFER_BROKEN},
	    {CURL_SEND_FAILED, TRANSFER_BROKEN},
	    {CURL_RECEIVE_FAILED, TRANSFER_BROKEN},
	};

	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
		if (faults[i].code == x->result)
			return faults[i].fault;
	}
	return TRANSFER_STOPPED;
}

const char *transfer_fault_text(const struct transfer *x)
{
	return *x->error ? x->error : x->t->curl->easy_strerror(x->result);
}

bool transfer_too_long(const struct transfer *x)
{
	return x->too_long;
}

int transfer_status(const struct transfer *x)
{
	return x->done ? x->status : status_now(x);
}

const char *transfer_header(const struct transfer *x, enum transport_header h)
{
	return x->headers[h];
}

const struct buf *transfer_body(const struct transfer *x)
{
	return &x->body;
}
