/* SPDX-License-Identifier: Apache-2.0
 *
 * A pattern is a list of tokens. Most patterns are plain text, or begin or end with "**": those are compared. The others are followed for all
 * possibilities at once, one bit a token, so that no pattern and no path make it slow.
 */
#include "node/build/ignore.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <string.h>

enum token_type {
	CHAR,
	ANY_CHAR,
	SET,
	STAR,
	/* within a component */ ANY_PATH,
	/* anything */ PARENTS /* nothing, or anything up to a slash */
};

struct token {
	enum token_type type;
	uint32_t c;	 /* CHAR */
	const char *set; /* SET: behind '[' */
};

enum match { MATCH_EXACT, MATCH_PREFIX, MATCH_SUFFIX, MATCH_TOKENS };

struct pattern {
	char *text; /* clean, without '!' */
	size_t length;
	bool include; /* it had '!' */
	enum match match;
	struct token *tokens;
	size_t n;
	size_t literal; /* this many bytes at the beginning must be equal */
};

struct ignore {
	struct pattern *patterns;
	size_t n, cap;
	bool includes;
};

struct ignore *ignore_free(struct ignore *i)
{
	if (!i)
		return NULL;
	for (size_t k = 0; k < i->n; k++) {
		free(i->patterns[k].text);
		free(i->patterns[k].tokens);
	}
	free(i->patterns);
	free(i);
	return NULL;
}

/* One character of UTF-8, or a byte that is none; moves *p. */
static uint32_t next_char(const char **p)
{
	const unsigned char *s = (const unsigned char *)*p;
	size_t n = *s >= 0xf0 ? 4 : *s >= 0xe0 ? 3 : *s >= 0xc2 ? 2 : 1;
	uint32_t c = *s;

	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			n = 1;
			c = *s;
			break;
		}
		c = c << 8 | s[i]; /* keeps the order of characters */
	}
	*p += n;
	return c;
}

/* p stands behind '['. Returns what is behind ']', or NULL; *in tells whether c is in the set. */
static const char *match_set(const char *p, uint32_t c, bool *in)
{
	bool negate = *p == '^', found = false;
	const char *first = p += negate;

	while (*p && (*p != ']' || p == first)) {
		uint32_t from, to;

		if (*p == '-' || *p == ']' || (*p == '\\' && !p[1]))
			return NULL;
		p += *p == '\\';
		from = to = next_char(&p);
		if (*p == '-') {
			p++;
			if (!*p || *p == ']' || *p == '-' || (*p == '\\' && !p[1]))
				return NULL;
			p += *p == '\\';
			to = next_char(&p);
		}
		found = found || (c >= from && c <= to);
	}
	*in = found != negate;
	return *p ? p + 1 : NULL;
}

static void add_token(struct pattern *p, enum token_type type, uint32_t c, const char *set)
{
	p->tokens[p->n++] = (struct token){.type = type, .c = c, .set = set};
}

/* "**" at s: what stands behind it. */
static const char *compile_stars(struct pattern *p, const char *s)
{
	s += 2;
	s += *s == '/';
	add_token(p, *s ? PARENTS : ANY_PATH, 0, NULL);
	return s;
}

static void compile(struct pattern *p)
{
	bool special = false;

	p->tokens = mem_new_n(struct token, p->length + 1);
	for (const char *s = p->text; *s;) {
		bool in;

		if (*s == '*' && s[1] == '*') {
			s = compile_stars(p, s);
			special = true;
		} else if (*s == '*') {
			add_token(p, STAR, 0, NULL);
			special = true;
			s++;
		} else if (*s == '?') {
			add_token(p, ANY_CHAR, 0, NULL);
			special = true;
			s++;
		} else if (*s == '[') {
			add_token(p, SET, 0, s + 1);
			special = true;
			s = match_set(s + 1, 0, &in);
		} else {
			if (*s == '\\' && s[1]) {
				special = true;
				s++;
			}
			add_token(p, CHAR, next_char(&s), NULL);
		}
	}
	p->match = special ? MATCH_TOKENS : MATCH_EXACT;
}

/* How the whole pattern can be compared without the automaton. */
static void choose(struct pattern *p)
{
	size_t plain = strcspn(p->text, "*?[\\");

	p->literal = plain;
	if (p->match == MATCH_EXACT)
		return;
	if (plain + 2 == p->length && !strcmp(p->text + plain, "**"))
		p->match = MATCH_PREFIX;
	else if (!strncmp(p->text, "**", 2) && !p->text[2 + strcspn(p->text + 2, "*?[\\")])
		p->match = MATCH_SUFFIX;
}

static bool syntax_ok(const char *s)
{
	while (s && *s) {
		bool in;

		if (*s == '[')
			s = match_set(s + 1, 0, &in);
		else if (*s == '\\')
			s = s[1] ? s + 2 : NULL;
		else
			s++;
	}
	return s != NULL;
}

/* Removes ".", "..", double slashes and those at the ends, in place: the root of the context is the root. */
static void clean(char *s)
{
	char *out = s, *p = s;

	while (*p) {
		size_t n = strcspn(p, "/");

		if (n == 2 && p[0] == '.' && p[1] == '.') {
			while (out > s && *--out != '/')
				;
		} else if (n && !(n == 1 && *p == '.')) {
			if (out > s)
				*out++ = '/';
			memmove(out, p, n);
			out += n;
		}
		p += n;
		p += *p == '/';
	}
	*out = '\0';
}

/* One line. 0 also when there is nothing in it. */
static int add_pattern(struct ignore *i, const char *text, size_t n, struct err *err)
{
	struct pattern *p;
	mem_cleanup char *s = NULL;
	bool include;

	for (; n && strchr(" \t\r\v\f", *text); text++)
		n--;
	while (n && strchr(" \t\r\v\f", text[n - 1]))
		n--;
	if (!n)
		return 0;
	include = *text == '!';
	for (text += include, n -= include; n && strchr(" \t\r\v\f", *text); text++)
		n--;
	if (n > IGNORE_PATTERN_LENGTH_MAX)
		return err_set(err, E2BIG, "a pattern is longer than %u bytes", IGNORE_PATTERN_LENGTH_MAX);
	if (i->n == IGNORE_PATTERNS_MAX)
		return err_set(err, E2BIG, "more than %u patterns", IGNORE_PATTERNS_MAX);
	if (!n)
		return err_set(err, EINVAL, "\"!\" alone is no pattern");
	s = mem_strndup(text, n);
	clean(s); /* before the check: it may take a bracket apart */
	if (!syntax_ok(s))
		return err_set(
		    err, EINVAL,
		    "pattern \"%.200s\": a [ is not closed, a range is not complete, or a \\ stands at the end", s);
	mem_grow(&i->patterns, &i->cap, i->n);
	p = &i->patterns[i->n++];
	*p = (struct pattern){.length = strlen(s), .include = include};
	p->text = mem_take(s);
	compile(p);
	choose(p);
	i->includes = i->includes || include;
	return 0;
}

int ignore_parse(const char *text, size_t n, const char *name, struct ignore **ret, struct err *err)
{
	struct ignore *i __attribute__((cleanup(ignore_freep))) = mem_new(struct ignore);
	const char *p = text ? text : "", *end;
	unsigned line = 0;

	if (n > IGNORE_BYTES_MAX)
		return err_set(err, E2BIG, "%s: more than %u bytes", name, IGNORE_BYTES_MAX);
	end = p + n;
	if (n >= 3 && !memcmp(p, "\xef\xbb\xbf", 3))
		p += 3;
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t length = (size_t)((nl ? nl : end) - p);
		int r = 0;

		line++;
		if (memchr(p, '\0', length))
			return err_set(err, EINVAL, "%s:%u: a NUL character: this is no text file", name, line);
		if (*p != '#')
			r = add_pattern(i, p, length, err);
		if (r < 0) {
			(void)err_wrap(err, "%s:%u", name, line);
			return r;
		}
		p += length + (nl != NULL);
	}
	*ret = mem_take(i);
	return 0;
}

char **ignore_patterns(const char *text, size_t n)
{
	static const char mark[] = "\xef\xbb\xbf", blank[] = " \t\r\v\f";
	mem_cleanup char *copy = mem_strndup(text ? text : "", n);
	char *at = strncmp(copy, mark, strlen(mark)) ? copy : copy + strlen(mark), *line, **ret = NULL;

	while ((line = strsep(&at, "\n"))) {
		size_t length;

		if (*line == '#')
			continue;
		line += strspn(line, blank);
		length = strlen(line);
		while (length > 0 && strchr(blank, line[length - 1]))
			line[--length] = '\0';
		if (length > 0)
			mem_strv_add(&ret, line);
	}
	return ret;
}

int ignore_new(char *const *patterns, struct ignore **ret, struct err *err)
{
	struct ignore *i __attribute__((cleanup(ignore_freep))) = mem_new(struct ignore);

	for (; patterns && *patterns; patterns++) {
		int r = add_pattern(i, *patterns, strlen(*patterns), err);

		if (r < 0)
			return r;
	}
	*ret = mem_take(i);
	return 0;
}

#define WORDS_MAX (IGNORE_PATTERN_LENGTH_MAX / 64 + 1)

struct states {
	uint64_t bits[WORDS_MAX];
	size_t words;
};

static void set_state(struct states *s, size_t i)
{
	s->bits[i / 64] |= UINT64_C(1) << (i % 64);
}

static bool has_state(const struct states *s, size_t i)
{
	return s->bits[i / 64] >> (i % 64) & 1;
}

/* Tokens that may stand for nothing are passed over. The beginning of PARENTS counts as behind a slash. */
static void add_state(const struct pattern *p, struct states *s, size_t i)
{
	while (i < p->n && !has_state(s, i)) {
		set_state(s, i);
		if (p->tokens[i].type != STAR && p->tokens[i].type != ANY_PATH && p->tokens[i].type != PARENTS)
			return;
		i++;
	}
	set_state(s, i);
}

static void step_state(const struct pattern *p, struct states *to, size_t i, uint32_t c)
{
	const struct token *t = &p->tokens[i];
	bool in = false;

	switch (t->type) {
	case CHAR:
		in = t->c == c;
		break;
	case ANY_CHAR:
		in = c != '/';
		break;
	case SET:
		in = match_set(t->set, c, &in) && in;
		break;
	case STAR:
		if (c != '/')
			add_state(p, to, i);
		return;
	case ANY_PATH:
		add_state(p, to, i);
		return;
	case PARENTS: /* stays in it without leaving; leaves behind a slash only */
		set_state(to, i);
		if (c == '/')
			add_state(p, to, i + 1);
		return;
	}
	if (in)
		add_state(p, to, i + 1);
}

/* With `parents`: also when a directory above it matches; one pass finds out. */
static bool match_tokens(const struct pattern *p, const char *path, size_t n, bool parents)
{
	struct states now = {.words = p->n / 64 + 1}, next;
	const char *end = path + n;

	memset(now.bits, 0, now.words * sizeof(*now.bits));
	add_state(p, &now, 0);
	while (path < end) {
		uint32_t c = next_char(&path);
		uint64_t any = 0;

		if (parents && c == '/' && has_state(&now, p->n))
			return true;
		next.words = now.words;
		memset(next.bits, 0, next.words * sizeof(*next.bits));
		for (size_t w = 0; w < now.words; w++)
			for (uint64_t bits = now.bits[w]; bits; bits &= bits - 1) {
				size_t i = w * 64 + (size_t)__builtin_ctzll(bits);

				if (i < p->n)
					step_state(p, &next, i, c);
			}
		for (size_t w = 0; w < next.words; w++)
			any |= next.bits[w];
		if (!any)
			return false;
		memcpy(now.bits, next.bits, now.words * sizeof(*now.bits));
	}
	return has_state(&now, p->n);
}

/* Whether the pattern matches these bytes of a path. */
static bool match_one(const struct pattern *p, const char *path, size_t n)
{
	const char *suffix = p->text + 2;
	size_t length;

	switch (p->match) {
	case MATCH_EXACT:
		return n == p->length && !memcmp(path, p->text, n);
	case MATCH_PREFIX:
		return n >= p->length - 2 && !memcmp(path, p->text, p->length - 2);
	case MATCH_SUFFIX:
		length = p->length - 2;
		if (n >= length && !memcmp(path + n - length, suffix, length))
			return true;
		return *suffix == '/' && n == length - 1 && !memcmp(path, suffix + 1, n);
	default:
		return n >= p->literal && !memcmp(path, p->text, p->literal) && match_tokens(p, path, n, false);
	}
}

/* The path or a directory above it. */
static bool match_path(const struct pattern *p, const char *path, size_t n)
{
	if (p->match == MATCH_TOKENS)
		return n >= p->literal && !memcmp(path, p->text, p->literal) && match_tokens(p, path, n, true);
	if (match_one(p, path, n))
		return true;
	for (size_t i = 0; i < n; i++)
		if (path[i] == '/' && match_one(p, path, i))
			return true;
	return false;
}

bool ignore_match(const struct ignore *i, const char *path)
{
	size_t n = strlen(path);
	bool ignored = false;

	for (size_t k = 0; k < i->n; k++)
		if (i->patterns[k].include == ignored && match_path(&i->patterns[k], path, n))
			ignored = !ignored;
	return ignored;
}

size_t ignore_words(const struct ignore *i)
{
	return i->n / 64 + 1;
}

bool ignore_match_below(const struct ignore *i, const char *path, const uint64_t *above, uint64_t *ret)
{
	size_t n = strlen(path);
	bool ignored = false;

	if (ret)
		memset(ret, 0, ignore_words(i) * sizeof(*ret));
	for (size_t k = 0; k < i->n; k++) {
		const struct pattern *p = &i->patterns[k];
		bool match = above && (above[k / 64] >> (k % 64) & 1);

		/* What matched above is a fact for everything below; the rest is only of interest when it changes the answer, or when a
		 * later answer of the entries may depend on it. */
		if (!match && (p->include == ignored || ret))
			match = match_one(p, path, n);
		if (match && ret)
			ret[k / 64] |= UINT64_C(1) << (k % 64);
		if (match && p->include == ignored)
			ignored = !ignored;
	}
	return ignored;
}

/* Whether something below `dir` can match: a plain pattern must begin with it, any other is believed to. */
static bool may_match_below(const struct pattern *p, const char *dir, size_t n)
{
	size_t same = p->literal < n ? p->literal : n;

	if (memcmp(p->text, dir, same) != 0)
		return false;
	if (p->literal > n)
		return p->text[n] == '/';
	return p->match != MATCH_EXACT;
}

bool ignore_may_include_below(const struct ignore *i, const char *dir)
{
	size_t n = strlen(dir);

	for (size_t k = 0; i->includes && k < i->n; k++)
		if (i->patterns[k].include && may_match_below(&i->patterns[k], dir, n))
			return true;
	return false;
}
