/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/plan_impl.h"

#include "base/core/buf.h"
#include "base/core/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static char *keep_buf(struct keep *k, struct buf *b)
{
	size_t n = b->len;
	char *s = b->data ? buf_take(b) : mem_strdup("");

	return keep_own(k, s, n + 1);
}

static void add_joined(struct buf *out, char *const *v)
{
	for (size_t i = 0; v && v[i]; i++) {
		if (i)
			buf_addc(out, ' ');
		buf_adds(out, v[i]);
	}
}

char *plan_text_join(struct keep *k, char *const *v)
{
	buf_cleanup struct buf out = BUF_INIT;

	add_joined(&out, v);
	return keep_buf(k, &out);
}

char *plan_text_list(struct keep *k, const char *before, char *const *v)
{
	buf_cleanup struct buf out = BUF_INIT;

	buf_printf(&out, "%s [", before);
	add_joined(&out, v);
	buf_addc(&out, ']');
	return keep_buf(k, &out);
}

static void add_quoted(struct buf *out, const char *s)
{
	static const char names[] = "abtnvfr"; /* \a is 7, \r 13 */

	buf_addc(out, '"');
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (c >= 7 && c <= 13)
			buf_printf(out, "\\%c", names[c - 7]);
		else if (c < 32 || c == 127)
			buf_printf(out, "\\x%02x", c);
		else
			buf_addc(out, *s);
	}
	buf_addc(out, '"');
}

char *plan_text_quoted(struct keep *k, const char *before, char *const *v)
{
	buf_cleanup struct buf out = BUF_INIT;

	buf_printf(&out, "%s [", before);
	for (size_t i = 0; v && v[i]; i++) {
		if (i)
			buf_addc(&out, ' ');
		add_quoted(&out, v[i]);
	}
	buf_addc(&out, ']');
	return keep_buf(k, &out);
}

/* "1h2m3.5s", "300ms", "0s" */
static void add_duration(struct buf *out, const char *name, int64_t ns)
{
	char fraction[16];
	size_t n;

	buf_printf(out, " %s:", name);
	if (ns < 1000000000) {
		if (ns == 0)
			buf_adds(out, "0s");
		else if (ns % 1000000 == 0)
			buf_printf(out, "%" PRId64 "ms", ns / 1000000);
		else
			buf_printf(out, "%gms", (double)ns / 1e6);
		return;
	}
	if (ns >= 3600 * INT64_C(1000000000))
		buf_printf(out, "%" PRId64 "h", ns / 1000000000 / 3600);
	if (ns >= 60 * INT64_C(1000000000))
		buf_printf(out, "%" PRId64 "m", ns / 1000000000 / 60 % 60);
	buf_printf(out, "%" PRId64, ns / 1000000000 % 60);
	n = (size_t)snprintf(fraction, sizeof(fraction), ".%09" PRId64, ns % 1000000000);
	while (n && (fraction[n - 1] == '0' || fraction[n - 1] == '.'))
		fraction[--n] = '\0';
	buf_printf(out, "%ss", fraction);
}

char *plan_text_health(struct keep *k, const struct build_health *h)
{
	buf_cleanup struct buf out = BUF_INIT;

	buf_adds(&out, "HEALTHCHECK {Test:[");
	add_joined(&out, h->test);
	buf_addc(&out, ']');
	add_duration(&out, "Interval", h->interval);
	add_duration(&out, "Timeout", h->timeout);
	add_duration(&out, "StartPeriod", h->start_period);
	add_duration(&out, "StartInterval", h->start_interval);
	buf_printf(&out, " Retries:%d}", h->retries);
	return keep_buf(k, &out);
}

/* Adds the components of a path to one that is absolute and clean ("" = the root). */
static void add_path(struct buf *out, const char *path)
{
	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && path[0] == '.' && path[1] == '.') {
			while (out->len && out->data[--out->len] != '/')
				;
			if (out->data)
				out->data[out->len] = '\0';
		} else if (n && !(n == 1 && *path == '.')) {
			buf_addc(out, '/');
			buf_add(out, path, n);
		}
		path += n + (path[n] == '/');
	}
}

char *plan_text_path(struct keep *k, const char *dir, const char *path)
{
	buf_cleanup struct buf out = BUF_INIT;

	if (*path != '/')
		add_path(&out, dir);
	add_path(&out, path);
	if (!out.len)
		buf_addc(&out, '/');
	return keep_buf(k, &out);
}

static const char *normal_arch(const char *arch)
{
	static const char *const same[][2] = {
	    {"x86_64", "amd64"}, {"x86-64", "amd64"}, {"aarch64", "arm64"}, {"armhf", "arm"}, {"i386", "386"}};

	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
		if (!strcmp(same[i][0], arch))
			return same[i][1];
	return arch;
}

static bool part_ok(const char *s)
{
	return *s && strlen(s) <= 64 &&
	       !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")];
}

bool plan_text_platform(struct keep *k, const char *text, char **os, char **arch, char **variant)
{
	char *rest = keep_str(k, text), *parts[3] = {NULL};
	size_t n = 0;

	for (char *part; (part = strsep(&rest, "/")) != NULL; n++) {
		if (n == 3 || !part_ok(part))
			return false;
		parts[n] = part;
	}
	if (n < 2)
		return false;
	*os = parts[0];
	*arch = keep_str(k, normal_arch(parts[1]));
	*variant = parts[2] ? parts[2] : keep_str(k, "");
	if ((!strcmp(*arch, "arm64") && !strcmp(*variant, "v8")) ||
	    (!strcmp(*arch, "amd64") && !strcmp(*variant, "v1")))
		*variant = keep_str(k, "");
	if (!strcmp(*arch, "arm") && !**variant)
		*variant = keep_str(k, "v7");
	return true;
}
