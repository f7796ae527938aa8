/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/scalar.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NUMBER_MAX 64

static bool in_words(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(text, *words) == 0)
			return true;
	return false;
}

bool scalar_bool(const char *text, bool loose, bool *ret)
{
	static const char *const yes[] = {"true", "True", "TRUE", NULL}, *const no[] = {"false", "False", "FALSE",
											NULL};
	static const char *const loose_yes[] = {"y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "1", NULL};
	static const char *const loose_no[] = {"n", "N", "no", "No", "NO", "off", "Off", "OFF", "0", NULL};

	*ret = in_words(text, yes) || (loose && in_words(text, loose_yes));
	return *ret || in_words(text, no) || (loose && in_words(text, loose_no));
}

/* "1_000" without its underscores; false when it is too long or an underscore stands at an end. */
static bool plain_digits(const char *text, char out[static NUMBER_MAX])
{
	size_t n = 0, len = strlen(text);

	if (len == 0 || text[0] == '_' || text[len - 1] == '_')
		return false;
	for (const char *p = text; *p; p++) {
		if (*p == '_')
			continue;
		if (n + 1 >= NUMBER_MAX)
			return false;
		out[n++] = *p;
	}
	out[n] = '\0';
	return true;
}

bool scalar_int(const char *text, int64_t *ret)
{
	char digits[NUMBER_MAX], *p = digits, *end;
	bool negative;
	int base = 10;
	long long value;

	if (!plain_digits(text, digits))
		return false;
	negative = *p == '-';
	if (*p == '-' || *p == '+')
		p++;
	if (p[0] == '0' && p[1]) {
		base = p[1] == 'x' || p[1] == 'X' ? 16 : p[1] == 'b' || p[1] == 'B' ? 2 : 8;
		p += base != 8 || p[1] == 'o' || p[1] == 'O' ? 2 : 1;
	}
	/* no second sign or prefix, which strtoll() would take */
	if (!*p || strspn(p, "0123456789abcdefABCDEF") != strlen(p))
		return false;
	errno = 0;
	value = strtoll(p, &end, base);
	if (errno || *end)
		return false;
	*ret = negative ? -value : value;
	return true;
}

/* A decimal number at the start of *p: digits with at most one point. No sign, no exponent, no "inf". */
static bool take_decimal(const char **p, double *ret)
{
	char number[NUMBER_MAX];
	size_t n = 0, points = 0, digits = 0;

	for (; isdigit((unsigned char)**p) || **p == '.'; (*p)++) {
		if (n + 1 >= NUMBER_MAX)
			return false;
		number[n++] = **p;
		points += **p == '.';
		digits += **p != '.';
	}
	number[n] = '\0';
	if (points > 1 || digits == 0)
		return false;
	*ret = strtod(number, NULL);
	return true;
}

bool scalar_number(const char *text, double *ret)
{
	const char *p = text + (*text == '-' || *text == '+');
	int64_t whole;

	if (scalar_int(text, &whole)) {
		*ret = (double)whole;
		return true;
	}
	if (!take_decimal(&p, ret))
		return false;
	if (*p == 'e' || *p == 'E') {
		p += p[1] == '-' || p[1] == '+' ? 2 : 1;
		if (!isdigit((unsigned char)*p))
			return false;
		p += strspn(p, "0123456789");
	}
	/* the whole at once: a power of ten that is multiplied would not give the nearest number */
	*ret = strtod(text, NULL);
	return *p == '\0' && isfinite(*ret);
}

static bool read_duration(const char *text, bool exact, double *ret_ms)
{
	static const struct {
		const char *name;
		double ms;
	} units[] = {{"us", 0.001},	{"ms", 1},	    {"s", 1000},	  {"m", 60000},	   {"h", 3600000},
		     {"d", 86400000.0}, {"w", 604800000.0}, {"\xc2\xb5s", 0.001}, {"ns", 0.000001}};
	const double max = 10 * 366 * 86400000.0;
	double total = 0, number;
	const char *p = text;

	*ret_ms = 0;
	if (strcmp(text, "0") == 0)
		return true;
	do {
		size_t letters, i, n = sizeof units / sizeof *units - !exact;

		if (!take_decimal(&p, &number))
			return false;
		letters = strspn(p, "abcdefghijklmnopqrstuvwxyz\xc2\xb5");
		for (i = 0; i < n; i++)
			if (strlen(units[i].name) == letters && strncmp(p, units[i].name, letters) == 0)
				break;
		if (i == n)
			return false;
		total += number * units[i].ms;
		p += letters;
	} while (*p);
	*ret_ms = total;
	return total <= max;
}

bool scalar_duration(const char *text, int64_t *ret_ms)
{
	double total;

	if (!read_duration(text, false, &total))
		return false;
	/* half a thousandth of slack: 1.1s must not become 1101 ms by the binary fraction */
	*ret_ms = (int64_t)ceil(total - 0.0005);
	return true;
}

bool scalar_nanoseconds(const char *text, int64_t *ret_ns)
{
	double total;

	if (!read_duration(text, true, &total))
		return false;
	*ret_ns = (int64_t)llround(total * 1e6);
	return true;
}

bool scalar_size(const char *text, int64_t *ret_bytes)
{
	static const char letters[] = "bkmgtp";
	static const char *const tails[] = {"", "b", "ib"};
	const char *p = text, *unit;
	double number;
	size_t i;

	if (!take_decimal(&p, &number))
		return false;
	while (*p == ' ')
		p++;
	if (*p) {
		unit = strchr(letters, tolower((unsigned char)*p));
		if (!unit)
			return false;
		for (i = 0; i < 3; i++)
			if (strcasecmp(p + 1, tails[i]) == 0)
				break;
		if (i == 3 || (*unit == 'b' && i))
			return false;
		number = ldexp(number, 10 * (int)(unit - letters));
	}
	if (number > ldexp(1, 53))
		return false;
	*ret_bytes = (int64_t)number;
	return true;
}

bool scalar_cpus(const char *text, int64_t *ret_milli)
{
	const char *p = text;
	double number;

	if (!take_decimal(&p, &number) || *p || number > 1e6)
		return false;
	*ret_milli = (int64_t)ceil(number * 1000 - 0.0005);
	return true;
}

bool scalar_mode(const char *text, int64_t *ret)
{
	const char *p = text;
	char *end;
	long value;

	if (p[0] == '0' && (p[1] == 'o' || p[1] == 'O'))
		p += 2;
	if (strlen(p) == 0 || strlen(p) > 6 || strspn(p, "01234567") != strlen(p))
		return false;
	value = strtol(p, &end, 8);
	*ret = value;
	return value <= 07777;
}

static const struct {
	const char *name;
	int number;
} signals[] = {{"HUP", 1},   {"INT", 2},     {"QUIT", 3},  {"ILL", 4},	 {"TRAP", 5},	 {"ABRT", 6},  {"BUS", 7},
	       {"FPE", 8},   {"KILL", 9},    {"USR1", 10}, {"SEGV", 11}, {"USR2", 12},	 {"PIPE", 13}, {"ALRM", 14},
	       {"TERM", 15}, {"STKFLT", 16}, {"CHLD", 17}, {"CONT", 18}, {"STOP", 19},	 {"TSTP", 20}, {"TTIN", 21},
	       {"TTOU", 22}, {"URG", 23},    {"XCPU", 24}, {"XFSZ", 25}, {"VTALRM", 26}, {"PROF", 27}, {"WINCH", 28},
	       {"IO", 29},   {"PWR", 30},    {"SYS", 31}};

#define SIGNALS (sizeof signals / sizeof *signals)
#define RTMIN 34
#define RTMAX 64

static bool signal_of_number(int64_t number, char ret_name[static SCALAR_SIGNAL_MAX])
{
	for (size_t i = 0; i < SIGNALS; i++) {
		if (signals[i].number == number) {
			(void)snprintf(ret_name, SCALAR_SIGNAL_MAX, "SIG%s", signals[i].name);
			return true;
		}
	}
	if (number < RTMIN || number > RTMAX)
		return false;
	if (number == RTMIN)
		(void)snprintf(ret_name, SCALAR_SIGNAL_MAX, "SIGRTMIN");
	else
		(void)snprintf(ret_name, SCALAR_SIGNAL_MAX, "SIGRTMIN+%d", (int)number - RTMIN);
	return true;
}

static bool real_time_signal(const char *name, int64_t *ret)
{
	int64_t offset = 0;

	bool least = strncasecmp(name, "RTMIN", 5) == 0;

	if (!least && strncasecmp(name, "RTMAX", 5) != 0)
		return false;
	if (name[5] && (name[5] != (least ? '+' : '-') || !scalar_int(name + 6, &offset)))
		return false;
	if (offset < 0 || offset > RTMAX - RTMIN)
		return false;
	*ret = least ? RTMIN + offset : RTMAX - offset;
	return true;
}

bool scalar_signal(const char *text, char ret_name[static SCALAR_SIGNAL_MAX])
{
	const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
	int64_t number;

	if ((isdigit((unsigned char)*text) && scalar_int(text, &number)) || real_time_signal(name, &number))
		return signal_of_number(number, ret_name);
	for (size_t i = 0; i < SIGNALS; i++)
		if (strcasecmp(signals[i].name, name) == 0)
			return signal_of_number(signals[i].number, ret_name);
	return false;
}

int scalar_signal_number(const char *name)
{
	char other[SCALAR_SIGNAL_MAX];

	for (int n = 1; n <= RTMAX; n++)
		if (signal_of_number(n, other) && strcmp(other, name) == 0)
			return n;
	return 0;
}

/* Length of the sequence at p, 0 when it is none. */
static size_t sequence(const unsigned char *p, size_t n)
{
	unsigned char c = p[0];
	size_t len = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;

	if (len == 0 || len > n)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f) || (c == 0xf0 && p[1] < 0x90) ||
	    (c == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

bool scalar_utf8(const char *text, size_t n, size_t *ret_at)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t i = 0;

	while (i < n) {
		size_t len = sequence(p + i, n - i);

		if (!len)
			break;
		i += len;
	}
	*ret_at = i;
	return i == n;
}
