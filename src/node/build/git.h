/* SPDX-License-Identifier: Apache-2.0
 *
 * git: repositories of others, by the machine's program git (docs/DEPENDENCIES.md), which knows the protocols and has had its attacks.
 *
 * It runs in a child process that has no capabilities and can write nowhere but into the directory that it is given; where berth is root, as the
 * user nobody. It reads neither the user's nor the machine's configuration, runs no hook, no filter, no credential helper and no file monitor,
 * asks nobody for a password, and speaks only the protocol of the address and https, for submodules too: "file" and "ext" are never among them.
 */
#pragma once

#include "node/build/git_url.h"

struct err;

#define GIT_COMMIT_MAX 65

/* The commit that the ref means now; a whole commit is itself, and nobody is asked. stop_fd as in child_run(). */
int git_resolve(const struct git_url *u, int dir, int stop_fd, char ret[static GIT_COMMIT_MAX], struct err *err);

/* The files of that commit and of its submodules become `dir`/"fs", with their .git when `keep` is set. `dir` is an empty directory of ours. */
int git_fetch(const struct git_url *u, const char *commit, int dir, bool keep, int stop_fd, struct err *err);
