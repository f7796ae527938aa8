/* SPDX-License-Identifier: Apache-2.0
 *
 * source_spec: a node source as its owner describes it (docs/SOURCES.md): where nodes come from, and by which policy. It is read from the JSON object that POST
 * /v1/sources takes; every key is checked, and an error begins with the path of the key ("policy.times.0.from: ...").
 */
#pragma once

#include "base/core/counts.h"
#include "base/core/cron.h"
#include "cluster/source/formula.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define SOURCE_NAME_MAX 48     /* bytes of a source's name with the NUL: a node's is NAME-INDEX */
#define SOURCE_ZONE_MAX 64     /* with the NUL */
#define SOURCE_NODES_MAX 10000 /* of one source */
#define SOURCE_TIMES_MAX 100
#define SOURCE_TEXT_MAX (1u << 20) /* bytes of JSON */

enum source_kind {
	SOURCE_STATIC,	/* names that are expected; somebody else starts them */
	SOURCE_LOCAL,	/* agents on the server's own machine */
	SOURCE_SSH,	/* hosts that are reached by ssh: the program is copied there and started */
	SOURCE_COMMAND, /* a program of the user creates and destroys them */
	SOURCE_N_KINDS
};

enum source_policy {
	SOURCE_POLICY_STATIC,  /* so many nodes, always */
	SOURCE_POLICY_IDLE,    /* as many as what waits needs; those that were idle for a time go */
	SOURCE_POLICY_LOAD,    /* between two loads */
	SOURCE_POLICY_TIMES,   /* by the time of the week */
	SOURCE_POLICY_CRON,    /* the entry whose time came last says it */
	SOURCE_POLICY_FORMULA, /* as many as it gives */
	SOURCE_N_POLICIES
};

/* Minutes of the day; to <= from: until that time on the next day. */
struct source_time {
	uint8_t days; /* bit 0 = Sunday: on which it begins */
	uint16_t from, to;
	uint32_t nodes;
};

struct source_cron {
	struct cron at;
	uint32_t nodes;
};

struct source_spec {
	char name[SOURCE_NAME_MAX];
	enum source_kind kind;
	uint32_t min, max; /* nodes */
	uint32_t parallel; /* calls at the same time */
	int32_t order;	   /* lower ones are asked first; then the cheaper ones, then by name */
	double price;	   /* of a node and hour, in whatever money; 0 = nothing */
	char zone[SOURCE_ZONE_MAX];
	uint32_t slots;		/* of each node: what is asked for and reckoned with; 0 = unknown */
	uint64_t memory;	/* bytes, likewise */
	struct counts counters; /* units of each, likewise; what is not in it its nodes do not have */
	char *server;		/* HOST:PORT that its nodes dial; NULL = where this server listens */
	int64_t timeout_ms;	/* of one call */
	int64_t join_ms;	/* from the end of the call to the node's first word */
	int64_t lost_ms;	/* a node that is lost for so long is destroyed */
	char **nodes;		/* static: names; NULL-terminated */
	char **command;		/* command: argv */
	char **hosts;		/* ssh: [USER@]HOST[:PORT] */
	char *identity;		/* ssh: a private key's file, or NULL */
	char *known_hosts;	/* ssh: or NULL = the user's */
	char *dir;		/* ssh: where program and state lie over there */
	char *ssh;		/* ssh: the client program */
	struct {
		enum source_policy kind;
		uint32_t nodes;	   /* static; times: at all other times; cron: before the first */
		int64_t idle_ms;   /* before an idle node goes */
		int64_t settle_ms; /* between growth and release */
		int64_t drain_ms;  /* what still runs then on a node that has to go ends there; 0 = it is waited for */
		double low, high;  /* load */
		char *formula;
		struct source_time *times;
		size_t n_times;
		struct source_cron *crons;
		size_t n_crons;
		struct tz *zone; /* of times, crons, and the hours of a formula; not NULL */
	} policy;
};

/* The names a formula may use; the values are filled in by decide.c, in this order. */
enum {
	SOURCE_QUEUED,
	SOURCE_QUEUED_SLOTS,
	SOURCE_RUNNING,
	SOURCE_FREE,
	SOURCE_SLOTS,
	SOURCE_NODES,
	SOURCE_BUSY,
	SOURCE_HOUR,
	SOURCE_MINUTE,
	SOURCE_WEEKDAY,
	SOURCE_N_NAMES
};
extern const struct formula_name source_spec_formula_names[SOURCE_N_NAMES + 1];

extern const char *const source_spec_kinds[SOURCE_N_KINDS];
extern const char *const source_spec_policies[SOURCE_N_POLICIES];

/* -EINVAL, -E2BIG. The caller frees *ret. */
int source_spec_parse(const char *json, size_t len, struct source_spec **ret, struct err *err);
struct source_spec *source_spec_free(struct source_spec *s);

/* How many nodes it can have at the most: max, and not more than there are hosts or names. */
uint32_t source_spec_limit(const struct source_spec *s);
