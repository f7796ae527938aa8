/* SPDX-License-Identifier: Apache-2.0
 *
 * context_tar: the context of a build as a tar for a daemon: what .dockerignore leaves of a directory, everything root's, and the Dockerfile, wherever it
 * comes from, as CONTEXT_TAR_FILE, in a folder that the daemon hides again from COPY.
 */
#pragma once

struct context;
struct err;

#define CONTEXT_TAR_FOLDER ".berth-build"
#define CONTEXT_TAR_FILE CONTEXT_TAR_FOLDER "/Dockerfile"

/* Of a directory that context_open() opened. -EPIPE: the reader has enough. */
int context_tar_write(const struct context *c, int fd, struct err *err);
