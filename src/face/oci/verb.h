/* SPDX-License-Identifier: Apache-2.0
 *
 * verb: what each verb's file gives to the table in oci.c, and what it gets.
 */
#pragma once

#include "face/cli/options.h"
#include "node/oci/container.h"

#include <stddef.h>

struct err;

enum { OCI_FAILED = 1, OCI_EXEC_FAILED = 255 };

struct oci_verb {
	const char *name, *usage, *summary;
	const struct option_spec *options; /* NULL: none */
	size_t values_size;		   /* of the struct that they fill */
	const void *defaults;		   /* NULL: zeroes */
	size_t least, most;		   /* arguments */
	bool stop;			   /* options end at the first argument */
	bool guarded; /* puts a process into a container: runs from a read-only view of the program */
	bool no_root; /* is about no container: needs no folder of states */
	bool enters;  /* makes a container: an ordinary user needs a user namespace of his own first */
	int failed;   /* exit status; 0: OCI_FAILED */
	/* Where the number of descriptors to keep stands in the values, or 0; it is never first. */
	size_t preserve_offset;
	/* Returns the exit status, or a negative errno with *err set. */
	int (*run)(const struct oci_runtime *rt, void *values, char **operands, struct err *err);
};

extern const struct oci_verb verb_checkpoint, verb_create, verb_delete, verb_events, verb_exec, verb_features,
    verb_kill, verb_list, verb_pause, verb_ps, verb_restore, verb_resume, verb_run, verb_spec, verb_start, verb_state,
    verb_update;

/* Descriptors of socket activation that are for us (sd_listen_fds(3)); found before anything is opened. */
unsigned oci_listen_fds(void);

/* Writes to standard output. 0 or a negative errno with *err set. */
int oci_print(const char *text, struct err *err);
/* Calls fn for the container `name` or, with `regex`, for each whose name that (extended, whole) expression matches. */
int oci_each_named(const struct oci_runtime *rt, const char *name, bool regex,
		   int (*fn)(const struct oci_runtime *rt, const char *id, void *ctx, struct err *err), void *ctx,
		   struct err *err);
