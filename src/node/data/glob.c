/* SPDX-License-Identifier: Apache-2.0
 *
 * The components of a pattern are the states of a small automaton, followed for all possibilities at once: no pattern makes it
 * exponential. Within a component one star at a time is enough to go back to.
 */
#include "node/data/glob.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <string.h>

/* p stands behind '['. The end of the set (behind ']'), or NULL when there is none; *ret says whether c is in it. */
static const char *match_set(const char *p, char c, bool *ret)
{
	bool negate = *p == '!' || *p == '^', in = false;
	const char *first = p += negate;

	for (; *p && (*p != ']' || p == first); p++) {
		unsigned char from, to;

		p += *p == '\\' && p[1];
		from = to = (unsigned char)*p;
		if (p[1] == '-' && p[2] && p[2] != ']') {
			p += 2;
			p += *p == '\\' && p[1];
			to = (unsigned char)*p;
		}
		in = in || ((unsigned char)c >= from && (unsigned char)c <= to);
	}
	*ret = in != negate;
	return *p ? p + 1 : NULL;
}

/* Matches the first piece of p (anything but a star) against c; the rest of the pattern, or NULL. */
static const char *match_one(const char *p, char c)
{
	bool in;
	const char *end;

	switch (*p) {
	case '\0':
		return NULL;
	case '?':
		return p + 1;
	case '[':
		end = match_set(p + 1, c, &in);
		return end && in ? end : NULL;
	case '\\':
		p += p[1] != '\0';
		break;
	default:
		break;
	}
	return *p == c ? p + 1 : NULL;
}

static bool match_part(const char *p, const char *s, size_t n)
{
	const char *star = NULL, *end = s + n, *star_s = NULL;

	while (s < end) {
		const char *next;

		if (*p == '*') {
			star = ++p;
			star_s = s;
			continue;
		}
		next = match_one(p, *s);
		if (next) {
			p = next;
			s++;
		} else if (star) {
			p = star;
			s = ++star_s;
		} else {
			return false;
		}
	}
	while (*p == '*')
		p++;
	return !*p;
}

static bool is_any(const char *part)
{
	return !strcmp(part, "**");
}

/* `**` may stand for nothing: whoever has reached it has also reached what follows. */
static void pass_over(const struct glob *g, bool *at)
{
	for (size_t i = 0; i < g->n; i++) {
		if (at[i] && is_any(g->parts[i]))
			at[i + 1] = true;
	}
}

/* The states after the whole path: at[i] = the first i components have matched. */
static void follow(const struct glob *g, const char *path, bool at[static GLOB_PARTS_MAX + 1])
{
	memset(at, 0, GLOB_PARTS_MAX + 1);
	at[0] = true;
	pass_over(g, at);
	while (*path) {
		size_t n = strcspn(path, "/");

		for (size_t i = g->n + 1; i-- > 0;) {
			bool stays = i < g->n && at[i] && is_any(g->parts[i]);
			bool comes =
			    i > 0 && at[i - 1] && !is_any(g->parts[i - 1]) && match_part(g->parts[i - 1], path, n);

			at[i] = stays || comes;
		}
		pass_over(g, at);
		path += n;
		path += *path == '/';
	}
}

bool glob_match(const struct glob *g, const char *path)
{
	bool at[GLOB_PARTS_MAX + 1];

	follow(g, path, at);
	return at[g->n];
}

bool glob_below(const struct glob *g, const char *path)
{
	bool at[GLOB_PARTS_MAX + 1];

	follow(g, path, at);
	for (size_t i = 0; i < g->n; i++) {
		if (at[i])
			return true;
	}
	return false;
}

static int bad(const char *pattern, const char *why, struct err *err)
{
	return err_set(err, EINVAL, "pattern \"%.300s\": %s", pattern, why);
}

/* Checks one component; *wild becomes true when it has anything but plain characters. */
static const char *part_problem(const char *part, bool *wild)
{
	bool in;

	if (!strcmp(part, ".."))
		return "\"..\" would leave the directory";
	for (const char *p = part; *p;) {
		if (*p == '\\' && !p[1])
			return "a '\\' at the end stands for nothing";
		if (strchr("*?[\\", *p))
			*wild = true;
		if (*p == '[')
			p = match_set(p + 1, 'x', &in);
		else
			p += *p == '\\' ? 2 : 1;
		if (!p)
			return "a '[' has no ']' before the next '/'";
	}
	return NULL;
}

void glob_free(struct glob *g)
{
	free(g->text);
	g->text = NULL;
}

int glob_parse(const char *pattern, struct glob *ret, struct err *err)
{
	cleanup_with(glob_free) struct glob g = {.text = mem_strdup(pattern)};
	char *rest = g.text, *part;

	if (!*pattern)
		return err_set(err, EINVAL, "a pattern is empty");
	if (*pattern == '/')
		return bad(pattern, "it must be relative, without a '/' in front", err);
	if (strlen(pattern) > GLOB_BYTES_MAX)
		return bad(pattern, "it is longer than 4096 bytes", err);
	while ((part = strsep(&rest, "/"))) {
		const char *problem;

		if (!*part || !strcmp(part, "."))
			continue;
		problem = part_problem(part, &g.wild);
		if (problem)
			return bad(pattern, problem, err);
		if (g.n == GLOB_PARTS_MAX)
			return bad(pattern, "it has more than 128 components", err);
		g.parts[g.n++] = part;
	}
	if (g.n == 0)
		return bad(pattern, "it names nothing", err);
	*ret = g;
	g.text = NULL;
	return 0;
}
