/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"

#include <stdio.h>
#include <string.h>

static void mark_cut(struct err *err)
{
	memcpy(err->text + sizeof err->text - 4, "...", 4);
}

__attribute__((format(printf, 5, 0))) static size_t set_text(struct err *err, int code, const char *file, int line,
							     const char *fmt, va_list ap)
{
	int n;

	err->code = code;
	err->file = file;
	err->line = line;
	n = vsnprintf(err->text, sizeof err->text, fmt, ap);
	if (n < 0) {
		err->text[0] = '\0';
		return 0;
	}
	if ((size_t)n >= sizeof err->text) {
		mark_cut(err);
		return sizeof err->text - 1;
	}
	return (size_t)n;
}

int err_set_at(struct err *err, int code, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	if (err) {
		va_start(ap, fmt);
		set_text(err, code, file, line, fmt, ap);
		va_end(ap);
	}
	return -code;
}

int err_sys_at(struct err *err, int code, const char *file, int line, const char *fmt, ...)
{
	va_list ap;
	size_t used;
	int n;

	if (err) {
		va_start(ap, fmt);
		used = set_text(err, code, file, line, fmt, ap);
		va_end(ap);
		n = snprintf(err->text + used, sizeof err->text - used, ": %s", strerror(code));
		if (n < 0 || (size_t)n >= sizeof err->text - used)
			mark_cut(err);
	}
	return -code;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	char old[ERR_TEXT_MAX];
	va_list ap;
	size_t used;
	int n;

	if (!err || !err->code)
		return -EINVAL;
	memcpy(old, err->text, sizeof old);
	va_start(ap, fmt);
	used = set_text(err, err->code, err->file, err->line, fmt, ap);
	va_end(ap);
	n = snprintf(err->text + used, sizeof err->text - used, ": %s", old);
	if (n < 0 || (size_t)n >= sizeof err->text - used)
		mark_cut(err);
	return -err->code;
}

void err_clear(struct err *err)
{
	if (err)
		*err = (struct err)ERR_INIT;
}
