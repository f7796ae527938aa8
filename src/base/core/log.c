/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/log.h"

#include "base/core/err.h"
#include "base/core/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048
/* So much goes into a pipe whole or not at all. */
_Static_assert(LINE_MAX_BYTES * 2 <= PIPE_BUF, "a line may be torn");

static enum log_level max_level = LOG_INFO;
static bool waits = true; /* for whoever reads: until log_begin() */
static atomic_bool torn;  /* a terminal has taken a part of the last line */
static atomic_ullong lost;

void log_set_level(enum log_level level)
{
	max_level = level;
}

static size_t escape(char *out, size_t cap, const char *text)
{
	size_t n = 0;

	for (const unsigned char *p = (const unsigned char *)text; *p && n + 5 < cap; p++) {
		if (*p >= 0x20 && *p != 0x7f)
			out[n++] = (char)*p;
		else
			n += (size_t)snprintf(out + n, cap - n, "\\x%02x", *p);
	}
	out[n++] = '\n';
	return n;
}

void log_begin(void)
{
	fd_cleanup int fd = -1;
	struct stat st;

	waits = false;
	if (fstat(STDERR_FILENO, &st) < 0 || !(S_ISFIFO(st.st_mode) || isatty(STDERR_FILENO)))
		return;
	if (fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK)
		return;
	fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0)
		(void)dup2(fd, STDERR_FILENO);
}

/* A pipe or a terminal that could not be opened again: there is room for a line when poll says so, unless another process is quicker. */
static ssize_t write_now(const char *line, size_t n)
{
	struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
	ssize_t done = send(STDERR_FILENO, line, n, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (done >= 0 || errno != ENOTSOCK)
		return done;
	return poll(&p, 1, 0) == 1 ? write(STDERR_FILENO, line, n) : -1;
}

static bool put(const char *line, size_t n)
{
	ssize_t done;

	/* A log that cannot be written has nowhere to be reported. */
	if (waits) {
		(void)fd_write_all(STDERR_FILENO, line, n);
		return true;
	}
	done = write_now(line, n);
	if (done > 0)
		torn = (size_t)done < n;
	return done > 0;
}

static size_t format_line(char *line, size_t cap, enum log_level level, const char *text)
{
	size_t n = 0;

	if (torn)
		line[n++] = '\n';
	if (!isatty(STDERR_FILENO))
		n += (size_t)snprintf(line + n, cap - n, "<%d>", (int)level);
	return n + escape(line + n, cap - n, text);
}

/* What was dropped is told first, where it is missing. */
static bool tell_lost(void)
{
	unsigned long long n = atomic_exchange(&lost, 0);
	char text[128], line[sizeof text * 2];

	if (n == 0)
		return true;
	snprintf(text, sizeof text, "%llu lines of this log were dropped: standard error did not take them", n);
	if (put(line, format_line(line, sizeof line, LOG_WARNING, text)))
		return true;
	atomic_fetch_add(&lost, n);
	return false;
}

void log_at(enum log_level level, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES], line[LINE_MAX_BYTES * 2];
	va_list ap;

	if (level > max_level)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (!tell_lost() || !put(line, format_line(line, sizeof line, level, text)))
		atomic_fetch_add(&lost, 1);
}

void log_err(const struct err *err, const char *what)
{
	if (max_level >= LOG_DEBUG && err->file)
		log_error("%s: %s (%s:%d)", what, err->text, err->file, err->line);
	else
		log_error("%s: %s", what, err->text);
}
