/* SPDX-License-Identifier: Apache-2.0
 *
 * A recursive descent over the text. `skip` runs over a part without its effect: ${A:-${B:?no B}} does not fail while
 * A is set.
 */
#include "face/compose/interpolate.h"

#include "base/core/buf.h"
#include "face/compose/loader.h"
#include "face/compose/scalar.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 255

struct scan {
	struct interpolate *in;
	const char *p;
	int depth;
};

__attribute__((format(printf, 2, 3))) static int fail(struct scan *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(s->in->why, sizeof s->in->why, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static bool begins_name(char c)
{
	return isalpha((unsigned char)c) || c == '_';
}

static bool take_name(struct scan *s, char name[static NAME_MAX_BYTES + 1])
{
	size_t n = 0;

	if (!begins_name(*s->p))
		return false;
	while ((isalnum((unsigned char)*s->p) || *s->p == '_') && n < NAME_MAX_BYTES)
		name[n++] = *s->p++;
	name[n] = '\0';
	return n < NAME_MAX_BYTES;
}

static int put(struct buf *out, const char *text, size_t n)
{
	return out ? buf_add(out, text, n) : 0;
}

static int scan_text(struct scan *s, struct buf *out, bool in_braces);

/* What stands after ":-" and its kin, up to the closing brace, into `out` (NULL = skipped). */
static int scan_word(struct scan *s, struct buf *out)
{
	int r;

	if (++s->depth > INTERPOLATE_DEPTH_MAX)
		return fail(s, "more than %d variables inside each other", INTERPOLATE_DEPTH_MAX);
	r = scan_text(s, out, true);
	s->depth--;
	return r;
}

static int scan_required(struct scan *s, const char *name, bool missing, bool active)
{
	struct buf text = BUF_LIMIT(256);
	int r = scan_word(s, missing && active ? &text : NULL);

	if (r == -E2BIG)
		r = 0;
	if (r == 0 && missing && active)
		r = fail(s, "the variable %s is needed%s%s", name, text.len ? ": " : "", buf_str(&text));
	buf_free(&text);
	return r;
}

/* The operator and word of ${name...}; s->p is behind the name. */
static int scan_operator(struct scan *s, const char *name, const char *value, struct buf *out)
{
	bool colon = *s->p == ':';
	bool missing = !value || (colon && !*value);
	char op = s->p[colon];
	int r;

	if (!op || !strchr("-?+", op))
		return fail(
		    s, "\"${%s\" goes on with \"%.*s\"; ${%s}, ${%s:-default}, ${%s:?error} and ${%s:+other} are known",
		    name, colon ? 2 : 1, s->p, name, name, name, name);
	s->p += colon + 1;
	if (op == '?') {
		r = scan_required(s, name, missing, out != NULL);
		return r ? r : missing ? 0 : put(out, value, strlen(value));
	}
	r = scan_word(s, missing == (op == '-') ? out : NULL);
	if (r == 0 && op == '-' && !missing)
		r = put(out, value, strlen(value));
	return r;
}

static int scan_plain(struct scan *s, const char *name, const char *value, struct buf *out)
{
	if (!value && out && s->in->unset)
		s->in->unset(s->in->ctx, name);
	return value ? put(out, value, strlen(value)) : 0;
}

static int scan_braces(struct scan *s, struct buf *out)
{
	char name[NAME_MAX_BYTES + 1];
	const char *value;
	int r;

	if (!take_name(s, name))
		return fail(s, "\"${%.10s\" names no variable; write $$ for a dollar sign", s->p);
	value = s->in->lookup(s->in->ctx, name);
	if (*s->p == '}')
		r = scan_plain(s, name, value, out);
	else if (!*s->p)
		return fail(s, "\"${%s\" has no closing brace", name);
	else
		r = scan_operator(s, name, value, out);
	if (r)
		return r;
	if (*s->p != '}')
		return fail(s, "\"${%s\" has no closing brace", name);
	s->p++;
	return 0;
}

static int scan_dollar(struct scan *s, struct buf *out)
{
	char name[NAME_MAX_BYTES + 1];

	s->p++;
	if (*s->p == '$') {
		s->p++;
		return put(out, "$", 1);
	}
	if (*s->p == '{') {
		s->p++;
		return scan_braces(s, out);
	}
	if (s->in->lone && !begins_name(*s->p))
		return put(out, "$", 1);
	if (!take_name(s, name))
		return fail(s, "\"$%.1s\" names no variable; write $$ for a dollar sign", s->p);
	return scan_plain(s, name, s->in->lookup(s->in->ctx, name), out);
}

static int scan_text(struct scan *s, struct buf *out, bool in_braces)
{
	while (*s->p && !(in_braces && *s->p == '}')) {
		size_t n = strcspn(s->p, in_braces ? "$}" : "$");
		int r = put(out, s->p, n);

		s->p += n;
		if (r == 0 && *s->p == '$')
			r = scan_dollar(s, out);
		if (r)
			return r;
	}
	return 0;
}

int interpolate_text(struct interpolate *in, const char *text, struct buf *out)
{
	struct scan s = {.in = in, .p = text};
	int r;

	in->why[0] = '\0';
	r = scan_text(&s, out, false);
	if (r == -E2BIG)
		(void)snprintf(in->why, sizeof in->why, "the text becomes longer than its limit");
	return r;
}

struct place {
	struct loader *l;
	struct node *n;
};

static const char *lookup(void *ctx, const char *name)
{
	return loader_variable(((struct place *)ctx)->l, name);
}

static void unset(void *ctx, const char *name)
{
	struct place *p = ctx;

	message_warn(p->l, p->n,
		     "the variable %s is not set; it counts as empty (${%s:-} says so without this warning)", name,
		     name);
}

static void interpolate_scalar(struct loader *l, struct node *n)
{
	struct place place = {l, n};
	struct interpolate in = {.lookup = lookup, .unset = unset, .ctx = &place, .lone = l->merges};
	size_t limit = l->text_budget < INTERPOLATE_BYTES_MAX ? l->text_budget : INTERPOLATE_BYTES_MAX;
	struct buf out = BUF_LIMIT(limit + 1);
	size_t at;

	if (!strchr(n->text, '$'))
		return;
	if (interpolate_text(&in, n->text, &out) < 0) {
		message_error(l, n, "%s", in.why);
		buf_free(&out);
		return;
	}
	if (!scalar_utf8(buf_str(&out), out.len, &at)) {
		message_error(l, n, "a variable here has a value that is not UTF-8 text");
		buf_free(&out);
		return;
	}
	l->text_budget -= out.len < l->text_budget ? out.len : l->text_budget;
	n->text = arena_strndup(&l->arena, buf_str(&out), out.len);
	n->interpolated = true;
	buf_free(&out);
}

void interpolate_node(struct loader *l, struct node *n)
{
	if (n->kind == NODE_SCALAR)
		interpolate_scalar(l, n);
	for (size_t i = 0; i < n->n; i++)
		interpolate_node(l, n->items[i]);
}
