/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/log.h"

#include "base/core/err.h"
#include "base/core/fd.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

static enum log_level max_level = LOG_INFO;

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

void log_at(enum log_level level, const char *fmt, ...)
{
	char text[LINE_MAX_BYTES], line[LINE_MAX_BYTES * 2];
	size_t n = 0;
	va_list ap;

	if (level > max_level)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (!isatty(STDERR_FILENO))
		n = (size_t)snprintf(line, sizeof line, "<%d>", (int)level);
	n += escape(line + n, sizeof line - n, text);
	/* A log that cannot be written has nowhere to be reported. */
	(void)fd_write_all(STDERR_FILENO, line, n);
}

void log_err(const struct err *err, const char *what)
{
	if (max_level >= LOG_DEBUG && err->file)
		log_error("%s: %s (%s:%d)", what, err->text, err->file, err->line);
	else
		log_error("%s: %s", what, err->text);
}
