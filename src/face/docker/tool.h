/* SPDX-License-Identifier: Apache-2.0
 *
 * tool: the process that does the work of one call of Docker's API (docker_tool_main). It reads its request, does it, writes Docker's messages or an
 * archive to its standard output and an answer at the end. When nobody waits any more it gets SIGTERM.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/wire/json.h"
#include "node/build/build.h"
#include "node/image/progress.h"

struct err;
struct image_store;

struct tool {
	yyjson_val *request;
	int data; /* descriptor of the data directory */
	yyjson_mut_doc *answer;
	struct tool_lines *lines;
};

/* An operation: 0, or a negative errno with its text. */
typedef int tool_fn(struct tool *t, struct err *err);

/* tool_registry.c */
tool_fn tool_pull, tool_push, tool_search, tool_auth;
/* tool_distribution.c */
tool_fn tool_distribution;
/* tool_archive.c */
tool_fn tool_load, tool_save;
/* image_prune.c */
tool_fn tool_image_prune;
/* tool_top.c, tool_sizes.c */
tool_fn tool_top, tool_sizes;
/* tool_build.c, tool_build_prune.c */
tool_fn tool_build, tool_build_prune, tool_build_usage;
/* What the build cache keeps, as Docker's BuildCache. */
int tool_build_records(struct tool *t, struct image_store *s, yyjson_mut_val *list, struct err *err);
/* Of "networkmode": false = it is the name of a network. */
bool tool_build_network(const char *word, enum build_network *ret);

/* tool_files.c */
tool_fn tool_commit; /* tool_commit.c */
tool_fn tool_files_stat, tool_files_get, tool_files_put, tool_files_export, tool_files_changes;

/* What Docker's clients end with after this error: the exit code of a command of a build (tool_build.c), or 0. */
int tool_exit_code(const struct err *err);

const char *tool_text(const struct tool *t, const char *key); /* NULL = it is not there */
bool tool_flag(const struct tool *t, const char *key);
int tool_list(const struct tool *t, const char *key, char ***ret, struct err *err);
/* Runs fn in a process of its own, which SIGTERM ends, on an open store; what a killed one leaves there is collected. What fn adds to the
 * answer is in ours. */
int tool_on_store(struct tool *t, int (*fn)(struct tool *t, struct image_store *s, struct err *err), struct err *err);

/* Docker's messages, each a line of JSON (tool_message.c). They are written at once. */
void tool_status(struct tool *t, const char *id, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void tool_stream(struct tool *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* {"aux": ...}; takes the document, whose root is the value. */
void tool_aux(struct tool *t, yyjson_mut_doc *value);
/* image_progress_fn with the tool as ctx; a line of the same layer and action comes at most ten times a second. */
void tool_progress(void *ctx, const struct image_progress *p);
void tool_lines_free(struct tool *t);
struct registry_pulled;
void tool_pulled(struct tool *t, const struct registry_pulled *p); /* tool_registry.c: the last words of a pull */
