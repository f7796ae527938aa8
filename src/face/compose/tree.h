/* SPDX-License-Identifier: Apache-2.0
 *
 * tree: the files of a project become one canonical tree: read, interpolated, `extends` and `include` done, merged, with
 * the defaults of single values.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct loader;
struct node;

#define TREE_FILES_MAX 64
#define TREE_DEPTH_MAX 16

/* A file and its tree, before anything was done with it. */
struct tree_file {
	char *path;	  /* absolute, or "-" */
	char *name;	  /* in messages */
	const char *text; /* when it need not be read, else NULL */
	struct node *root;
};

struct tree {
	struct loader *l;
	size_t n_files;		  /* read so far */
	struct tree_file **bases; /* the files of `extends`, each read once */
	size_t n_bases, cap_bases;
};

/* Reads and parses. False with a message when it cannot be. */
bool tree_parse(struct tree *t, struct tree_file *f);
/* The merged tree of parsed files, or NULL with messages. Relative paths start at l->directory. */
struct node *tree_load(struct tree *t, struct tree_file *files, size_t n);
