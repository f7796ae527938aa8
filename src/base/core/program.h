/* SPDX-License-Identifier: Apache-2.0
 *
 * program: another program with a little input, whose output, errors and end the loop waits for. For helpers of the user (a script that makes machines), not for
 * containers.
 *
 * It is the leader of a process group of its own. When its time is over the group gets SIGTERM, and SIGKILL KILL_MS later. What it leaves running in the
 * background after its own end is left alone, and what that writes is not waited for.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct loop;
struct program;

#define PROGRAM_INPUT_MAX 32768 /* fits a pipe: nobody has to wait for its reader */
#define PROGRAM_ERRORS_MAX 4096 /* the last bytes of standard error that are kept */

struct program_options {
	const char *path;  /* absolute */
	char *const *argv; /* NULL-terminated */
	char *const *env;  /* "NAME=value" beside our own environment, or NULL */
	const char *input; /* its standard input */
	size_t n_input;
	size_t output_max; /* bytes of standard output; more ends it */
	int64_t timeout_ms;
};

/* How it ended. The texts are NUL-terminated and valid during the call. */
struct program_end {
	int code;	/* exit code, or -1 */
	int signal;	/* that ended it, or 0 */
	bool timed_out; /* it was ended by us for its time, */
	bool too_long;	/* or for its output */
	const char *output;
	size_t n_output;
	const char *errors; /* as one line */
};
typedef void (*program_fn)(void *ctx, const struct program_end *end);

/* fn is called once, on the loop; *ret is freed after it. A program that is not there is an error of this call. Everything is copied. */
int program_start(struct loop *l, const struct program_options *o, program_fn fn, void *ctx, struct program **ret,
		  struct err *err);
/* Ends it (SIGKILL to the group) and waits; fn is not called. Takes NULL, returns NULL. */
struct program *program_kill(struct program *p);
/* "exit code 3: no such image", "no answer within 5 s: ..." in n bytes; "" for an end with code 0. */
void program_end_text(const struct program_end *end, int64_t timeout_ms, char *text, size_t n);
