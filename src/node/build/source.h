/* SPDX-License-Identifier: Apache-2.0
 *
 * source: what COPY, ADD and a bind mount take: paths with wildcards below one directory (a build context, the root of a stage), and the walk
 * over what they name, in the order of names. Ignored files (.dockerignore) and excluded ones (--exclude) do not exist for it.
 *
 * The directory is untrusted: links are resolved inside it (view.h), the walk itself follows none.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct err;
struct ignore;

#define SOURCE_DEPTH_MAX 200
#define SOURCE_ENTRIES_MAX 5000000u
#define SOURCE_MATCHES_MAX 100000u

struct source_tree {
	int root;
	const struct ignore *ignore; /* by path from the root; NULL = nothing */
	bool context;		     /* of the user: devices, sockets and FIFOs in it are passed over */
	const char *what;	     /* for messages: "the build context", "stage \"base\"" */
};

struct source_item {
	char *plain;  /* where it is, links resolved (view.h) */
	char *named;  /* as it was asked for, wildcards filled in; no slash at either end */
	char *parent; /* --parents: the directories of `named` that the copy makes again, from the pivot "/./" on */
	struct stat st;
};

struct source_list {
	struct source_item *items;
	size_t n, cap;
};

#define SOURCE_LIST_INIT                                                                                               \
	{                                                                                                              \
		.items = NULL                                                                                          \
	}

/* Adds what `pattern` names; with wildcards that may be nothing. -ENOENT: the text says what was asked for, of which tree, and whether it is
 * ignored. */
int source_find(const struct source_tree *t, const char *pattern, struct source_list *l, struct err *err);
void source_list_free(struct source_list *l);

/* One thing on the walk; `path` is relative to the item ("" = the item itself). */
struct source_entry {
	int dir;	  /* of the entry */
	const char *name; /* in it */
	const char *path;
	size_t depth; /* 0 = the item itself */
	struct stat st;
};

struct source_visitor {
	void *ctx;
	int (*enter)(void *ctx, const struct source_entry *e, struct err *err); /* a directory, before what is in it */
	int (*leave)(void *ctx, const struct source_entry *e, struct err *err); /* and after */
	int (*other)(void *ctx, const struct source_entry *e,
		     struct err *err); /* files, links, FIFOs, devices, sockets */
};

/* `exclude`: by path relative to the item, or by its name when it is no directory; NULL = nothing. A directory that is ignored itself is
 * entered when something below it is not. */
int source_walk(const struct source_tree *t, const struct source_item *item, const struct ignore *exclude,
		const struct source_visitor *v, struct err *err);

/* The text of a symbolic link on the walk. */
int source_link(const struct source_entry *e, char **ret, struct err *err);
/* Opens a regular file on the walk for reading; -ESTALE when it is another one than the walk saw. */
int source_open(const struct source_entry *e, struct err *err);
