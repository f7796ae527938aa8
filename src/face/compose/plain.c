/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/plain.h"

#include "face/compose/loader.h"
#include "face/compose/scalar.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The fewest digits that give the number again; from a million on and below a ten-thousandth with an exponent, as Go's
 * %v has it. */
static char *float_text(struct loader *l, double number)
{
	char text[64];
	int digits = 0, exponent;

	do
		(void)snprintf(text, sizeof text, "%.*e", digits++, number);
	while (digits < 17 && strtod(text, NULL) != number);
	exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
	if (exponent >= -4 && exponent < 6)
		(void)snprintf(text, sizeof text, "%.*f", digits - 1 > exponent ? digits - 1 - exponent : 0, number);
	return arena_strdup(&l->arena, text);
}

char *plain_text(struct loader *l, const struct node *n)
{
	double number;
	int64_t whole;
	bool truth;

	if (!n->plain || n->interpolated || node_is_null(n))
		return n->text;
	if (scalar_bool(n->text, false, &truth))
		return arena_strdup(&l->arena, truth ? "true" : "false");
	if (scalar_int(n->text, &whole))
		return arena_printf(&l->arena, "%" PRId64, whole);
	/* past what a double holds exactly, what the user wrote is better than what Go makes of it */
	if (scalar_number(n->text, &number) && number < 1e15 && number > -1e15)
		return float_text(l, number);
	return n->text;
}

/* Digits of a fraction of `unit` without trailing zeros, with the point; "" for 0. */
static char *fraction(struct loader *l, int64_t part, int64_t unit)
{
	char digits[24];
	size_t n = 0;

	for (; part; part %= unit) {
		unit /= 10;
		digits[n++] = (char)('0' + part / unit);
	}
	return n ? arena_printf(&l->arena, ".%.*s", (int)n, digits) : arena_strdup(&l->arena, "");
}

char *plain_duration(struct loader *l, int64_t ns)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = {{"ns", 1}, {"\xc2\xb5s", 1000}, {"ms", 1000000}};
	const int64_t second = 1000000000, minute = 60 * second, hour = 60 * minute;
	int64_t rest = ns % minute;
	char *seconds;

	if (ns == 0)
		return arena_strdup(&l->arena, "0s");
	for (size_t i = 0; ns < second && i < sizeof units / sizeof *units; i++)
		if (ns < units[i].ns * 1000)
			return arena_printf(&l->arena, "%" PRId64 "%s%s", ns / units[i].ns,
					    fraction(l, ns % units[i].ns, units[i].ns), units[i].name);
	seconds = arena_printf(&l->arena, "%" PRId64 "%ss", rest / second, fraction(l, rest % second, second));
	if (ns < minute)
		return seconds;
	if (ns < hour)
		return arena_printf(&l->arena, "%" PRId64 "m%s", ns / minute, seconds);
	return arena_printf(&l->arena, "%" PRId64 "h%" PRId64 "m%s", ns / hour, ns % hour / minute, seconds);
}

bool plain_mode(const struct node *n, int64_t *ret)
{
	if (!n->plain || n->interpolated)
		return scalar_mode(n->text, ret);
	return scalar_int(n->text, ret) && *ret >= 0 && *ret <= 07777;
}

bool plain_is_local(const char *context)
{
	static const char *const remote[] = {"https://",    "http://", "git://",  "ssh://",
					     "github.com/", "git@",    "service:"};

	for (size_t i = 0; i < sizeof remote / sizeof *remote; i++)
		if (strncmp(context, remote[i], strlen(remote[i])) == 0)
			return false;
	return !strstr(context, "://");
}
