/* SPDX-License-Identifier: Apache-2.0
 *
 * loop: one event loop per process, libuv behind a dozen calls. Single-threaded but for loop_post(). Nothing that blocks may be called
 * from a callback. A handle may be freed from any callback, its own included.
 */
#pragma once

#include <stdint.h>

struct err;
struct loop;
struct loop_fd;
struct loop_timer;
struct loop_signal;
struct loop_post;

int loop_new(struct loop **ret, struct err *err);
struct loop *loop_free(struct loop *l);	       /* all handles must have been freed; takes NULL, returns NULL */
int loop_run(struct loop *l, struct err *err); /* until loop_stop(), or until there is nothing left to wait for */
void loop_stop(struct loop *l);

enum { LOOP_IN = 1, LOOP_OUT = 2, LOOP_HUP = 4 };

/* Calls fn(ctx, events) while the descriptor is ready (level-triggered). HUP and ERR are reported as LOOP_IN|LOOP_HUP. The descriptor
 * stays the caller's, who frees the handle before closing it. Works for sockets, pipes, pidfds, inotify, eventfds. */
typedef void (*loop_fd_fn)(void *ctx, int events);
int loop_fd_new(struct loop *l, int fd, int events, loop_fd_fn fn, void *ctx, struct loop_fd **ret, struct err *err);
void loop_fd_set(struct loop_fd *h, int events); /* 0 = none for now */
struct loop_fd *loop_fd_free(struct loop_fd *h);

/* Once, after `ms` milliseconds (0 = on the next turn), and again when armed again. */
typedef void (*loop_fn)(void *ctx);
struct loop_timer *loop_timer_new(struct loop *l, loop_fn fn, void *ctx);
void loop_timer_arm(struct loop_timer *t, int64_t ms);
void loop_timer_disarm(struct loop_timer *t);
struct loop_timer *loop_timer_free(struct loop_timer *t);

typedef void (*loop_signal_fn)(void *ctx, int signal);
int loop_signal_new(struct loop *l, int signal, loop_signal_fn fn, void *ctx, struct loop_signal **ret,
		    struct err *err);
struct loop_signal *loop_signal_free(struct loop_signal *s);

/* loop_post_send() may be called from any thread: fn(ctx) runs on the loop soon after; several sends may become one call. */
int loop_post_new(struct loop *l, loop_fn fn, void *ctx, struct loop_post **ret, struct err *err);
void loop_post_send(struct loop_post *p);
struct loop_post *loop_post_free(struct loop_post *p);
