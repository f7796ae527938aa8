/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/chmod_text.h"

#include "base/core/err.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
	char who;
	unsigned shift;
	mode_t special; /* what s means */
} whos[] = {{'u', 6, S_ISUID}, {'g', 3, S_ISGID}, {'o', 0, 0}};

static bool is_octal(const char *text)
{
	size_t n = strspn(text, "01234567");

	return n > 0 && n <= 5 && !text[n] && strtoul(text, NULL, 8) <= 07777;
}

/* The three bits that the letters mean for a file of this mode. */
static mode_t bits_of(const char *perms, size_t n, mode_t mode, bool *ret_s, bool *ret_t)
{
	mode_t bits = 0;

	for (size_t i = 0; i < n; i++) {
		switch (perms[i]) {
		case 'r':
			bits |= 4;
			break;
		case 'w':
			bits |= 2;
			break;
		case 'x':
			bits |= 1;
			break;
		case 'X':
			bits |= S_ISDIR(mode) || (mode & 0111) ? 1u : 0u;
			break;
		case 's':
			*ret_s = true;
			break;
		case 't':
			*ret_t = true;
			break;
		default: /* u, g or o: what these have now */
			bits |= (mode >> (perms[i] == 'u' ? 6 : perms[i] == 'g' ? 3 : 0)) & 7;
		}
	}
	return bits;
}

static mode_t apply_one(mode_t mode, const char *who, size_t n_who, char op, const char *perms, size_t n_perms)
{
	bool s = false, t = false;
	mode_t bits = bits_of(perms, n_perms, mode, &s, &t), set = 0, all = 0;

	for (size_t i = 0; i < sizeof whos / sizeof *whos; i++) {
		if (n_who > 0 && !memchr(who, whos[i].who, n_who) && !memchr(who, 'a', n_who))
			continue;
		set |= bits << whos[i].shift | (s ? whos[i].special : 0);
		all |= 7u << whos[i].shift | whos[i].special;
	}
	set |= t ? S_ISVTX : 0;
	all |= n_who == 0 || memchr(who, 'a', n_who) ? S_ISVTX : 0;
	if (op == '+')
		return mode | set;
	if (op == '-')
		return mode & ~set;
	/* chmod(1): a directory keeps its set-id bits unless they are named */
	if (S_ISDIR(mode) && !s)
		all &= ~(mode_t)(S_ISUID | S_ISGID);
	return (mode & ~all) | set;
}

/* Walks the clauses; with ret_mode NULL only their form is looked at. False for what is no mode. */
static bool walk(const char *p, mode_t *ret_mode)
{
	do {
		size_t n_who = strspn(p, "ugoa");
		const char *who = p;

		p += n_who;
		if (!*p || !strchr("+-=", *p))
			return false;
		while (*p && strchr("+-=", *p)) {
			char op = *p++;
			size_t n = strspn(p, "rwxXst");

			if (n == 0)
				n = strspn(p, "ugo") > 0 ? 1 : 0;
			if (ret_mode)
				*ret_mode = apply_one(*ret_mode, who, n_who, op, p, n);
			p += n;
		}
	} while (*p == ',' && *++p);
	return !*p;
}

int chmod_text_check(const char *text, struct err *err)
{
	if (is_octal(text) || (*text && walk(text, NULL)))
		return 0;
	return err_set(err, EINVAL, "--chmod=%.100s is not a mode; write it like 755 or u=rwX,go=rX", text);
}

mode_t chmod_text_apply(const char *text, mode_t mode)
{
	if (is_octal(text))
		return (mode_t)strtoul(text, NULL, 8);
	(void)walk(text, &mode);
	return mode & 07777;
}
