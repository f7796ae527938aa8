/* SPDX-License-Identifier: Apache-2.0
 *
 * sources: the node sources of the cluster and the machines that they have made (docs/SOURCES.md). What is to be done decides cluster/source/decide.h; this is the
 * hand: it asks after every change (at the most some times a second) and at the time that the last decision named, and carries the wishes out.
 *
 * A source stands in the document source/NAME, a machine in machine/NODE. Before anything is made or destroyed that is durable, so a server that dies at any
 * moment knows of every machine that there might be. A call that was running then may still be at work: its machine is awaited as if it had been made.
 */
#pragma once

#include "base/core/map.h"
#include "cluster/source/decide.h"

#include <stddef.h>
#include <stdint.h>
#include <yyjson.h>

#define SOURCES_MAX 100

struct err;
struct node;
struct program;
struct server;
struct source;

struct machine {
	struct source *source;
	char node[64]; /* SOURCE-INDEX */
	uint32_t index;
	enum machine_state state;
	char *id, *error; /* what its maker calls it; the last thing that went wrong. Both may be NULL */
	char token[16];	  /* ID of the token that lets it join, or "" */
	int64_t since_ms, idle_ms, lost_ms, retry_ms;
	uint32_t tries;	      /* of destroying it, in a row */
	uint32_t busy;	      /* writes and tokens that are on their way: it cannot be freed */
	bool broken;	      /* it was made in vain: after its end its index rests */
	bool ready;	      /* that it is to be destroyed is durable */
	bool gone;	      /* to be freed */
	struct program *call; /* or NULL */
};

struct source {
	struct source *next;
	struct server *server;
	char name[SOURCE_NAME_MAX];
	struct source_spec *spec;
	char *json;	     /* of the spec, as it was given */
	struct map expected; /* the names of a static one */
	bool paused, leaving;
	bool coming;   /* not durable yet */
	bool changing; /* a wish is on its way */
	bool forced;   /* what cannot be destroyed is forgotten */
	bool listed;   /* its maker has been asked what it has */
	bool bad_formula;
	struct machine **machines; /* by index */
	size_t n, cap;
	uint32_t failures; /* in a row */
	int64_t retry_ms, grown_ms;
	char *trouble; /* why it does not grow, or NULL */
	uint32_t wanted;
	struct program *list; /* the call that asks a command what there is */
};

struct sources {
	struct server *server;
	struct source *first;
	size_t n;
	struct loop_timer *timer;
	int64_t armed_ms; /* monotonic; 0 = not */
	int64_t looked_ms;
};

/* Something has changed: it is looked at soon. */
void sources_touch(struct server *s);
void sources_open(struct server *s);
void sources_begin(struct server *s); /* after the documents were read */
void sources_free(struct server *s);
/* From the documents; machines after sources. */
int sources_load(struct server *s, const char *name, const char *text, size_t len, struct err *err);
int sources_load_machine(struct server *s, const char *node, const char *text, size_t len, struct err *err);
struct source *sources_named(const struct server *s, const char *name);
/* The source that a node is of, or NULL: its machine's, or a static one that lists it. */
struct source *sources_of(const struct server *s, const char *node);

/* source_view.c: what is known of a node by its source. */
void source_view_node(const struct server *s, const char *node, yyjson_mut_doc *d, yyjson_mut_val *o);
/* Nodes that are expected and that nobody has seen. */
void source_view_missing(const struct server *s, yyjson_mut_doc *d, yyjson_mut_val *list);

/* machine.c */
struct machine *machine_at(const struct source *src, uint32_t index); /* NULL: none */
struct machine *machine_add(struct source *src, uint32_t index);
void machine_free(struct machine *m);
void machine_create(struct source *src, uint32_t index);
void machine_joined(struct machine *m);
void machine_drain(struct machine *m, int64_t deadline_ms, const char *why);
void machine_keep(struct machine *m);
void machine_destroy(struct machine *m, const char *why);
void machine_forget(struct machine *m);
void machine_go_on(struct machine *m); /* its destruction, when it is time for it */
char *machine_stored(const struct machine *m);
void machine_orphan(struct source *src, uint32_t index, const char *id); /* one that its maker has and nobody knows */

/* source_call.c: a verb of the source's maker. -errno at once, or fn later. */
struct program_end;
int source_call(struct source *src, const struct machine *m, const char *verb, const char *token,
		void (*fn)(void *ctx, const struct program_end *end), void *ctx, struct program **ret, struct err *err);
/* From what create has printed; NULL: nothing. */
char *source_call_id(const struct program_end *end);
void source_list(struct source *src);
