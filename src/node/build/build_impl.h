/* SPDX-License-Identifier: Apache-2.0
 *
 * build_impl: what the files of the executor share.
 *
 *   build.c         opens everything, runs the stages, ends
 *   build_base.c    base images and named contexts
 *   build_cache.c   --cache-from and --cache-to
 *   build_input.c   content digests and cache keys of steps
 *   build_job.c     a step in a child process: start, output, result
 *   build_step.c    COPY, ADD, WORKDIR in that child
 *   exec.c          RUN in that child, exec_mounts.c its mounts
 *   export.c        the image's documents and names, other outputs
 */
#pragma once

#include <sys/types.h>

#include "base/core/buf.h"
#include "base/core/err.h"
#include "node/build/build.h"
#include "node/build/cache.h"
#include "node/build/context.h"
#include "node/build/key.h"
#include "node/build/plan.h"
#include "node/build/snapshot.h"
#include "node/image/image.h"

struct digests;
struct cache_from;
struct outside;

/* What a child says at its end. */
struct build_verdict {
	int code;    /* 0 or an errno */
	bool cached; /* somebody else made it meanwhile */
	char layer[65];
	uint64_t size;
	char text[ERR_TEXT_MAX];
};

struct build_job {
	pid_t pid; /* 0 = none */
	int out, result;
	struct snapshot snapshot;
	struct build_verdict verdict;
	size_t have; /* of the verdict */
	struct buf line, tail;
	uint64_t n_out;
	int64_t started_ms;
};

struct build_stage {
	int index;
	const struct plan_stage *plan;
	char **layers;		 /* so far: diff ids, bottom first */
	char **keys;		 /* of its steps that made the last of these */
	struct key key, pending; /* pending: after the step that runs */
	size_t next;		 /* step */
	size_t first_index;	 /* of its first step among all that are shown */
	bool begun, done;
	bool looks;		  /* its step waits for what it fetches */
	struct image_info *image; /* the base, or NULL */
	struct context context;	  /* a named one; root -1 = none */
	char *what;		  /* "stage \"base\"", for messages */
	char step_key[65];	  /* of the step that runs */
	struct build_job job;
};

struct build {
	const struct build_options *o;
	build_event_fn *event;
	void *ctx;
	int data_dir;
	struct image_store *store;
	struct image_lease *lease;
	struct cache *cache;
	struct cache_from **imports;
	size_t n_imports;
	char **known; /* layers of the images that cache_from names and that are here */
	struct digests *digests;
	struct context context;
	struct outside *outside;
	struct dockerfile *file;
	struct plan *plan;
	struct build_stage *stages;
	size_t n_stages, n_written, n_steps, n_cached, n_instructions; /* n_written: of the stages, in the Dockerfile */
	int64_t epoch;
};

void build_tell(struct build *b, const struct build_stage *s, enum build_event_type type, const char *text, int64_t ms);

/* build_base.c */
int build_find_bases(struct build *b, struct err *err);

/* build_cache.c */
int build_check_caches(const struct build_options *o, struct err *err);
void build_open_caches(struct build *b);
void build_close_caches(struct build *b);
/* A result of this machine's that may be taken: its layer, which is leased then. */
bool build_cached(struct build *b, const char *key, char ret_diff[static 65]);
/* True when a named cache has a result for the key: its layer, which is leased then. The first one looks at what is in the store already, the
 * second one fetches it (in the child); what went wrong with that is told on `out`. */
bool build_imported(struct build *b, const char *key, char ret_diff[static 65]);
bool build_fetch_imported(struct build *b, const char *key, int out, char ret_diff[static 65]);
/* The config of the target with its cache inside, when that was asked for; takes the text over. */
char *build_inline_cache(struct build *b, const struct build_stage *s, char *config, size_t *inout_n);
int build_export_caches(struct build *b, struct err *err);

/* build_input.c: whether everything that the step reads is there; its key with the layers below in it, and what the next one stands on. */
bool build_inputs_ready(const struct build *b, const struct plan_step *step);
/* Whether the key can be made without waiting for what ADD fetches: 1 = yes, 0 = it is under way (outside.h: outside_poll). */
int build_inputs_look(struct build *b, const struct plan_step *step, struct err *err);
int build_step_key(struct build *b, struct build_stage *s, const struct plan_step *step, struct key *ret_next,
		   char ret[static 65], struct err *err);
/* The files of a stage or context (step.h: from); *root holds what must be closed. */
int build_tree(struct build *b, int from, struct source_tree *ret, struct snapshot_root *root, struct err *err);
char *build_escape(const char *path); /* as a pattern that matches the path alone */

/* build_job.c */
int build_job_start(struct build *b, struct build_stage *s, const struct plan_step *step, struct err *err);
/* What came on its descriptors, which are -1 when they have ended. */
void build_job_read_output(struct build *b, struct build_stage *s);
void build_job_read_verdict(struct build_stage *s);
/* After both ended: collects it. */
int build_job_end(struct build *b, struct build_stage *s, struct err *err);
void build_job_kill(struct build_stage *s);
const char *build_job_tail(const struct build_stage *s);

/* build_step.c, exec.c: in the child. `out` takes the output for people. */
int build_step_files(struct build *b, struct build_stage *s, const struct plan_step *step, struct snapshot *snapshot,
		     struct err *err);
int exec_run(struct build *b, const struct plan_step *step, struct snapshot *snapshot, int out, struct err *err);

/* export.c */
int build_export(struct build *b, struct build_result *ret, struct err *err);
