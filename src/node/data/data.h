/* SPDX-License-Identifier: Apache-2.0
 *
 * data: staging of files between named data spaces and a task's directory. A space is a directory descriptor; both sides are
 * untrusted: all access is by descriptor (FS_BENEATH, no symbolic link followed on the way out of a task's directory).
 * These calls block and copy: they run in a monitor process, never on the daemon's loop.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct err;

/* One entry of stage_in or stage_out. Patterns are relative, with * ? [..] within a component and ** across components. */
struct data_rule {
	const char *space;	   /* its name, for messages */
	char **include, **exclude; /* include NULL or empty = everything */
	const char *to;		   /* directory at the destination, NULL = its top */
};

struct data_stats {
	uint64_t files, bytes;
};

/* Copies what the rule selects from one directory tree to another, keeping relative paths and modes, making directories, replacing files
 * atomically (temporary name + rename), so that a repeated or concurrent staging is harmless. copy_file_range/reflink where possible.
 * An include pattern without wildcards that matches nothing is an error (-ENOENT, names pattern and space); with wildcards it is not.
 * Symbolic links are copied as links only when they stay inside; sockets, FIFOs and devices are refused. */
int data_copy(int from, int to, const struct data_rule *rule, struct data_stats *ret, struct err *err);

/* The relative paths of regular files that match a glob, sorted bytewise; at most `limit` (-E2BIG past it). The caller frees with mem_strv_free. */
int data_glob(int space, const char *pattern, size_t limit, char ***ret, struct err *err);

/* True when the pattern is well formed and cannot leave its directory (no leading '/', no ".." component). */
int data_pattern_check(const char *pattern, struct err *err);
