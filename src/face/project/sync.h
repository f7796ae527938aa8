/* SPDX-License-Identifier: Apache-2.0
 *
 * sync: files of this machine into containers that run, one by one, as `berth compose watch` does.
 */
#pragma once

struct err;
struct project;

/* What is at `path` now (no directory), as `target` in the container, with the directories that lead there; when it is not there any more `target` is
 * removed. */
int sync_path(struct project *p, const char *container, const char *path, const char *target, struct err *err);
