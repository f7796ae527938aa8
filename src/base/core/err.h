/* SPDX-License-Identifier: Apache-2.0
 *
 * err: one error value for the whole program.
 *
 * An error is made where it happens, with what was tried and on what, and is passed up unchanged. Only the edges (the
 * command line, the HTTP reply, the log line of a background action) print it.
 *
 * A function that can fail takes `struct err *err` last and returns a negative errno number (-ENOENT, -EINVAL ...) with
 * *err filled in; 0 or a positive number is success. `err` may be NULL for a caller that needs the number alone. A function that
 * fails has no side effects unless its comment says so. Outputs (`ret_...`) are written on success only.
 *
 * The errno numbers are the classes of error that an edge turns into an HTTP status or an exit code:
 *   EINVAL the user's input is wrong, ENOENT what was named is not there, EEXIST and EBUSY a conflict with the present state,
 *   EPERM and EACCES not allowed, ENOSPC and EDQUOT no room, E2BIG and EFBIG over a limit, everything else is our failure.
 */
#pragma once

#include <errno.h>
#include <stdarg.h>

#define ERR_TEXT_MAX 1024

struct err {
	int code;	  /* positive errno number, 0 = no error */
	int line;	  /* where the error was made, for the log */
	const char *file; /* static string */
	char text[ERR_TEXT_MAX];
};

#define ERR_INIT                                                                                                       \
	{                                                                                                              \
		.code = 0                                                                                              \
	}

/* Sets *err to `code` (a positive errno number) and the formatted text. Always returns -code, so that
 * `return err_set(err, EINVAL, "...")` is one line. Text that does not fit is cut and ends in "...". */
#define err_set(err, code, ...) ERR_NEGATIVE(err_set_at((err), (code), __FILE__, __LINE__, __VA_ARGS__))

/* The same, and appends ": " and strerror(code): for a system call that failed. */
#define err_sys(err, code, ...) ERR_NEGATIVE(err_sys_at((err), (code), __FILE__, __LINE__, __VA_ARGS__))

/* The static analyser sees one file at a time: it has to be told that these calls never return 0. */
#ifdef __clang_analyzer__
#define ERR_NEGATIVE(call) ((void)(call), -EINVAL)
#else
#define ERR_NEGATIVE(call) (call)
#endif

int err_set_at(struct err *err, int code, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
int err_sys_at(struct err *err, int code, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* Puts the formatted text and ": " before the text of an error that is already set; once per layer at the most.
 * Returns -err->code (or -EINVAL when err is NULL or not set, which is a bug of the caller). */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Forgets the error. */
void err_clear(struct err *err);
