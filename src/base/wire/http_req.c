/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wire/http_conn.h"

#include <string.h>

const char *http_req_method(const struct http_req *r)
{
	return http_parse_method(&r->parse);
}

const char *http_req_path(const struct http_req *r)
{
	return r->target.path ? r->target.path : "";
}

const char *http_req_target(const struct http_req *r)
{
	return http_parse_target(&r->parse);
}

const char *http_req_query(const struct http_req *r, const char *name)
{
	return http_target_param(&r->target, name);
}

const char *http_req_query_at(const struct http_req *r, const char *name, size_t nth)
{
	for (size_t i = 0; i < r->target.n_params; i++) {
		if (strcmp(r->target.params[i].name, name) == 0 && nth-- == 0)
			return r->target.params[i].value;
	}
	return NULL;
}

const char *http_req_header(const struct http_req *r, const char *name)
{
	return http_parse_header(&r->parse, name);
}

const char *http_req_body(const struct http_req *r, size_t *ret_len)
{
	if (ret_len)
		*ret_len = r->body.len;
	return buf_str(&r->body);
}

uint32_t http_req_peer_uid(const struct http_req *r)
{
	return r->conn->uid;
}

const char *http_req_peer_name(struct http_req *r)
{
	if (!*r->peer_name && (!r->conn->tls || !tls_peer_name(r->conn->tls, r->peer_name, sizeof r->peer_name)))
		return NULL;
	return r->peer_name;
}

unsigned http_req_mark(const struct http_req *r)
{
	return r->mark;
}

void http_req_set_mark(struct http_req *r, unsigned mark)
{
	r->mark = mark;
}

void *http_req_data(struct http_req *r)
{
	return r->data;
}

void http_req_set_data(struct http_req *r, void *data)
{
	r->data = data;
}

void http_req_on_close(struct http_req *r, void (*fn)(struct http_req *r, void *ctx), void *ctx)
{
	r->on_close = fn;
	r->on_close_ctx = ctx;
}

void http_req_stream_body(struct http_req *r, http_body_fn fn, void *ctx)
{
	r->on_body = fn;
	r->on_body_ctx = ctx;
}

/* A pause belongs to the handler: no timeout runs meanwhile. */
void http_req_pause(struct http_req *r)
{
	r->paused = true;
	if (!r->input_done && !r->ended)
		http_server_phase(r->conn, HTTP_PHASE_BUSY);
}

void http_req_resume(struct http_req *r)
{
	if (!r->paused)
		return;
	r->paused = false;
	r->again = true;
	if (!r->input_done && !r->ended)
		http_server_phase(r->conn, HTTP_PHASE_BODY);
	http_conn_kick(r->conn);
}
