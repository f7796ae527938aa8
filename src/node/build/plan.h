/* SPDX-License-Identifier: Apache-2.0
 *
 * plan: what has to be done to build a Dockerfile. Pure; the configs of base images come from outside when they are known:
 *
 *   plan_new(dockerfile, options, &plan)          stages, target, FROM names expanded by the global ARGs
 *   while ((i = plan_next_base(plan)) >= 0)       an image or named context whose config is wanted next (they may be fetched in parallel:
 *           plan_set_base(plan, i, config, n)     plan_stage(plan, i)->wants_base tells for each stage); its ONBUILD triggers may
 *                                                 bring new stages, therefore ask until -1
 *   plan_expand(plan)                             every needed stage gets its steps and its config
 *
 * Stages: those of the Dockerfile by their order, then one for each image or named context that only COPY --from or RUN --mount=from= names
 * (`implicit`, without steps). A stage's base and the stages its steps read (deps) are the edges of the graph: what is needed and not
 * ordered by it may run at the same time. A dep always has its base config and steps known before plan_expand() reaches its user.
 *
 * Arguments: ARG before the first FROM is for FROM lines only, and its value goes to a stage where that stage says ARG NAME. A value of
 * options.build_args wins over the default. ENV of the same name wins over ARG. Platform arguments (TARGETPLATFORM, TARGETOS, TARGETARCH,
 * TARGETVARIANT, TARGETSTAGE, BUILD...) are there for FROM, and in a stage after ARG NAME. HTTP_PROXY, HTTPS_PROXY, FTP_PROXY, NO_PROXY, ALL_PROXY
 * (and in small letters) need no ARG.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/build/dockerfile.h"
#include "node/build/step.h"

struct lint;
struct plan;

#define PLAN_STAGES_MAX 1000u
#define PLAN_STEPS_MAX 20000u	    /* of all stages together */
#define PLAN_BYTES_MAX (256u << 20) /* of everything expanded */

struct plan_options {
	const char *target;	    /* stage by name or number; NULL = the last */
	char *const *build_args;    /* NAME=VALUE; NULL-terminated or NULL, as all lists here */
	char *const *contexts;	    /* names of --build-context */
	char *const *labels;	    /* NAME=VALUE, put on the target image */
	const char *platform;	    /* "linux/arm64/v8": of the target, needed */
	const char *build_platform; /* of this machine, needed */
	bool no_cache;
	char *const *no_cache_stages; /* --no-cache-filter */
	struct lint *lint;	      /* gets warnings; may be NULL */
};

enum plan_base {
	PLAN_BASE_SCRATCH,
	PLAN_BASE_STAGE,   /* base_stage */
	PLAN_BASE_IMAGE,   /* base: a reference as written after expansion */
	PLAN_BASE_CONTEXT, /* base: the name of a named context */
};

struct plan_stage {
	int index;
	const char *name;  /* lower case; "" without AS */
	const char *label; /* for people: the name, or "stage-N" */
	enum plan_base kind;
	int base_stage;	      /* -1 unless PLAN_BASE_STAGE */
	const char *base;     /* "" for scratch and stages */
	const char *platform; /* of the base image: --platform or the target's */
	bool implicit, needed, wants_base;
	unsigned line; /* of FROM; of the instruction that names it when implicit */
	int *deps;     /* stages that its steps read; without the base */
	size_t n_deps;
	struct plan_step *steps; /* after plan_expand() */
	size_t n_steps;
	struct build_config
	    *config; /* after plan_expand(): of the stage's end. It may be written: history[].empty_layer */
	struct build_config *base_config; /* as the base gave it; NULL before */
};

/* `d` must outlive the plan. Errors start with "FILE:LINE: ". */
int plan_new(const struct dockerfile *d, const struct plan_options *o, struct plan **ret, struct err *err);
struct plan *plan_free(struct plan *p);
static inline void plan_freep(struct plan **p)
{
	plan_free(*p);
}

/* The next needed stage whose base config is not given yet, or -1. */
int plan_next_base(const struct plan *p);
/* The config blob of that base; text = NULL: it has none (a directory as named context), the stage starts as from scratch. `chosen` is the
 * platform that was found ("linux/amd64"), or NULL = as wanted. */
int plan_set_base(struct plan *p, int stage, const char *text, size_t n, const char *chosen, struct err *err);
int plan_expand(struct plan *p, struct err *err);

/* The names of build arguments that were given and that nothing uses: most likely slips, which the user is told about. After plan_expand();
 * NULL-terminated, the plan's. Stages that are not needed count too. */
char **plan_unused_args(struct plan *p);

size_t plan_count(const struct plan *p);
const struct plan_stage *plan_stage(const struct plan *p, int i);
int plan_target(const struct plan *p);
/* SOURCE_DATE_EPOCH as given by a build or global argument; -1 = not given. */
int64_t plan_epoch(const struct plan *p);
