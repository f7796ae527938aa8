/* SPDX-License-Identifier: Apache-2.0
 *
 * context: where the files of a build come from, and its Dockerfile.
 *
 *   DIR            a directory; the Dockerfile is Dockerfile in it, or any file of the user (-f), or standard input (-f -)
 *   -              standard input: a tar (plain or packed, archive.h) with the Dockerfile in it, or the Dockerfile alone
 *   http(s)://...  the same from an address (outside.h)
 *   GIT            a repository (git_url.h): https://host/x.git#REF:DIR, git@host:x, github.com/owner/x
 *   local:NAME     a directory of the client (client.h), when there is one
 *
 * DOCKERFILE.dockerignore beside the Dockerfile, or else .dockerignore in the context, hides files (ignore.h). A directory is opened once, by
 * the user's own path; from then on everything is below that descriptor. A tar is unpacked by a confined process into the store's folder for
 * work in progress, and a repository is checked out there.
 */
#pragma once

#include "node/build/source.h"

struct build_client;
struct cache;
struct image_lease;
struct outside;

#define CONTEXT_STDIN_MAX (64ull << 30)

struct context_from {
	const char *path;
	const char *dockerfile; /* -f: NULL, a path, or "-" */
	int stdin_fd;
	bool keep_git_dir;
	struct outside *outside;
	const struct build_client *client;
	struct cache *cache;	    /* keeps copies of what the client has; NULL = nothing is kept */
	const char *dockerfile_dir; /* of the client; NULL = it is in the context */
};

struct context {
	struct source_tree tree;
	struct ignore *ignore;
	char *dockerfile; /* its text */
	size_t n_dockerfile;
	char *name; /* of the Dockerfile, for errors */
	int tmp;    /* of an unpacked tar or a repository, or -1 */
	char tmp_name[64];
	const struct build_client *client; /* the tree has yet to come from it: context_load() */
	char *client_dir;
	struct cache *cache;
	int kept;	 /* the copy of an earlier time, which is ours until the end, or -1 */
	char **patterns; /* of the ignore file, for the client */
};

#define CONTEXT_NULL                                                                                                   \
	{                                                                                                              \
		.tree = {.root = -1, .context = true}, .tmp = -1, .kept = -1                                           \
	}

/* What is unpacked or checked out is in a temporary directory of the store, which context_close() removes. */
int context_open(const struct context_from *from, struct image_lease *lease, struct context *ret, struct err *err);
/* The files, when they are with the client still: no more than these paths (NULL = all), which a step is about to read. */
int context_load(struct context *c, char *const *paths, struct err *err);
/* A named context: without a Dockerfile, with its own .dockerignore. Standard input is none. */
int context_open_named(const char *name, const struct context_from *from, struct image_lease *lease,
		       struct context *ret, struct err *err);
void context_close(struct context *c);
