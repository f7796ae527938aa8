/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/file_mode.h"

#include "base/core/err.h"

#include <string.h>

enum { READ = 4, WRITE = 2, EXECUTE = 1, EXECUTE_IF = 8, SET_ID = 16, STICKY = 32 };

static int parse_octal(const char *text, struct file_mode *ret, struct err *err)
{
	mode_t mode = 0;

	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '7')
			return err_set(err, EINVAL, "mode \"%s\" is not octal: \"%c\" is no digit from 0 to 7", text,
				       *p);
		mode = mode * 8 + (mode_t)(*p - '0');
		if (mode > 07777)
			return err_set(err, EINVAL, "mode \"%s\" is too big: at most 7777", text);
	}
	ret->octal = true;
	ret->mode = mode;
	return 0;
}

static uint8_t who_bit(char c)
{
	switch (c) {
	case 'u':
		return 4;
	case 'g':
		return 2;
	case 'o':
		return 1;
	case 'a':
		return 7;
	default:
		return 0;
	}
}

static uint8_t perm_bit(char c)
{
	static const char letters[] = "xwrXst";
	static const uint8_t bits[] = {EXECUTE, WRITE, READ, EXECUTE_IF, SET_ID, STICKY};
	const char *at = c ? strchr(letters, c) : NULL;

	return at ? bits[at - letters] : 0;
}

/* One "OP PERMS" behind `who`; returns what stands behind it, or NULL. */
static const char *parse_action(const char *p, uint8_t who, struct file_mode_clause *ret)
{
	*ret = (struct file_mode_clause){.who = who ? who : 7, .op = *p};
	p++;
	if (*p == 'u' || *p == 'g' || *p == 'o') {
		ret->copy = *p;
		return p + 1;
	}
	for (uint8_t bit; (bit = perm_bit(*p)) != 0; p++)
		ret->perm |= bit;
	return p;
}

static int parse_symbolic(const char *text, struct file_mode *ret, struct err *err)
{
	const char *p = text;

	for (;;) {
		uint8_t who = 0;

		for (; who_bit(*p); p++)
			who |= who_bit(*p);
		if (!*p || !strchr("+-=", *p))
			return err_set(err, EINVAL, "mode \"%s\": one of + - = is needed%s%s", text,
				       *p ? " before " : " at the end", p);
		while (*p && strchr("+-=", *p)) {
			if (ret->n == FILE_MODE_CLAUSES_MAX)
				return err_set(err, EINVAL, "mode \"%s\" has more than %d parts", text,
					       FILE_MODE_CLAUSES_MAX);
			p = parse_action(p, who, &ret->clauses[ret->n++]);
		}
		if (!*p)
			return 0;
		if (*p != ',')
			return err_set(err, EINVAL, "mode \"%s\": \"%c\" is none of r w x X s t", text, *p);
		p++;
	}
}

int file_mode_parse(const char *text, struct file_mode *ret, struct err *err)
{
	struct file_mode m = {.octal = false};
	int r;

	if (!*text)
		return err_set(err, EINVAL, "the mode is empty: give one such as 755 or u=rwX,go=rX");
	r = *text >= '0' && *text <= '9' ? parse_octal(text, &m, err) : parse_symbolic(text, &m, err);
	if (r == 0)
		*ret = m;
	return r;
}

static unsigned shift_of(char who)
{
	return who == 'u' ? 6 : who == 'g' ? 3 : 0;
}

/* The bits that a clause speaks of. */
static mode_t clause_bits(const struct file_mode_clause *c, mode_t old, bool is_dir)
{
	mode_t rwx = c->perm & 7, bits = 0;

	if (c->copy)
		rwx = (old >> shift_of(c->copy)) & 7;
	if ((c->perm & EXECUTE_IF) && (is_dir || (old & 0111)))
		rwx |= EXECUTE;
	if (c->who & 4)
		bits |= rwx << 6 | (c->perm & SET_ID ? 04000u : 0);
	if (c->who & 2)
		bits |= rwx << 3 | (c->perm & SET_ID ? 02000u : 0);
	if (c->who & 1)
		bits |= rwx;
	return bits | (c->perm & STICKY ? 01000u : 0);
}

mode_t file_mode_apply(const struct file_mode *m, mode_t old, bool is_dir)
{
	mode_t mode = old & 07777;

	if (m->octal)
		return m->mode;
	for (int i = 0; i < m->n; i++) {
		const struct file_mode_clause *c = &m->clauses[i];
		mode_t bits = clause_bits(c, mode, is_dir), classes = 0;

		classes |= c->who & 4 ? 04700u : 0;
		classes |= c->who & 2 ? 02070u : 0;
		classes |= c->who & 1 ? 01007u : 0;
		if (c->op == '+')
			mode |= bits;
		else if (c->op == '-')
			mode &= ~bits;
		else
			mode = (mode & ~classes) | bits;
	}
	return mode;
}
