/* SPDX-License-Identifier: Apache-2.0
 *
 * data: staging of files between named data spaces and a task's directory. A space is a directory descriptor; both sides are
 * untrusted: all access is by descriptor, one component at a time, and no symbolic link is followed on either side.
 * These calls block and copy: they run in a monitor process, never on the daemon's loop.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

#define DATA_DEPTH_MAX 128	  /* directories below the top */
#define DATA_ENTRIES_MAX 10000000 /* looked at in one call */

struct data_owner {
	uid_t uid;
	gid_t gid;
};

/* One entry of stage_in or stage_out. Patterns are relative, with * ? [..] within a component and ** across components (glob.h).
 * `include`: a pattern without wildcards selects that file, or that directory with everything below it; one with wildcards selects the
 * files and links whose whole path matches it ("*.txt" at the top only, "**" + "/x.txt" at any depth, "dir/" + "**" all below dir).
 * `exclude`: what matches is left out; a directory that matches is left out with everything below it. */
struct data_rule {
	const char *space;	   /* its name, for messages */
	char **include, **exclude; /* include NULL or empty = everything */
	const char *to;		   /* directory at the destination, made when missing; NULL = its top */
	/* Whose the new files and directories are (the container's user, for stage_in); NULL = the copying process's */
	const struct data_owner *owner;
};

struct data_stats {
	uint64_t files, bytes;
};

/* Copies what the rule selects from one directory tree to another, keeping relative paths and modes (setuid, setgid and sticky bits are
 * dropped), making directories, replacing files atomically (temporary name + rename), so that a repeated or concurrent staging is
 * harmless. Reflink or copy_file_range where possible; holes stay holes. Nothing is synced: who records the copy as done calls syncfs(2)
 * before. An include pattern without wildcards that matches nothing is an error (-ENOENT, names pattern and space); with wildcards it is
 * not. Symbolic links are copied as links only when they stay inside: a relative target, ".." only at its front and not above the top
 * (-EXDEV). Sockets, FIFOs and devices are refused (-EINVAL) without being opened. A failure leaves the files copied so far, each whole,
 * and no temporary file; -ENOSPC names the file. Nested deeper than DATA_DEPTH_MAX, or a copy of a tree into itself: -ELOOP. */
int data_copy(int from, int to, const struct data_rule *rule, struct data_stats *ret, struct err *err);

/* The relative paths of regular files that match a glob, sorted bytewise; at most `limit` (-E2BIG past it). The caller frees with
 * mem_strv_free. */
int data_glob(int space, const char *pattern, size_t limit, char ***ret, struct err *err);

/* 0 when the pattern is well formed and cannot leave its directory (no leading '/', no ".." component), or -EINVAL. */
int data_pattern_check(const char *pattern, struct err *err);
