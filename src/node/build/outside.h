/* SPDX-License-Identifier: Apache-2.0
 *
 * outside: sources of ADD that are not files: addresses of files (http, https) and of git repositories.
 *
 * Files are fetched by confined child processes into files of the build's own. The key of a step has the name and the content of a file: from its
 * checksum when the Dockerfile tells it (nothing is asked then), from the last time when the server says that it has the same version (ETag and
 * Last-Modified), else by fetching it. A file that was fetched for a key is there for the step. The key of a repository has its address
 * and the commit (git.h).
 */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/core/sha256.h"

struct cache;
struct err;
struct image_lease;
struct outside;
struct step_copy;

bool outside_is(const char *source);

/* stop_fd: readable = -ECANCELED. ssh: a Dockerfile may make the user's ssh agent sign (--ssh). Lease and cache must outlive it. */
struct outside *outside_new(struct image_lease *lease, struct cache *cache, int stop_fd, bool ssh);
struct outside *outside_free(struct outside *l);

/* Begins to ask for what outside_digest() would otherwise wait for: 1 = it does not have to wait, 0 = it is under way (or has to wait until another
 * one has ended): ask again when a descriptor of outside_poll() is readable. */
int outside_look(struct outside *l, const char *source, const struct step_copy *c, struct err *err);
/* Of what is under way; at most OUTSIDE_LOOKS. */
enum { OUTSIDE_LOOKS = 8 };
size_t outside_poll(const struct outside *l, struct pollfd fds[static OUTSIDE_LOOKS]);

/* What the key of an ADD has for a source. */
int outside_digest(struct outside *l, const char *source, const struct step_copy *c, char ret[static SHA256_HEX_MAX],
		   struct err *err);

/* A file at an address: a descriptor of the caller's, at its beginning. */
int outside_fetch(struct outside *l, const char *url, struct err *err);
/* A repository (git_url.h): its files come below `dir`, an empty directory of ours; a descriptor of the directory that the address names, the
 * caller's. commit NULL: what its ref means now. */
int outside_clone(struct outside *l, const char *address, const char *commit, int dir, bool keep_git_dir,
		  struct err *err);

/* In the step: the repository of an ADD as outside_clone() has it, at the commit that outside_digest() saw. */
int outside_tree(struct outside *l, const char *source, const struct step_copy *c, int dir, struct err *err);
/* In the step: the file (the caller's descriptor, at its beginning), its name in a directory (new memory) and its time. It is what
 * outside_digest() said, or it is an error. */
int outside_open(struct outside *l, const char *source, const struct step_copy *c, char **ret_name,
		 int64_t *ret_mtime_s, struct err *err);
