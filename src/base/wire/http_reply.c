/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wire/http_conn.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/log.h"
#include "base/wire/json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* RFC 9110 section 15, RFC 4918 (507), RFC 6585 (429, 431). Others go without a phrase, which is allowed. */
static const char *reason_of(int status)
{
	static const struct {
		int status;
		const char *text;
	} table[] = {
	    {200, "OK"},
	    {201, "Created"},
	    {202, "Accepted"},
	    {204, "No Content"},
	    {206, "Partial Content"},
	    {301, "Moved Permanently"},
	    {302, "Found"},
	    {304, "Not Modified"},
	    {307, "Temporary Redirect"},
	    {400, "Bad Request"},
	    {401, "Unauthorized"},
	    {403, "Forbidden"},
	    {404, "Not Found"},
	    {405, "Method Not Allowed"},
	    {406, "Not Acceptable"},
	    {408, "Request Timeout"},
	    {409, "Conflict"},
	    {410, "Gone"},
	    {411, "Length Required"},
	    {412, "Precondition Failed"},
	    {413, "Content Too Large"},
	    {414, "URI Too Long"},
	    {415, "Unsupported Media Type"},
	    {416, "Range Not Satisfiable"},
	    {417, "Expectation Failed"},
	    {422, "Unprocessable Content"},
	    {429, "Too Many Requests"},
	    {431, "Request Header Fields Too Large"},
	    {500, "Internal Server Error"},
	    {501, "Not Implemented"},
	    {502, "Bad Gateway"},
	    {503, "Service Unavailable"},
	    {504, "Gateway Timeout"},
	    {505, "HTTP Version Not Supported"},
	    {507, "Insufficient Storage"},
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (table[i].status == status)
			return table[i].text;
	return "";
}

/* RFC 9110 section 5.6.7, in English whatever the locale is. */
static void add_date(struct buf *out)
{
	static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	time_t now = (time_t)(clock_wall_ms() / 1000);
	struct tm tm;

	if (!gmtime_r(&now, &tm))
		return;
	buf_printf(out, "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", days[tm.tm_wday], tm.tm_mday,
		   months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static bool is_head(const struct http_req *r)
{
	return r->parse.head_done && strcmp(http_parse_method(&r->parse), "HEAD") == 0;
}

/* The connection can be used again when the request has been read to its end and the reply says where it ends. */
static bool keeps_alive(const struct http_req *r, bool framed)
{
	bool read = r->input_done || (r->parse.in_body && !http_parse_has_body(&r->parse));

	return framed && read && !r->close && !r->conn->server->draining && http_parse_keep_alive(&r->parse);
}

/* length < 0: not known yet. */
static void begin(struct http_req *r, int status, const char *type, int64_t length)
{
	bool modern = !r->parse.head_done || http_parse_is_1_1(&r->parse);
	bool no_length = status == 204 || status / 100 == 1;

	r->begun = true;
	r->bodyless = no_length || status == 304 || is_head(r);
	r->chunked = length < 0 && modern && !no_length && status != 304;
	r->close = !keeps_alive(r, length >= 0 || r->chunked || r->bodyless);
	buf_printf(&r->out, "HTTP/1.1 %d %s\r\n", status, reason_of(status));
	add_date(&r->out);
	if (type && !no_length)
		buf_printf(&r->out, "Content-Type: %s\r\n", type);
	if (r->chunked)
		buf_adds(&r->out, "Transfer-Encoding: chunked\r\n");
	else if (length >= 0 && !no_length && status != 304)
		buf_printf(&r->out, "Content-Length: %lld\r\n", (long long)length);
	if (r->close)
		buf_adds(&r->out, "Connection: close\r\n");
	else if (!modern)
		buf_adds(&r->out, "Connection: keep-alive\r\n");
	buf_add(&r->out, buf_str(&r->fields), r->fields.len);
	buf_adds(&r->out, "\r\n");
	buf_free(&r->fields);
}

/* Text that others chose (a tag in a Location) must not start a line of its own: bytes that no header may hold become "?". */
void http_reply_header(struct http_req *r, const char *name, const char *value)
{
	size_t at;

	if (r->begun)
		return;
	buf_printf(&r->fields, "%s: ", name);
	at = r->fields.len;
	buf_adds(&r->fields, value);
	for (; at < r->fields.len; at++)
		if ((unsigned char)r->fields.data[at] < 0x20 || r->fields.data[at] == 0x7f)
			r->fields.data[at] = '?';
	buf_adds(&r->fields, "\r\n");
}

static void check_room(struct http_req *r)
{
	if (!r->out.full || r->conn->dead)
		return;
	log_error("a reply was cut: more than %zu bytes wait for a slow reader", r->out.limit);
	r->conn->dead = true;
}

static bool begun_before(const struct http_req *r)
{
	if (r->begun)
		log_error("a request was answered twice: %s %s", http_req_method(r), http_req_path(r));
	return r->begun;
}

void http_reply(struct http_req *r, int status, const char *content_type, const void *body, size_t n)
{
	if (begun_before(r))
		return;
	begin(r, status, content_type, (int64_t)n);
	if (!r->bodyless)
		buf_add(&r->out, body, n);
	r->ended = true;
	check_room(r);
	http_conn_kick(r->conn);
}

void http_reply_json(struct http_req *r, int status, const char *json)
{
	http_reply(r, status, "application/json", json, strlen(json));
}

static void reply_message(struct http_req *r, int status, const char *text)
{
	struct buf b buf_cleanup = BUF_INIT;

	buf_adds(&b, "{\"message\":");
	json_quote(&b, text, strlen(text));
	buf_adds(&b, "}");
	http_reply_json(r, status, buf_str(&b));
}

void http_reply_refuse(struct http_req *r, int status, const char *text)
{
	if (r->begun) {
		r->conn->dead = true;
		return;
	}
	r->close = true;
	reply_message(r, status, text);
	http_server_phase(r->conn, HTTP_PHASE_CLOSING);
}

int http_status_of(int code)
{
	static const struct {
		int code, status;
	} table[] = {
	    {EINVAL, 400}, {EBADMSG, 400}, {EDOM, 400},	     {ERANGE, 400},    {EPERM, 403},
	    {EACCES, 403}, {ENOENT, 404},  {ESRCH, 404},     {EEXIST, 409},    {EBUSY, 409},
	    {E2BIG, 413},  {EFBIG, 413},   {ENOSPC, 507},    {EDQUOT, 507},    {ENOTSUP, 501},
	    {ENOSYS, 501}, {EAGAIN, 503},  {ESHUTDOWN, 503}, {ETIMEDOUT, 504},
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (table[i].code == code)
			return table[i].status;
	return 500;
}

void http_reply_err(struct http_req *r, const struct err *err)
{
	reply_message(r, http_status_of(err->code), err->text);
}

void http_reply_begin(struct http_req *r, int status, const char *content_type)
{
	if (begun_before(r))
		return;
	begin(r, status, content_type, -1);
	http_conn_kick(r->conn);
}

void http_reply_begin_sized(struct http_req *r, int status, const char *content_type, uint64_t size)
{
	if (begun_before(r))
		return;
	begin(r, status, content_type, (int64_t)size);
	r->sized = true;
	r->left = size;
	http_conn_kick(r->conn);
}

int http_reply_data(struct http_req *r, const void *data, size_t n)
{
	struct http_conn *c = r->conn;

	if (c->dead || r->ended || !r->begun)
		return 1; /* nobody waits for it: on_close comes soon */
	if (r->sized && !r->bodyless) {
		n = n < r->left ? n : (size_t)r->left;
		r->left -= n;
	}
	if (n > 0 && !r->bodyless) {
		if (r->chunked)
			buf_printf(&r->out, "%zx\r\n", n);
		buf_add(&r->out, data, n);
		if (r->chunked)
			buf_adds(&r->out, "\r\n");
		check_room(r);
		http_conn_kick(c);
	}
	if (r->out.len - r->out_at > c->server->limits.out_high)
		r->blocked = true;
	return r->blocked || c->dead;
}

void http_reply_on_drain(struct http_req *r, void (*fn)(struct http_req *r, void *ctx), void *ctx)
{
	r->on_drain = fn;
	r->on_drain_ctx = ctx;
}

void http_reply_end(struct http_req *r)
{
	if (!r->begun || r->ended)
		return;
	if (r->chunked && !r->bodyless)
		buf_adds(&r->out, "0\r\n\r\n");
	/* Fewer bytes than were announced: only the end of the connection can tell. */
	if (r->sized && !r->bodyless && r->left > 0)
		r->conn->dead = true;
	r->ended = true;
	http_conn_kick(r->conn);
}

void http_reply_cut(struct http_req *r)
{
	if (!r->begun || r->ended)
		return;
	r->close = true;
	r->ended = true;
	http_conn_kick(r->conn);
}
