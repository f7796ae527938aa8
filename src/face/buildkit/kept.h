/* SPDX-License-Identifier: Apache-2.0
 *
 * kept: a directory of the client as it came last, so that only what differs comes again. In a directory of the build cache (cache_context()):
 *
 *   fs/     the files
 *   list    what the client said of each; it is gone while fs/ changes, and of no worth after a start of the machine: nobody waits for the disk
 *   next    the list that is to be, until fs/ is as it says
 *   size    bytes of all contents
 *
 * The same is what has the same name, type, mode, size, link and time to the nanosecond, as for BuildKit's own client and builder.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define KEPT_LIST_MAX (64u << 20) /* what is longer is not kept */

struct err;
struct kept;

struct kept_entry {
	const char *path, *link;
	uint64_t size;
	int64_t mtime_ns;
	uint32_t major, minor;
	mode_t mode;
};

/* dir stays the caller's. What is there without a list goes; *ret is for kept_close(). */
int kept_open(int dir, struct kept **ret, struct err *err);
/* Of each entry that the client tells: true = it is there as it was. Hard links never are: what they lead to may be another file now. */
bool kept_entry(struct kept *k, const struct kept_entry *e);
/* After all of them: what is not the same is removed. */
int kept_clear(struct kept *k, struct err *err);
/* Writes "next" and "size" when well. Takes NULL. */
struct kept *kept_close(struct kept *k, bool well);
