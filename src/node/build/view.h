/* SPDX-License-Identifier: Apache-2.0
 *
 * view: looks into the root of a stage as it stands before a step: the layers below, read only, which nobody changes meanwhile. A view is a
 * directory descriptor; -1 is the empty root of `FROM scratch`.
 *
 * Paths come from Dockerfiles and links from images: they are resolved here, one component after the other, so that "..", absolute links and
 * links to links never leave the root. What is resolved is called a plain path: no leading slash, no "." or "..", no link in it; "" is the root.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

struct err;

#define VIEW_LINKS_MAX 255

/* The plain path of `path`, the caller's. The part that is not there is taken as it is written. `follow_last` false leaves a link at the end
 * alone. -ELOOP after VIEW_LINKS_MAX links, -ENAMETOOLONG. */
int view_resolve(int view, const char *path, bool follow_last, char **ret, struct err *err);

/* Opens a plain path without following anything; -1 when it is not there (or below something that is no directory), else a negative errno
 * with *err set or a descriptor. `flags` as open(2). */
#define VIEW_ABSENT (-ENOENT)
int view_open(int view, const char *plain, int flags);

/* 1 it is there, 0 it is not, or a negative errno. */
int view_stat(int view, const char *plain, struct stat *ret, struct err *err);
