/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/quoted.h"

#include "face/compose/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct decode {
	const char *raw;
	size_t n, i;
	char *text, *out;
	char *kept; /* blanks before this place were written as escapes and stay */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_break(char c)
{
	return c == '\n' || c == '\r';
}

/* Skips breaks and the blanks around them; returns the number of breaks. */
static size_t skip_breaks(struct decode *d)
{
	size_t breaks = 0;

	while (d->i < d->n && (is_break(d->raw[d->i]) || is_blank(d->raw[d->i]))) {
		if (is_break(d->raw[d->i])) {
			breaks++;
			d->i += d->raw[d->i] == '\r' && d->i + 1 < d->n && d->raw[d->i + 1] == '\n';
		}
		d->i++;
	}
	return breaks;
}

static void put_newlines(struct decode *d, size_t n)
{
	for (; n > 0; n--)
		*d->out++ = '\n';
}

/* Line folding: one break is a blank, each further one a newline; blanks on both sides go. */
static void fold(struct decode *d)
{
	size_t breaks;

	while (d->out > d->kept && is_blank(d->out[-1]))
		d->out--;
	breaks = skip_breaks(d);
	if (breaks == 1)
		*d->out++ = ' ';
	else
		put_newlines(d, breaks - 1);
}

/* A code point as UTF-8; what is none becomes U+FFFD. */
static void put_code(struct decode *d, uint32_t c)
{
	if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		c = 0xfffd;
	if (c < 0x80) {
		*d->out++ = (char)c;
		return;
	}
	if (c < 0x800) {
		*d->out++ = (char)(0xc0 | c >> 6);
	} else if (c < 0x10000) {
		*d->out++ = (char)(0xe0 | c >> 12);
		*d->out++ = (char)(0x80 | (c >> 6 & 0x3f));
	} else {
		*d->out++ = (char)(0xf0 | c >> 18);
		*d->out++ = (char)(0x80 | (c >> 12 & 0x3f));
		*d->out++ = (char)(0x80 | (c >> 6 & 0x3f));
	}
	*d->out++ = (char)(0x80 | (c & 0x3f));
}

/* `digits` hexadecimal digits at d->i; UINT32_MAX when they are not there. */
static uint32_t take_hex(struct decode *d, size_t digits)
{
	uint32_t value = 0;

	if (d->n - d->i < digits)
		return UINT32_MAX;
	for (size_t k = 0; k < digits; k++) {
		char c = d->raw[d->i + k];
		uint32_t digit = c >= '0' && c <= '9'	? (uint32_t)(c - '0')
				 : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
				 : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
							: 16;

		if (digit == 16)
			return UINT32_MAX;
		value = value << 4 | digit;
	}
	d->i += digits;
	return value;
}

/* JSON writes what is beyond U+FFFF as two surrogates. */
static uint32_t take_low_surrogate(struct decode *d, uint32_t high)
{
	size_t back = d->i;
	uint32_t low;

	if (high < 0xd800 || high >= 0xdc00 || d->n - d->i < 6 || d->raw[d->i] != '\\' || d->raw[d->i + 1] != 'u')
		return high;
	d->i += 2;
	low = take_hex(d, 4);
	if (low >= 0xdc00 && low < 0xe000)
		return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
	d->i = back;
	return high;
}

static void put_escape(struct decode *d, char c)
{
	static const char letters[] = "0abt\tnvfre \"/\\N_LP";
	static const uint32_t codes[] = {0,    7,   8,	 '\t', '\t', '\n', 0x0b, 0x0c,	 '\r',
					 0x1b, ' ', '"', '/',  '\\', 0x85, 0xa0, 0x2028, 0x2029};
	const char *at = c ? strchr(letters, c) : NULL;

	if (at)
		put_code(d, codes[at - letters]);
	else if (c == 'x')
		put_code(d, take_hex(d, 2));
	else if (c == 'u')
		put_code(d, take_low_surrogate(d, take_hex(d, 4)));
	else if (c == 'U')
		put_code(d, take_hex(d, 8));
	else
		put_code(d, 0xfffd);
}

/* d->i is on the backslash. At the end of a line it joins the lines without a blank. */
static void take_escape(struct decode *d)
{
	char c;

	d->i++;
	if (d->i < d->n && is_break(d->raw[d->i])) {
		put_newlines(d, skip_breaks(d) - 1);
	} else {
		c = d->i < d->n ? d->raw[d->i++] : '\0';
		put_escape(d, c);
	}
	d->kept = d->out;
}

static struct decode begin(struct arena *a, const char *raw, size_t n)
{
	/* the longest growth: the two bytes of "\L" become three */
	char *text = arena_alloc(a, n + n / 2 + 4);

	return (struct decode){.raw = raw, .n = n, .text = text, .out = text, .kept = text};
}

static char *end(struct decode *d, size_t *ret_len)
{
	*d->out = '\0';
	*ret_len = (size_t)(d->out - d->text);
	return d->text;
}

char *quoted_single(struct arena *a, const char *raw, size_t n, size_t *ret_len)
{
	struct decode d = begin(a, raw, n);

	while (d.i < n) {
		if (is_break(raw[d.i])) {
			fold(&d);
			continue;
		}
		*d.out++ = raw[d.i];
		d.i += raw[d.i] == '\'' && d.i + 1 < n && raw[d.i + 1] == '\'' ? 2 : 1;
	}
	return end(&d, ret_len);
}

char *quoted_double(struct arena *a, const char *raw, size_t n, size_t *ret_len)
{
	struct decode d = begin(a, raw, n);

	while (d.i < n) {
		if (is_break(raw[d.i]))
			fold(&d);
		else if (raw[d.i] == '\\')
			take_escape(&d);
		else
			*d.out++ = raw[d.i++];
	}
	return end(&d, ret_len);
}

char *quoted_plain(struct arena *a, const char *raw, size_t n, size_t *ret_len)
{
	struct decode d = begin(a, raw, n);

	while (d.i < n) {
		if (is_break(raw[d.i]))
			fold(&d);
		else
			*d.out++ = raw[d.i++];
	}
	return end(&d, ret_len);
}
