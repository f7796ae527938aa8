/* SPDX-License-Identifier: Apache-2.0 */
#include "node/depot/range.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* Decimal digits only, at least one, below 2^63. Moves *s behind them. */
static bool number(const char **s, uint64_t *ret)
{
	const char *start = *s;
	uint64_t n = 0;

	for (; **s >= '0' && **s <= '9'; (*s)++) {
		n = n * 10 + (uint64_t)(**s - '0');
		if (n > INT64_MAX / 16)
			return false;
	}
	*ret = n;
	return *s > start;
}

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " \t");
}

/* "-N": the last N bytes. */
static enum range_answer suffix(const char *s, uint64_t size, struct range *ret)
{
	uint64_t n;

	if (!number(&s, &n) || *skip_blanks(s))
		return RANGE_ALL;
	if (n == 0 || size == 0)
		return RANGE_OUTSIDE;
	ret->length = n < size ? n : size;
	ret->first = size - ret->length;
	return RANGE_PART;
}

enum range_answer range_parse(const char *header, uint64_t size, struct range *ret)
{
	uint64_t first, last = INT64_MAX;
	const char *s;

	if (!header || strncasecmp(header, "bytes", 5) != 0)
		return RANGE_ALL;
	s = skip_blanks(header + 5);
	if (*s != '=')
		return RANGE_ALL;
	s = skip_blanks(s + 1);
	if (*s == '-')
		return suffix(s + 1, size, ret);
	if (!number(&s, &first) || *s++ != '-')
		return RANGE_ALL;
	if (*skip_blanks(s) && (!number(&s, &last) || *skip_blanks(s) || last < first))
		return RANGE_ALL;
	if (first >= size)
		return RANGE_OUTSIDE;
	ret->first = first;
	ret->length = (last < size ? last + 1 : size) - first;
	return RANGE_PART;
}

enum range_answer range_parse_chunk(const char *header, struct range *ret)
{
	const char *s = skip_blanks(header);
	uint64_t last;

	if (strncasecmp(s, "bytes", 5) == 0) {
		s = s + 5 + (s[5] == '=');
		s = skip_blanks(s);
	}
	if (!number(&s, &ret->first) || *s++ != '-' || !number(&s, &last) || last < ret->first)
		return RANGE_MALFORMED;
	if (*s == '/')
		s += 1 + strspn(s + 1, "0123456789*");
	if (*skip_blanks(s))
		return RANGE_MALFORMED;
	ret->length = last - ret->first + 1;
	return RANGE_PART;
}
