/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/words.h"

#include "base/core/buf.h"
#include "face/compose/arena.h"

#include <string.h>

struct split {
	const char *p;
	struct buf word;
	bool in_word;
	const char *why;
};

static bool take_backslash(struct split *s)
{
	if (!s->p[1]) {
		s->why = "the text ends in a backslash";
		return false;
	}
	if (s->p[1] != '\n') {
		buf_addc(&s->word, s->p[1]);
		s->in_word = true;
	}
	s->p += 2;
	return true;
}

static bool take_single(struct split *s)
{
	const char *end = strchr(s->p + 1, '\'');

	if (!end) {
		s->why = "a single quote is not closed";
		return false;
	}
	buf_add(&s->word, s->p + 1, (size_t)(end - s->p - 1));
	s->p = end + 1;
	s->in_word = true;
	return true;
}

static bool take_double(struct split *s)
{
	s->in_word = true;
	for (s->p++; *s->p && *s->p != '"'; s->p++) {
		if (*s->p == '\\' && s->p[1] && strchr("\"\\$`\n", s->p[1])) {
			s->p++;
			if (*s->p == '\n')
				continue;
		}
		buf_addc(&s->word, *s->p);
	}
	if (!*s->p) {
		s->why = "a double quote is not closed";
		return false;
	}
	s->p++;
	return true;
}

static void end_word(struct split *s, struct arena *a, struct strings *ret)
{
	if (s->in_word)
		strings_add(a, ret, buf_str(&s->word));
	buf_clear(&s->word);
	s->in_word = false;
}

bool words_split(struct arena *a, const char *text, struct strings *ret, const char **ret_why)
{
	struct split s = {.p = text, .word = BUF_INIT};
	bool ok = true;

	while (ok && *s.p) {
		if (strchr(" \t\r\n", *s.p)) {
			end_word(&s, a, ret);
			s.p++;
		} else if (*s.p == '\\') {
			ok = take_backslash(&s);
		} else if (*s.p == '\'') {
			ok = take_single(&s);
		} else if (*s.p == '"') {
			ok = take_double(&s);
		} else {
			buf_addc(&s.word, *s.p++);
			s.in_word = true;
		}
	}
	if (ok)
		end_word(&s, a, ret);
	buf_free(&s.word);
	*ret_why = s.why;
	return ok;
}
