/* SPDX-License-Identifier: Apache-2.0
 *
 * solve_tell: what happens in a build as the vertices of BuildKit's clients, in the words that those show for BuildKit's own builds: people and scripts
 * look for them ("[builder 2/7] RUN make", "writing image sha256:...", "naming to docker.io/library/x:1").
 */
#pragma once

#include "base/wire/json.h"
#include "node/build/build.h"
#include "node/registry/pull.h"

struct err;
struct solve_tell;

/* fd: takes the messages of status.h. file: what the Dockerfile is called. answer: gets the warnings when nothing but them is asked for, or is NULL. */
struct solve_tell *solve_tell_new(int fd, const char *seed, const char *file, yyjson_mut_doc *answer);
/* The warnings are complete. Takes NULL, returns NULL. */
struct solve_tell *solve_tell_free(struct solve_tell *t, bool well);

void solve_tell_event(struct solve_tell *t, const struct build_event *e);

/* A file of the client is looked for, and what came of it: text NULL = there is none. */
void solve_tell_file(struct solve_tell *t, const char *path);
void solve_tell_file_came(struct solve_tell *t, const char *path, const char *text, size_t n);
/* A directory of the client. */
void solve_tell_tree(struct solve_tell *t, const char *dir);
void solve_tell_tree_came(struct solve_tell *t, uint64_t bytes, const char *failed);
/* A base image is fetched. */
void solve_tell_pull(struct solve_tell *t, const char *ref);
void solve_tell_pulling(struct solve_tell *t, const struct image_progress *p);
void solve_tell_pulled(struct solve_tell *t, const char *failed);
/* The end of what an output of the client's takes: begin with failed NULL and over false. */
void solve_tell_sending(struct solve_tell *t, bool over, const char *failed);

/* All that began is over. The error gets the words of BuildKit where it was a command of the Dockerfile; the answer gets where in the
 * Dockerfile it stands (excerpt.h). */
void solve_tell_failed(struct solve_tell *t, struct err *err, yyjson_mut_doc *answer);
void solve_tell_made(struct solve_tell *t, const struct build_result *result);
