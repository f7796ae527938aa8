/* SPDX-License-Identifier: Apache-2.0
 *
 * plan_impl: what the files of the plan share; nobody else includes it.
 */
#pragma once

#include "node/build/plan.h"

/* "FILE:LINE: text" */
#define PLAN_ERR(p, number, err, code, ...) PLAN_ERR_(p, number, err, code, __VA_ARGS__, "")
#define PLAN_ERR_(p, number, err, code, fmt, ...)                                                                      \
	err_set((err), (code), "%s:%u: " fmt "%s", (p)->d->name, (number), __VA_ARGS__)

struct plan_vars {
	struct build_pair *v; /* value NULL: declared, no value */
	size_t n, cap;
};

struct plan_node {
	struct plan_stage s;
	const struct dockerfile_instruction **todo; /* triggers first */
	size_t n_todo, n_triggers;
	struct plan_vars args; /* declared by ARG in this stage or its bases */
	bool workdir_set, base_given, expanded;
	size_t cap_deps;
};

struct plan {
	struct keep keep;
	const struct dockerfile *d;
	struct plan_vars build_args; /* as given */
	struct plan_vars globals;    /* platform arguments and ARG before FROM */
	struct plan_vars defaults;   /* the same without build_args, for lint */
	char **contexts, **labels, **no_cache_stages;
	const char *platform, *target_name;
	bool no_cache;
	struct lint *lint;
	struct plan_node **nodes;
	size_t n, cap, n_stages; /* n_stages: without the implicit ones */
	int target;
	int64_t epoch;
	size_t n_steps;
	struct dockerfile **triggers; /* parsed ONBUILD texts */
	size_t n_triggers, cap_triggers;
};

/* plan_vars.c */
const char *plan_vars_get(const struct plan_vars *v, const char *name, size_t n);
bool plan_vars_has(const struct plan_vars *v, const char *name, size_t n);
void plan_vars_set(struct keep *k, struct plan_vars *v, const char *name, const char *value);
/* The variables of FROM lines; reports unknown ones by lint. `matched` may be NULL; else: how many names were found, and the last of them. */
struct plan_matched {
	size_t found, missing;
	bool target_platform;
};
int plan_vars_expand(struct plan *p, const struct plan_vars *v, const char *text, unsigned line,
		     struct plan_matched *matched, char **ret, struct err *err);
/* Fills build_args, globals, defaults and epoch. */
int plan_vars_begin(struct plan *p, const struct plan_options *o, struct err *err);
int plan_vars_global(struct plan *p, const struct dockerfile_instruction *arg, struct err *err);
int plan_vars_epoch(struct plan *p, struct err *err);

/* plan_stage.c */
int plan_stages_read(struct plan *p, struct err *err);
/* The node that `name` means for an instruction of stage `self`: its index, STEP_FROM_NOTHING, or -EINVAL. May add an implicit one. */
int plan_stage_find(struct plan *p, int self, const char *name, unsigned line, int *ret, struct err *err);
/* The stages that an instruction reads become deps of node `self`. */
int plan_stage_link(struct plan *p, int self, const struct dockerfile_instruction *i, unsigned line, struct err *err);
/* ONBUILD texts of a base image become the first instructions of a stage. */
int plan_stage_triggers(struct plan *p, int self, char *const *texts, struct err *err);
void plan_stage_mark_needed(struct plan *p);

/* One instruction on its way to a step. */
struct plan_expand {
	struct plan *p;
	struct plan_node *node;
	struct build_config *c;
	const struct dockerfile_instruction *i;
	unsigned line;
	struct plan_step *step;
	struct lint *lint; /* NULL for triggers */
	struct err *err;
};

/* plan_expand.c: the word with the variables of this place; plan_words(): split at blanks, added to a list. */
int plan_word(struct plan_expand *x, const char *text, char **ret);
int plan_words(struct plan_expand *x, const char *text, struct keep_list *list);
int plan_heredoc(struct plan_expand *x, const char *text, char **ret);
void plan_history(struct plan_expand *x, const char *created_by, bool empty_layer);
/* The variables that a process gets. */
char **plan_environment(struct plan_expand *x);
char **plan_shell(struct plan_expand *x, char *const *args);

/* plan_config.c, plan_run.c, plan_copy.c: one function for each kind of instruction. */
int plan_config_step(struct plan_expand *x);
int plan_run_step(struct plan_expand *x);
int plan_copy_step(struct plan_expand *x);

/* plan_mount.c. `from` of each mount in the flags of RUN, without anything else: for the graph. *ret is NULL without from=. */
int plan_mount_from(struct plan *p, const char *text, unsigned line, char **ret, struct err *err);
int plan_mount_parse(struct plan_expand *x, const char *text, struct step_mount *ret);
int plan_device_parse(struct plan_expand *x, const char *text, struct step_device *ret);

/* plan_text.c: texts of the history as Go writes them. */
char *plan_text_list(struct keep *k, const char *before, char *const *v);   /* [a b] */
char *plan_text_quoted(struct keep *k, const char *before, char *const *v); /* ["a" "b"] */
char *plan_text_health(struct keep *k, const struct build_health *h);
char *plan_text_join(struct keep *k, char *const *v); /* a b */
/* An absolute path without "." and "..", relative ones below `dir`. */
char *plan_text_path(struct keep *k, const char *dir, const char *path);
/* "linux/arm64/v8" into its parts, normalised ("linux/arm64"); false when it is none. */
bool plan_text_platform(struct keep *k, const char *text, char **os, char **arch, char **variant);
