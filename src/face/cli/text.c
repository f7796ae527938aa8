/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/text.h"

#include "base/core/buf.h"
#include "base/core/mem.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

struct range {
	uint32_t first, last;
};

/* Code points that act on a terminal or on the order of what stands beside them. */
static const struct range unsafe[] = {
    {0x00, 0x1f},     {0x7f, 0x9f},	{0x61c, 0x61c},	  {0x200b, 0x200f},
    {0x2028, 0x202e}, {0x2060, 0x2069}, {0xfeff, 0xfeff}, {0xe0000, 0xe007f},
};
static const struct range wide[] = {{0x1100, 0x115f},	{0x2e80, 0x303e},   {0x3041, 0xa4cf},	{0xac00, 0xd7a3},
				    {0xf900, 0xfaff},	{0xfe30, 0xfe6f},   {0xff00, 0xff60},	{0xffe0, 0xffe6},
				    {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd}};
static const struct range zero_wide[] = {{0x300, 0x36f}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}};

static bool within(const struct range *ranges, size_t n, uint32_t c)
{
	for (size_t i = 0; i < n; i++) {
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	}
	return false;
}
#define WITHIN(ranges, c) within((ranges), sizeof(ranges) / sizeof(ranges)[0], (c))

static int sequence_length(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead < 0xe0)
		return 2;
	if (lead >= 0xe0 && lead < 0xf0)
		return 3;
	return lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
}

/* The character at s: its length in bytes, 0 when it is no UTF-8, -1 when it may be one whose rest is yet to come. */
static int decode(const char *s, size_t n, uint32_t *ret)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	static const unsigned char lead_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	int len = sequence_length((unsigned char)s[0]);
	uint32_t c;

	if (len == 0)
		return 0;
	c = (unsigned char)s[0] & lead_bits[len];
	for (int i = 1; i < len; i++) {
		if ((size_t)i >= n)
			return -1;
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | ((unsigned char)s[i] & 0x3f);
	}
	if (c < least[len] || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		return 0;
	*ret = c;
	return len;
}

static void add_escape(struct buf *out, uint32_t c)
{
	if (c < 0x7f)
		buf_printf(out, "\\x%02" PRIx32, c);
	else if (c < 0x10000)
		buf_printf(out, "\\u%04" PRIx32, c);
	else
		buf_printf(out, "\\U%08" PRIx32, c);
}

/* Escapes whole characters; returns how many bytes at the end are the beginning of one that is not complete. */
static size_t escape(struct buf *out, const char *s, size_t n, const char *keep)
{
	size_t i = 0;

	while (i < n) {
		uint32_t c = 0;
		int len = decode(s + i, n - i, &c);

		if (len < 0)
			return n - i;
		if (len == 0)
			buf_printf(out, "\\x%02x", (unsigned char)s[i]);
		else if (WITHIN(unsafe, c) && !(c && c < 0x80 && strchr(keep, (int)c)))
			add_escape(out, c);
		else
			buf_add(out, s + i, (size_t)len);
		i += len ? (size_t)len : 1;
	}
	return 0;
}

static void escape_bytes(struct buf *out, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "\\x%02x", (unsigned char)s[i]);
}

void text_escape(struct buf *out, const char *s, size_t n)
{
	size_t rest = escape(out, s, n, "");

	escape_bytes(out, s + n - rest, rest);
}

char *text_escaped(const char *s)
{
	struct buf out = BUF_INIT;

	if (s)
		text_escape(&out, s, strlen(s));
	return out.data ? buf_take(&out) : mem_strdup("");
}

/* A carriage return is dropped before a newline only; it is held back until the next byte is known. */
static size_t held_back(const char *s, size_t n)
{
	return n > 0 && s[n - 1] == '\r' ? 1 : 0;
}

static void filter_piece(struct text_filter *f, struct buf *out, const char *s, size_t n)
{
	size_t end = n - held_back(s, n), start = 0, rest;

	for (size_t i = 0; i + 1 < end; i++) {
		if (s[i] != '\r' || s[i + 1] != '\n')
			continue;
		rest = escape(out, s + start, i - start, "\n\t");
		escape_bytes(out, s + i - rest, rest);
		start = i + 1;
	}
	rest = escape(out, s + start, end - start, "\n\t");
	if (rest > 0 && end < n) { /* an unfinished character and then a carriage return: it will never be finished */
		escape_bytes(out, s + end - rest, rest);
		rest = 0;
	}
	f->n = rest + (n - end);
	memcpy(f->carry, s + n - f->n, f->n);
}

void text_filter_add(struct text_filter *f, struct buf *out, const char *s, size_t n)
{
	char joined[8];

	/* What is carried is at the most 3 bytes: it is completed from the first bytes of the new piece. */
	while (f->n > 0 && n > 0) {
		size_t had = f->n;

		memcpy(joined, f->carry, had);
		joined[had] = *s++;
		n--;
		filter_piece(f, out, joined, had + 1);
	}
	if (n > 0)
		filter_piece(f, out, s, n);
}

void text_filter_end(struct text_filter *f, struct buf *out)
{
	escape_bytes(out, f->carry, f->n);
	f->n = 0;
}

static size_t columns_of(uint32_t c)
{
	if (WITHIN(zero_wide, c))
		return 0;
	return WITHIN(wide, c) ? 2 : 1;
}

size_t text_cut(const char *s, size_t columns)
{
	size_t n = strlen(s), i = 0, used = 0;

	while (i < n) {
		uint32_t c = 0;
		int len = decode(s + i, n - i, &c);
		size_t w = columns_of(c);

		if (used + w > columns)
			break;
		used += w;
		i += len > 0 ? (size_t)len : 1;
	}
	return i;
}

size_t text_width(const char *s)
{
	size_t n = strlen(s), i = 0, used = 0;

	while (i < n) {
		uint32_t c = 0;
		int len = decode(s + i, n - i, &c);

		used += columns_of(c);
		i += len > 0 ? (size_t)len : 1;
	}
	return used;
}

char *text_duration(char text[static TEXT_MAX], int64_t ms)
{
	static const struct {
		int64_t from, unit, part; /* seconds */
		const char *unit_name, *part_name;
	} forms[] = {{86400, 86400, 3600, "d", "h"}, {3600, 3600, 60, "h", "min"}, {60, 60, 1, "min", "s"}};
	int64_t s = ms / 1000, part;

	if (ms < 10000) {
		snprintf(text, TEXT_MAX, "%.1f s", ms > 0 ? (double)ms / 1000 : 0.0);
		return text;
	}
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		if (s < forms[i].from)
			continue;
		part = s % forms[i].unit / forms[i].part;
		if (part)
			snprintf(text, TEXT_MAX, "%" PRId64 " %s %" PRId64 " %s", s / forms[i].unit, forms[i].unit_name,
				 part, forms[i].part_name);
		else
			snprintf(text, TEXT_MAX, "%" PRId64 " %s", s / forms[i].unit, forms[i].unit_name);
		return text;
	}
	snprintf(text, TEXT_MAX, "%" PRId64 " s", s);
	return text;
}

char *text_ago(char text[static TEXT_MAX], int64_t then_ms, int64_t now_ms)
{
	static const struct {
		int64_t unit;
		const char *name;
	} units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
	int64_t s = (now_ms - then_ms) / 1000;

	if (then_ms <= 0) {
		snprintf(text, TEXT_MAX, "-");
		return text;
	}
	snprintf(text, TEXT_MAX, "just now");
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (s < units[i].unit)
			continue;
		snprintf(text, TEXT_MAX, "%" PRId64 " %s ago", s / units[i].unit, units[i].name);
		break;
	}
	return text;
}

char *text_size(char text[static TEXT_MAX], uint64_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes / 1024;
	size_t i = 0;

	if (bytes < 1024) {
		snprintf(text, TEXT_MAX, "%" PRIu64 " B", bytes);
		return text;
	}
	while (value >= 1024 && i + 1 < sizeof units / sizeof units[0]) {
		value /= 1024;
		i++;
	}
	snprintf(text, TEXT_MAX, value < 100 ? "%.1f %s" : "%.0f %s", value, units[i]);
	return text;
}

char *text_id(const char *id)
{
	const char *hex = id;
	size_t n;

	if (!id)
		return mem_strdup("");
	if (strncmp(id, "sha256:", 7) == 0)
		hex = id + 7;
	n = strspn(hex, "0123456789abcdef");
	if (n > TEXT_ID && hex[n] == '\0')
		return mem_strndup(hex, TEXT_ID);
	return text_escaped(id);
}

static void print_line(FILE *to, const char *start, const char *text)
{
	mem_cleanup char *safe = text_escaped(text);

	fprintf(to, "%s%s\n", start, safe);
}

void text_line(FILE *to, const char *fmt, ...)
{
	mem_cleanup char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = mem_vprintf(fmt, ap);
	va_end(ap);
	print_line(to, "", text);
}

void text_error(const char *fmt, ...)
{
	mem_cleanup char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = mem_vprintf(fmt, ap);
	va_end(ap);
	(void)fflush(stdout); /* so that the two appear in the order in which they were said */
	print_line(stderr, "berth: ", text);
}

void text_raw_line(FILE *to, const char *s, size_t n)
{
	struct text_filter filter = {.n = 0};
	buf_cleanup struct buf safe = BUF_INIT;

	if (isatty(fileno(to))) {
		text_filter_add(&filter, &safe, s, n);
		text_filter_end(&filter, &safe);
		s = buf_str(&safe);
		n = safe.len;
	}
	fwrite(s, 1, n, to);
	fputc('\n', to);
}
