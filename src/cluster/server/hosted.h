/* SPDX-License-Identifier: Apache-2.0
 *
 * hosted: containers of no job that were made through the server, each on the node that was chosen for it (the cluster as one Docker host, docs/CLUSTER.md).
 * What is kept of one is durable before its node hears of it: its name, which nobody else in the cluster gets, its node, and what it needs there, which the
 * scheduler counts as used (SCHED_EV_NODE_USE) until it is removed. The container itself is its node's; the server only knows where it is.
 *
 * Documents: hosted/NUMBER, written in one transaction with the event that changes the node's use (docs/formats/events.md).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct server;

#define HOSTED_MAX 100000

struct hosted {
	struct hosted *next;
	uint64_t number;
	char *name, *node, *image;
	char *id; /* NULL: its node has not said so yet */
	uint32_t slots;
	uint64_t cpu_milli, memory;
	int64_t created_ms;
};

struct hosted_wish {
	const char *name, *image;
	uint32_t slots;
	uint64_t cpu_milli, memory;
	/* units of COUNTS_GPU that no job has there now, if there is such a node that nobody has; its node counts what it has of them while it runs */
	uint32_t gpus;
	/* NULL-terminated, or NULL. "node==n1", "disk!=hdd" (a label; * and ? stand for what they do in a shell), "container==web" (where that one is) */
	char *const *constraints;
	char *const *has_image; /* nodes that need not fetch it: the better of equals */
};

/* Chooses a node (the emptiest that fits) and writes it down. `h` is valid during the call; NULL with an error: -EEXIST the name is taken, -EINVAL a constraint
 * that is none, -EBUSY no node (the text says of each why not), -E2BIG, or what the store says. May be called at once. */
typedef void (*hosted_fn)(void *ctx, const struct hosted *h, const struct err *error);
void hosted_make(struct server *s, const struct hosted_wish *w, hosted_fn fn, void *ctx);

/* What the node has told of it since; one that is not there any more changes nothing. */
void hosted_identify(struct server *s, uint64_t number, const char *id);
void hosted_rename(struct server *s, uint64_t number, const char *name);
void hosted_drop(struct server *s, uint64_t number);

const struct hosted *hosted_first(const struct server *s); /* then by next; in the order they were made */
const struct hosted *hosted_by_number(const struct server *s, uint64_t number);
const struct hosted *hosted_by_name(const struct server *s, const char *name);
const struct hosted *hosted_by_id(const struct server *s, const char *id); /* the whole id */

/* For this folder. */
int hosted_load(struct server *s, const char *number, const char *text, size_t len, struct err *err);
void hosted_drop_all_of(struct server *s, const char *node); /* it was removed */
void hosted_free_all(struct server *s);
