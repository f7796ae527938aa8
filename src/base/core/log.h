/* SPDX-License-Identifier: Apache-2.0
 *
 * log: what the daemon tells its operator, on stderr, one line each. Library code returns errors; only edges call this.
 *
 * Under a service manager (stderr is not a terminal) each line starts with its sd-daemon priority, "<6>". Bytes below 0x20 are escaped,
 * so that a container's or a user's text cannot forge lines or move the cursor.
 *
 * After log_begin() nobody waits for whoever reads it: a line for which a pipe, a socket or a terminal has no room is dropped, and the next one
 * that finds room comes after one that tells how many were.
 */
#pragma once

struct err;

enum log_level { LOG_ERROR = 3, LOG_WARNING = 4, LOG_INFO = 6, LOG_DEBUG = 7 };

void log_set_level(enum log_level level); /* default LOG_INFO */
/* For a daemon, before it starts anybody: standard error becomes a description of its own of the same pipe or terminal that does not block, so
 * that others who have it (a shell) are not changed. What cannot be opened again (a socket, another user's terminal) stays, and is asked before each line. */
void log_begin(void);
void log_at(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

/* "<what>: <err text>", and where the error was made when the level is LOG_DEBUG. */
void log_err(const struct err *err, const char *what);
