/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wire/http_parse.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <string.h>
#include <strings.h>

/* The strict scan walks the head byte by byte and finds its end, so llhttp gets exactly the head first and the body after it. */
enum scan { SCAN_START, SCAN_START_CR, SCAN_FIRST, SCAN_CR, SCAN_LINE, SCAN_NAME, SCAN_VALUE, SCAN_END_CR, SCAN_DONE };

#define EXTRA_MAX (16u << 10)

static int refuse(struct http_parse *p, int status, struct err *err, const char *text)
{
	p->status = status;
	return err_set(err, status == 431 ? E2BIG : EBADMSG, "%s", text);
}

/* RFC 9110 section 5.6.2: token */
static bool is_token(unsigned char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	return c && strchr("!#$%&'*+-.^_`|~", c);
}

static bool is_control(unsigned char c)
{
	return (c < 0x20 && c != '\t') || c == 0x7f;
}

static const char *scan_first(struct http_parse *p, unsigned char c)
{
	bool request = p->kind == HTTP_PARSE_REQUEST;

	p->scan = SCAN_FIRST;
	if (c == '\r') {
		p->scan = SCAN_CR;
		return request && p->blanks != 2 ? "the request line is not \"METHOD TARGET VERSION\"" : NULL;
	}
	if (is_control(c) || (request && (c == '\t' || c > 0x7e)))
		return "the first line holds a byte that is not allowed there";
	if (c == ' ' && p->blanks < 3) {
		p->blanks++;
		return NULL;
	}
	/* llhttp knows RTSP and ICE too. */
	if (request && p->blanks == 2 && p->version < 5 && c != (unsigned char)"HTTP/"[p->version++])
		return "the protocol is not HTTP";
	return NULL;
}

static const char *scan_name(struct http_parse *p, unsigned char c)
{
	if (c == ':') {
		p->scan = SCAN_VALUE;
		return NULL;
	}
	return is_token(c) ? NULL : "a header name holds a blank or another byte that is not allowed there";
}

static const char *scan_line(struct http_parse *p, unsigned char c)
{
	if (c == '\r') {
		p->scan = SCAN_END_CR;
		return NULL;
	}
	if (c == ' ' || c == '\t')
		return "a header line is folded";
	p->scan = SCAN_NAME;
	return is_token(c) ? NULL : "a header line does not start with a name";
}

static const char *scan_value(struct http_parse *p, unsigned char c)
{
	if (c == '\r') {
		p->scan = SCAN_CR;
		return NULL;
	}
	return is_control(c) ? "a header value holds a control byte" : NULL;
}

static const char *scan_lf(struct http_parse *p, unsigned char c, enum scan next)
{
	p->scan = (uint8_t)next;
	return c == '\n' ? NULL : "CR without LF";
}

static const char *scan_byte(struct http_parse *p, unsigned char c)
{
	switch ((enum scan)p->scan) {
	case SCAN_START: /* RFC 9112 section 2.2: empty lines before the request line are skipped */
		if (c == '\r' && p->kind == HTTP_PARSE_REQUEST) {
			p->scan = SCAN_START_CR;
			return NULL;
		}
		return scan_first(p, c);
	case SCAN_START_CR:
		return scan_lf(p, c, SCAN_START);
	case SCAN_FIRST:
		return scan_first(p, c);
	case SCAN_CR:
		return scan_lf(p, c, SCAN_LINE);
	case SCAN_LINE:
		return scan_line(p, c);
	case SCAN_NAME:
		return scan_name(p, c);
	case SCAN_VALUE:
		return scan_value(p, c);
	case SCAN_END_CR:
		return scan_lf(p, c, SCAN_DONE);
	case SCAN_DONE:
		break;
	}
	return NULL;
}

/* Returns how many of the bytes belong to the head, or a negative errno. */
static ssize_t scan_head(struct http_parse *p, const char *data, size_t n, struct err *err)
{
	size_t i = 0;

	while (i < n && p->scan != SCAN_DONE) {
		const char *wrong = scan_byte(p, (unsigned char)data[i++]);

		if (wrong)
			return refuse(p, 400, err, wrong);
		if (++p->head_used > p->head_max)
			return refuse(p, 431, err, "the request line and the headers are too large");
	}
	return (ssize_t)i;
}

static struct http_parse *parse_of(llhttp_t *ll)
{
	return ll->data;
}

static int add_text(llhttp_t *ll, const char *at, size_t n)
{
	return buf_add(&parse_of(ll)->text, at, n) < 0 ? -1 : 0;
}

static int end_text(llhttp_t *ll)
{
	return buf_addc(&parse_of(ll)->text, '\0') < 0 ? -1 : 0;
}

static int count_extra(llhttp_t *ll, const char *at, size_t n)
{
	struct http_parse *p = parse_of(ll);

	(void)at;
	p->extra += n + 1;
	return p->extra > EXTRA_MAX ? -1 : 0;
}

static int on_field(llhttp_t *ll, const char *at, size_t n)
{
	struct http_parse *p = parse_of(ll);

	if (p->head_done)
		return count_extra(ll, at, n);
	if (p->n_fields == HTTP_FIELDS_MAX) {
		p->status = 431;
		return -1;
	}
	mem_grow(&p->fields, &p->cap_fields, p->n_fields);
	/* The name may come in pieces: the first one sets the place, which is never 0 (the target or reason is there). */
	if (!p->fields[p->n_fields].name)
		p->fields[p->n_fields].name = (uint32_t)p->text.len;
	return add_text(ll, at, n);
}

static int on_field_end(llhttp_t *ll)
{
	struct http_parse *p = parse_of(ll);

	if (p->head_done)
		return 0;
	if (end_text(ll) < 0)
		return -1;
	p->fields[p->n_fields].value = (uint32_t)p->text.len;
	return 0;
}

static int on_value(llhttp_t *ll, const char *at, size_t n)
{
	return parse_of(ll)->head_done ? count_extra(ll, at, n) : add_text(ll, at, n);
}

static int on_value_end(llhttp_t *ll)
{
	struct http_parse *p = parse_of(ll);
	struct buf *t = &p->text;

	if (p->head_done)
		return 0;
	while (t->len > p->fields[p->n_fields].value && strchr(" \t", t->data[t->len - 1]))
		t->len--;
	p->n_fields++;
	if (p->n_fields < p->cap_fields)
		p->fields[p->n_fields] = (struct http_field){0};
	return end_text(ll);
}

static int on_head_end(llhttp_t *ll)
{
	struct http_parse *p = parse_of(ll);

	p->head_done = true;
	p->keep_alive = llhttp_should_keep_alive(ll) != 0;
	p->length = ll->content_length;
	p->has_body = (ll->flags & F_CHUNKED) || ll->content_length > 0;
	/* A wish to upgrade is ignored (RFC 9110 section 7.8); only CONNECT would change the protocol, and that is refused. */
	if (ll->method != HTTP_CONNECT || p->kind == HTTP_PARSE_REPLY)
		ll->upgrade = 0;
	return p->no_body ? 1 : 0;
}

static void check_gap(struct http_parse *p, const char *end)
{
	for (; p->gap < end; p->gap++) {
		uint8_t c = (uint8_t)*p->gap;

		if ((c == '\n') != (p->last == '\r') || c == '\0')
			p->status = 400;
		p->last = c;
	}
}

static int on_body(llhttp_t *ll, const char *at, size_t n)
{
	struct http_parse *p = parse_of(ll);

	check_gap(p, at);
	if (p->last == '\r')
		p->status = 400;
	p->last = 0;
	p->gap = at + n;
	p->body = at;
	p->body_len = n;
	return n ? HPE_PAUSED : 0;
}

static int on_end(llhttp_t *ll)
{
	parse_of(ll)->complete = true;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = add_text,
    .on_url_complete = end_text,
    .on_status = add_text,
    .on_status_complete = end_text,
    .on_header_field = on_field,
    .on_header_field_complete = on_field_end,
    .on_header_value = on_value,
    .on_header_value_complete = on_value_end,
    .on_headers_complete = on_head_end,
    .on_chunk_extension_name = count_extra,
    .on_chunk_extension_value = count_extra,
    .on_body = on_body,
    .on_message_complete = on_end,
};

void http_parse_init(struct http_parse *p, enum http_parse_kind kind, size_t head_max)
{
	*p = (struct http_parse){.kind = kind, .head_max = head_max};
	/* Each header adds two NULs to what the head had (": " and CR LF are at least as many), the target one. */
	p->text.limit = head_max + 2;
	http_parse_reset(p);
}

void http_parse_reset(struct http_parse *p)
{
	llhttp_init(&p->ll, p->kind == HTTP_PARSE_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
	p->ll.data = p;
	buf_clear(&p->text);
	if (p->fields)
		memset(p->fields, 0, p->cap_fields * sizeof *p->fields);
	p->n_fields = 0;
	p->head_used = p->extra = 0;
	p->status = 0;
	p->body = NULL;
	p->body_len = 0;
	p->scan = SCAN_START;
	p->blanks = p->version = p->last = 0;
	p->in_body = p->head_done = p->complete = p->no_body = false;
}

void http_parse_free(struct http_parse *p)
{
	buf_free(&p->text);
	free(p->fields);
	p->fields = NULL;
	p->cap_fields = p->n_fields = 0;
}

/* What llhttp does not check about a request's head. */
static int check_request(struct http_parse *p, struct err *err)
{
	const char *coding = http_parse_header(p, "transfer-encoding");
	size_t hosts = 0;

	if (p->ll.http_major != 1 || p->ll.http_minor > 1)
		return refuse(p, 505, err, "only HTTP/1.1 and HTTP/1.0 are spoken here");
	if (p->ll.method == HTTP_CONNECT)
		return refuse(p, 501, err, "CONNECT is not offered");
	for (size_t i = 0; i < p->n_fields; i++)
		hosts += strcasecmp(p->text.data + p->fields[i].name, "host") == 0;
	if (hosts > 1 || (hosts == 0 && p->ll.http_minor == 1))
		return refuse(p, 400, err, "exactly one Host header is needed");
	if (coding && p->ll.http_minor == 0)
		return refuse(p, 400, err, "HTTP/1.0 has no Transfer-Encoding");
	if (coding && strcasecmp(coding, "chunked") != 0)
		return refuse(p, 501, err, "the only Transfer-Encoding known here is \"chunked\"");
	return 0;
}

static int llhttp_failed(struct http_parse *p, enum llhttp_errno e, struct err *err)
{
	const char *reason = llhttp_get_error_reason(&p->ll);

	if (p->status == 431)
		return refuse(p, 431, err, "there are too many headers");
	if (e == HPE_INVALID_VERSION || e == HPE_PAUSED_H2_UPGRADE)
		return refuse(p, 505, err, "only HTTP/1.1 and HTTP/1.0 are spoken here");
	return refuse(p, 400, err, reason && *reason ? reason : llhttp_errno_name(e));
}

static int feed_head(struct http_parse *p, const char *data, size_t n, size_t *ret_used, struct err *err)
{
	ssize_t used = scan_head(p, data, n, err);
	enum llhttp_errno e;
	int r;

	if (used < 0)
		return (int)used;
	*ret_used = (size_t)used;
	if (used == 0)
		return HTTP_PARSE_MORE;
	e = llhttp_execute(&p->ll, data, (size_t)used);
	if (e != HPE_OK && e != HPE_PAUSED && !(e == HPE_PAUSED_UPGRADE && p->head_done))
		return llhttp_failed(p, e, err);
	if (p->scan != SCAN_DONE)
		return p->head_done ? refuse(p, 400, err, "the head ends where it should not") : HTTP_PARSE_MORE;
	if (!p->head_done)
		return refuse(p, 400, err, "the head does not end where it should");
	if (e == HPE_PAUSED)
		llhttp_resume(&p->ll);
	r = p->kind == HTTP_PARSE_REQUEST ? check_request(p, err) : 0;
	if (r < 0)
		return r;
	p->in_body = true;
	return HTTP_PARSE_HEAD;
}

static int feed_body(struct http_parse *p, const char *data, size_t n, size_t *ret_used, struct err *err)
{
	const char *end = data + n;
	enum llhttp_errno e;

	*ret_used = 0;
	if (p->complete)
		return HTTP_PARSE_END;
	p->body_len = 0;
	p->gap = data;
	e = llhttp_execute(&p->ll, data, n);
	if (e == HPE_PAUSED) {
		end = llhttp_get_error_pos(&p->ll);
		llhttp_resume(&p->ll);
	} else if (e != HPE_OK) {
		return llhttp_failed(p, e, err);
	}
	check_gap(p, end);
	if (p->status)
		return refuse(p, p->status, err, "CR, LF or NUL where it is not allowed in a chunked body");
	*ret_used = (size_t)(end - data);
	if (p->body_len)
		return HTTP_PARSE_BODY;
	return p->complete ? HTTP_PARSE_END : HTTP_PARSE_MORE;
}

int http_parse_feed(struct http_parse *p, const void *data, size_t n, size_t *ret_used, struct err *err)
{
	/* llhttp keeps positions: it must get a place even when there is nothing. */
	const char *bytes = n ? data : "";

	return p->in_body ? feed_body(p, bytes, n, ret_used, err) : feed_head(p, bytes, n, ret_used, err);
}

int http_parse_eof(struct http_parse *p, struct err *err)
{
	if (!p->in_body && p->scan == SCAN_START)
		return HTTP_PARSE_END;
	if (p->in_body && !p->complete)
		llhttp_finish(&p->ll);
	if (p->in_body && p->complete)
		return HTTP_PARSE_END;
	p->status = 400;
	return err_set(err, EPROTO, "the connection was closed in the middle of a message");
}

const char *http_parse_method(const struct http_parse *p)
{
	return llhttp_method_name((llhttp_method_t)p->ll.method);
}

const char *http_parse_target(const struct http_parse *p)
{
	return buf_str(&p->text);
}

int http_parse_reply_status(const struct http_parse *p)
{
	return p->ll.status_code;
}

const char *http_parse_header(const struct http_parse *p, const char *name)
{
	for (size_t i = 0; i < p->n_fields; i++)
		if (strcasecmp(p->text.data + p->fields[i].name, name) == 0)
			return p->text.data + p->fields[i].value;
	return NULL;
}

bool http_parse_is_1_1(const struct http_parse *p)
{
	return p->ll.http_major == 1 && p->ll.http_minor >= 1;
}

bool http_parse_keep_alive(const struct http_parse *p)
{
	return p->keep_alive;
}

bool http_parse_has_body(const struct http_parse *p)
{
	return p->has_body;
}

uint64_t http_parse_length(const struct http_parse *p)
{
	return p->length;
}
