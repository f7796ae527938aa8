/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/counts.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool counts_is_amount(const char *name)
{
	return !strcmp(name, COUNTS_DISK);
}

uint32_t counts_most(const char *name)
{
	return counts_is_amount(name) ? COUNTS_DISK_MAX : COUNTS_N_MAX;
}

bool counts_name_ok(const char *name)
{
	size_t n = strnlen(name, COUNTS_NAME_MAX);

	if (n == 0 || n >= COUNTS_NAME_MAX || !isalpha((unsigned char)name[0]))
		return false;
	for (size_t k = 0; k < n; k++) {
		if (!isalnum((unsigned char)name[k]) && !strchr("_.-", name[k]))
			return false;
	}
	return true;
}

/* Where it is, or belongs. */
static size_t place_of(const struct counts *c, const char *name, bool *ret_there)
{
	size_t k = 0;

	while (k < c->n && strcmp(c->list[k].name, name) < 0)
		k++;
	*ret_there = k < c->n && !strcmp(c->list[k].name, name);
	return k;
}

int counts_set(struct counts *c, const char *name, uint64_t n, struct err *err)
{
	bool there;
	size_t at = place_of(c, name, &there);

	if (!counts_name_ok(name))
		return err_set(
		    err, EINVAL,
		    "\"%.80s\" is no name of a counter (a letter, then letters, digits and _ . -, at most %d)", name,
		    COUNTS_NAME_MAX - 1);
	if (n > counts_most(name))
		return err_set(err, EINVAL, "counter \"%s\": %" PRIu64 " units, more than %" PRIu32, name, n,
			       counts_most(name));
	if (!there && c->n >= COUNTS_MAX)
		return err_set(err, E2BIG, "counter \"%s\": there are %d others already", name, COUNTS_MAX);
	if (!there) {
		memmove(&c->list[at + 1], &c->list[at], (c->n - at) * sizeof *c->list);
		c->n++;
		c->list[at] = (struct count){.n = 0};
		snprintf(c->list[at].name, sizeof c->list[at].name, "%s", name);
	}
	c->list[at].n = (uint32_t)n;
	return 0;
}

bool counts_has(const struct counts *c, const char *name)
{
	bool there;

	(void)place_of(c, name, &there);
	return there;
}

uint32_t counts_get(const struct counts *c, const char *name)
{
	bool there;
	size_t at = place_of(c, name, &there);

	return there ? c->list[at].n : 0;
}

/* "gpu 2" with that separator; cuts the text. */
static int add(struct counts *c, char *text, char separator, bool twice, struct err *err)
{
	char *blank = strchr(text, separator), *digits = blank ? blank + 1 : NULL;
	uint64_t n = 0;

	if (!digits || !*digits || strlen(digits) > 9 || strspn(digits, "0123456789") != strlen(digits))
		return err_set(err, EINVAL, "\"%.80s\" is no counter: NAME%cNUMBER is needed", text, separator);
	*blank = '\0';
	for (const char *p = digits; *p; p++)
		n = n * 10 + (uint64_t)(*p - '0');
	if (!twice && counts_has(c, text))
		return err_set(err, EINVAL, "counter \"%.80s\" is there twice", text);
	return counts_set(c, text, n, err);
}

int counts_parse(const char *text, struct counts *ret, struct err *err)
{
	mem_cleanup char *copy = mem_strdup(text);
	struct counts c = {.n = 0};
	char *next = copy;

	if (strlen(text) >= COUNTS_TEXT_MAX + COUNTS_MAX)
		return err_set(err, E2BIG, "a list of counters of more than %d bytes", COUNTS_TEXT_MAX);
	for (char *line; (line = strsep(&next, "\n"));) {
		int r = *line ? add(&c, line, ' ', false, err) : 0;

		if (r < 0)
			return r;
	}
	*ret = c;
	return 0;
}

int counts_set_pair(struct counts *c, const char *pair, struct err *err)
{
	mem_cleanup char *copy = mem_strdup(pair);

	if (!strncmp(pair, COUNTS_DISK "=", sizeof COUNTS_DISK))
		return err_set(err, EINVAL,
			       "\"%.80s\": \"" COUNTS_DISK "\" is no counter of units: it is said as a size "
			       "(--disk, x-berth: disk)",
			       pair);
	return add(c, copy, '=', true, err);
}

char *counts_text(const struct counts *c)
{
	struct buf out = BUF_INIT;

	for (size_t k = 0; k < c->n; k++)
		buf_printf(&out, "%s %" PRIu32 "\n", c->list[k].name, c->list[k].n);
	return buf_take(&out);
}
