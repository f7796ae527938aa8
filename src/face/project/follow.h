/* SPDX-License-Identifier: Apache-2.0
 *
 * follow: the output of several containers at once, each line begun by the name of its container in a colour of its own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct follow;
struct project;

struct follow_how {
	bool no_color, no_prefix;
	void (*ready)(void *ctx);		   /* the last one that was opened has been answered; may be NULL */
	void (*closed)(void *ctx, const char *id); /* a stream has ended; may be NULL */
	void (*idle)(void *ctx);		   /* the last one has; may be NULL */
	void *ctx;
};

struct follow *follow_new(struct project *p, const struct follow_how *how);
struct follow *follow_free(struct follow *f);
/* Prefixes become at least as wide as this name. */
void follow_widen(struct follow *f, const char *label);
/* Opens a stream: GET logs, or POST attach. The label is the name without the project. When one of this id is open: that is of the same life of the
 * container, and nothing is done; or follow_over() was told of it, and this one is opened when it has ended. */
void follow_add(struct follow *f, const char *id, const char *label, const char *method, const char *target);
/* The container has ended: the stream that is open ends, and what it says when it is started again is not in it. */
void follow_over(struct follow *f, const char *id, int64_t time_ns);
/* From which moment on the log of a container that was started at `start_ns` has what was not shown: 0 = all of it. By the time of its start it may have
 * said something already. */
int64_t follow_since(const struct follow *f, const char *id, int64_t start_ns);
bool follow_has(const struct follow *f, const char *id); /* a stream that is open */
/* A line of ours among those of the containers. */
void follow_say(struct follow *f, const char *label, const char *text);
/* 0, or the -errno of the first line that could not be written; the loop is stopped then, once. */
int follow_failed(const struct follow *f);
size_t follow_open(const struct follow *f);
size_t follow_waiting(const struct follow *f); /* those that were not answered yet */
/* "web-1" of "project-web-1" (or of "project_web_1"); part of name. */
const char *follow_label(const struct project *p, const char *name);
