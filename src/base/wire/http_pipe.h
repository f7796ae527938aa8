/* SPDX-License-Identifier: Apache-2.0
 *
 * http_pipe: bytes between a request and a descriptor, at the speed of the slower side; at most one piece of them is held in memory.
 */
#pragma once

struct err;
struct http_pipe;
struct http_req;
struct loop;

/* The body of `r` goes into fd, which is taken in every case and closed after the last byte. From on_headers. What comes after the reader of fd has
 * gone is dropped. The pipe must live as long as the request (free it in on_close). */
int http_pipe_in(struct loop *l, struct http_req *r, int fd, struct http_pipe **ret, struct err *err);

/* What comes from fd (taken in every case) goes into the reply. first() is called before the first byte: it begins the reply. ended() is called
 * once, at the end of fd, from the loop; it may free the pipe. */
struct http_pipe_source {
	void (*first)(void *ctx);
	void (*ended)(void *ctx);
	void *ctx;
};
int http_pipe_out(struct loop *l, struct http_req *r, int fd, const struct http_pipe_source *s, struct http_pipe **ret,
		  struct err *err);

/* Closes the descriptor now; nothing is called any more. */
void http_pipe_stop(struct http_pipe *p);
struct http_pipe *http_pipe_free(struct http_pipe *p); /* takes NULL */
