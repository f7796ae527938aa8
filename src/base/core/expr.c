/* SPDX-License-Identifier: Apache-2.0
 *
 * expr: a recursive descent over the text writes postfix code; asking runs the code with a small stack of truths. Comparisons have no
 * side effects, so nothing is skipped: && and || take both sides.
 */
#include "base/core/expr.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#define VALUES_MAX 256
#define CODE_MAX (4 * EXPR_TERMS_MAX)

enum op { OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE, OP_IN, OP_HAS, OP_NOT, OP_AND, OP_OR };

struct code {
	uint8_t op;
	uint16_t name, first, n; /* texts; its values are n texts from first on */
};

struct part {
	uint16_t code, n_code;	    /* of its code */
	uint16_t text_at, text_len; /* in the text */
};

struct expr {
	char *text;
	char **texts; /* names and values */
	size_t n_texts, cap_texts;
	struct code *code;
	size_t n_code, cap_code, n_terms;
	struct part *parts;
	size_t n_parts, cap_parts;
};

static const char *const names[] = {"hostname",	  "id",		 "role",    "os",      "arch",	       "kernel",
				    "version",	  "cores",	 "slots",   "cpus",    "memory",       "numa",
				    "numa_cores", "numa_memory", "sockets", "gpus",    "disk",	       "disk_free",
				    "source",	  "zone",	 "price",   "labels.", "gpus_by_hand", NULL};
#define LABELS "labels."
#define HAS "has."

/* ---- comparing ---- */

/* 12, 1.5, 64g, 64GiB: digits with at most one dot, then k m g t p in any case with an optional b or ib. */
static bool number(const char *text, double *ret)
{
	static const char units[] = "kmgtp";
	const char *p = text, *unit;
	double value = 0, scale = 1;

	for (; isdigit((unsigned char)*p); p++)
		value = value * 10 + (*p - '0');
	if (p == text)
		return false;
	if (*p == '.' && isdigit((unsigned char)p[1])) {
		for (p++; isdigit((unsigned char)*p); p++)
			value += (*p - '0') * (scale /= 10);
	}
	unit = *p ? strchr(units, tolower((unsigned char)*p)) : NULL;
	for (const char *u = units; unit && u <= unit; u++)
		value *= 1024;
	p += unit != NULL;
	if (unit && tolower((unsigned char)p[0]) == 'i' && tolower((unsigned char)p[1]) == 'b')
		p += 2;
	else if (tolower((unsigned char)*p) == 'b' && p > text)
		p++;
	*ret = value;
	return !*p;
}

int expr_compare(const char *a, const char *b)
{
	double x, y;
	int r;

	if (number(a, &x) && number(b, &y))
		return x < y ? -1 : x > y;
	r = strverscmp(a, b);
	return r < 0 ? -1 : r > 0;
}

static bool same(const char *a, const char *b)
{
	double x, y;

	return strcmp(a, b) == 0 || (number(a, &x) && number(b, &y) && x >= y && x <= y);
}

/* ---- reading ---- */

struct reader {
	struct expr *e;
	const char *p;
	int depth;
	size_t *ret_at;
	struct err *err;
};

static int wrong(const struct reader *r, const char *at, const char *what)
{
	size_t offset = (size_t)(at - r->e->text);

	if (r->ret_at)
		*r->ret_at = offset;
	return err_set(r->err, EINVAL, "%s, at character %zu of \"%.200s\"", what, offset + 1, r->e->text);
}

static void skip(struct reader *r)
{
	while (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r')
		r->p++;
}

static bool take(struct reader *r, const char *token)
{
	size_t n = strlen(token);

	skip(r);
	if (strncmp(r->p, token, n) != 0)
		return false;
	r->p += n;
	return true;
}

static bool in_word(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("._:/@+-", c));
}

static uint16_t add_text(struct expr *e, const char *text, size_t n)
{
	mem_grow(&e->texts, &e->cap_texts, e->n_texts);
	e->texts[e->n_texts] = mem_strndup(text, n);
	return (uint16_t)e->n_texts++;
}

/* A bare word; 0 bytes when there is none. */
static size_t word(struct reader *r, const char **ret)
{
	skip(r);
	*ret = r->p;
	while (in_word(*r->p))
		r->p++;
	return (size_t)(r->p - *ret);
}

static int value(struct reader *r)
{
	const char *start, *end;
	size_t n;

	skip(r);
	if (r->e->n_texts >= VALUES_MAX)
		return wrong(r, r->p, "too many names and values");
	if (*r->p == '"' || *r->p == '\'') {
		start = r->p + 1;
		end = strchr(start, *r->p);
		if (!end)
			return wrong(r, r->p, "the quotation mark has no end");
		r->p = end + 1;
		add_text(r->e, start, (size_t)(end - start));
		return 0;
	}
	n = word(r, &start);
	if (!n)
		return wrong(r, r->p, "a value is needed here");
	add_text(r->e, start, n);
	return 0;
}

static int emit(struct reader *r, enum op op, uint16_t name, uint16_t first, uint16_t n)
{
	struct expr *e = r->e;

	e->n_terms += op <= OP_HAS;
	if (e->n_terms > EXPR_TERMS_MAX || e->n_code >= CODE_MAX)
		return wrong(r, r->p, "too many comparisons");
	mem_grow(&e->code, &e->cap_code, e->n_code);
	e->code[e->n_code++] = (struct code){.op = (uint8_t)op, .name = name, .first = first, .n = n};
	return 0;
}

static const struct {
	const char *from, *to;
} aliases[] = {{"platform.os", "os"}, {"platform.arch", "arch"}, {"cpu", "cpus"}};

/* The name as facts have it, or NULL. */
static const char *plain_name(char *name)
{
	const char *n = strncmp(name, "node.", 5) == 0 ? name + 5 : name;

	for (size_t k = 0; k < sizeof aliases / sizeof *aliases; k++) {
		if (!strcmp(n, aliases[k].from))
			return aliases[k].to;
	}
	for (size_t k = 0; names[k]; k++) {
		if (!strcmp(n, names[k]) || (!strcmp(names[k], LABELS) && !strncmp(n, LABELS, strlen(LABELS))))
			return strcmp(n, LABELS) != 0 ? n : NULL;
	}
	return NULL;
}

/* "amd64" and "arm64" are Docker's words for what the kernel calls x86_64 and aarch64. */
static void plain_arch(struct expr *e, uint16_t first)
{
	static const char *const words[][2] = {{"amd64", "x86_64"}, {"arm64", "aarch64"}};

	for (size_t v = first; v < e->n_texts; v++) {
		for (size_t k = 0; k < 2; k++) {
			if (strcmp(e->texts[v], words[k][0]) != 0)
				continue;
			free(e->texts[v]);
			e->texts[v] = mem_strdup(words[k][1]);
		}
	}
}

static int list(struct reader *r)
{
	int x;

	if (!take(r, "["))
		return wrong(r, r->p, "a list is needed here, [A, B]");
	do {
		x = value(r);
		if (x < 0)
			return x;
	} while (take(r, ","));
	return take(r, "]") ? 0 : wrong(r, r->p, "\",\" or \"]\" is needed here");
}

static bool comparison_op(struct reader *r, enum op *ret)
{
	static const struct {
		const char *text;
		enum op op;
	} ops[] = {{"==", OP_EQ}, {"!=", OP_NE}, {"<=", OP_LE}, {">=", OP_GE}, {"<", OP_LT}, {">", OP_GT}};

	for (size_t k = 0; k < sizeof ops / sizeof *ops; k++) {
		if (take(r, ops[k].text)) {
			*ret = ops[k].op;
			return true;
		}
	}
	skip(r);
	if (strncmp(r->p, "in", 2) != 0 || in_word(r->p[2]))
		return false;
	r->p += 2;
	*ret = OP_IN;
	return true;
}

static int name_text(struct reader *r, const char *start, size_t n, uint16_t *ret)
{
	mem_cleanup char *name = mem_strndup(start, n);
	const char *plain = plain_name(name);

	if (!n)
		return wrong(r, start, "a name (cores, memory, labels.disk ...), has(...), ! or ( is needed here");
	if (!plain)
		return wrong(r, start,
			     "nothing is known of nodes by this name (hostname, id, role, os, arch, kernel, version, "
			     "cores, slots, cpus, "
			     "memory, numa, numa_cores, numa_memory, sockets, gpus, gpus_by_hand, source, zone, price, "
			     "labels.NAME)");
	*ret = add_text(r->e, plain, strlen(plain));
	return 0;
}

static int comparison(struct reader *r, const char *start, size_t n)
{
	uint16_t name = 0, first;
	enum op op;
	int x;

	if (r->e->n_texts >= VALUES_MAX)
		return wrong(r, start, "too many names and values");
	x = name_text(r, start, n, &name);
	if (x < 0)
		return x;
	if (!comparison_op(r, &op))
		return wrong(r, r->p, "==, !=, <, <=, >, >= or in is needed here");
	first = (uint16_t)r->e->n_texts;
	x = op == OP_IN ? list(r) : value(r);
	if (x < 0)
		return x;
	if (!strcmp(r->e->texts[name], "arch"))
		plain_arch(r->e, first);
	return emit(r, op, name, first, (uint16_t)(r->e->n_texts - first));
}

/* has(avx2) asks for a flag of the processor, has(labels.disk) and has(gpus) for something that is known and not 0. */
static int has(struct reader *r)
{
	const char *start;
	size_t n = word(r, &start);
	mem_cleanup char *asked = mem_strndup(start, n), *flag = mem_printf(HAS "%s", asked);
	const char *plain = plain_name(asked);
	uint16_t name;

	if (!n)
		return wrong(r, r->p, "has() needs a flag of the processor or a name, for example has(avx2)");
	if (!take(r, ")"))
		return wrong(r, r->p, "\")\" is needed here");
	if (r->e->n_texts >= VALUES_MAX)
		return wrong(r, start, "too many names and values");
	name = plain ? add_text(r->e, plain, strlen(plain)) : add_text(r->e, flag, strlen(flag));
	return emit(r, OP_HAS, name, 0, 0);
}

static int either(struct reader *r, bool top);

static int term(struct reader *r)
{
	const char *start;
	size_t n;
	int x;

	if (r->depth >= EXPR_DEPTH_MAX)
		return wrong(r, r->p, "too many brackets or exclamation marks within each other");
	r->depth++;
	if (take(r, "!")) {
		x = term(r);
		if (x == 0)
			x = emit(r, OP_NOT, 0, 0, 0);
	} else if (take(r, "(")) {
		x = either(r, false);
		if (x == 0 && !take(r, ")"))
			x = wrong(r, r->p, "\")\", && or || is needed here");
	} else {
		n = word(r, &start);
		x = n == 3 && !strncmp(start, "has", 3) && take(r, "(") ? has(r) : comparison(r, start, n);
	}
	r->depth--;
	return x;
}

static void add_part(struct reader *r, size_t code, const char *from)
{
	struct expr *e = r->e;
	const char *end = r->p;

	while (end > from && isspace((unsigned char)end[-1]))
		end--;
	mem_grow(&e->parts, &e->cap_parts, e->n_parts);
	e->parts[e->n_parts++] = (struct part){.code = (uint16_t)code,
					       .n_code = (uint16_t)(e->n_code - code),
					       .text_at = (uint16_t)(from - e->text),
					       .text_len = (uint16_t)(end - from)};
}

static int both(struct reader *r, bool top)
{
	bool more = false;

	do {
		size_t code = r->e->n_code;
		const char *from;
		int x;

		skip(r);
		from = r->p;
		x = term(r);
		if (x < 0)
			return x;
		if (top)
			add_part(r, code, from);
		if (more && (x = emit(r, OP_AND, 0, 0, 0)) < 0)
			return x;
		more = true;
	} while (take(r, "&&"));
	return 0;
}

static int either(struct reader *r, bool top)
{
	const char *from = r->p;
	int x = both(r, top);

	while (x == 0 && take(r, "||")) {
		x = both(r, false);
		if (x == 0)
			x = emit(r, OP_OR, 0, 0, 0);
		if (top)
			r->e->n_parts = 0;
	}
	if (x == 0 && top && !r->e->n_parts)
		add_part(r, 0, from);
	return x;
}

int expr_parse(const char *text, struct expr **ret, size_t *ret_at, struct err *err)
{
	struct expr *e;
	struct reader r;
	int x = 0;

	if (ret_at)
		*ret_at = 0;
	if (strlen(text) > EXPR_TEXT_MAX)
		return err_set(err, EINVAL, "the expression is longer than %d bytes", EXPR_TEXT_MAX);
	e = mem_new(struct expr);
	e->text = mem_strdup(text);
	r = (struct reader){.e = e, .p = e->text, .ret_at = ret_at, .err = err};
	skip(&r);
	x = either(&r, true);
	skip(&r);
	if (x == 0 && *r.p)
		x = wrong(&r, r.p, "&& or || is needed here");
	if (x < 0) {
		expr_free(e);
		return x;
	}
	*ret = e;
	return 0;
}

struct expr *expr_free(struct expr *e)
{
	if (!e)
		return NULL;
	for (size_t k = 0; k < e->n_texts; k++)
		free(e->texts[k]);
	free(e->texts);
	free(e->text);
	free(e->code);
	free(e->parts);
	free(e);
	return NULL;
}

/* ---- asking ---- */

static bool one_of(const struct expr *e, const struct code *c, const char *is)
{
	for (size_t k = 0; k < c->n; k++) {
		if (same(is, e->texts[c->first + k]))
			return true;
	}
	return false;
}

static bool compare(const struct expr *e, const struct code *c, const char *is)
{
	int order;

	if (c->op == OP_HAS)
		return is && strcmp(is, "0") != 0;
	if (!is)
		return c->op == OP_NE;
	if (c->op == OP_EQ || c->op == OP_IN)
		return one_of(e, c, is);
	if (c->op == OP_NE)
		return !one_of(e, c, is);
	order = expr_compare(is, e->texts[c->first]);
	return c->op == OP_LT ? order < 0 : c->op == OP_LE ? order <= 0 : c->op == OP_GT ? order > 0 : order >= 0;
}

static bool run(const struct expr *e, size_t first, size_t n, expr_fact_fn fact, void *ctx)
{
	bool stack[EXPR_TERMS_MAX + 1] = {false};
	size_t depth = 0;

	for (size_t k = first; k < first + n; k++) {
		const struct code *c = &e->code[k];

		if (c->op == OP_NOT) {
			stack[depth - 1] = !stack[depth - 1];
		} else if (c->op == OP_AND || c->op == OP_OR) {
			depth--;
			stack[depth - 1] =
			    c->op == OP_AND ? stack[depth - 1] && stack[depth] : stack[depth - 1] || stack[depth];
		} else {
			stack[depth++] = compare(e, c, fact(ctx, e->texts[c->name]));
		}
	}
	return stack[0];
}

bool expr_holds(const struct expr *e, expr_fact_fn fact, void *ctx)
{
	return run(e, 0, e->n_code, fact, ctx);
}

size_t expr_parts(const struct expr *e)
{
	return e->n_parts;
}

bool expr_part_holds(const struct expr *e, size_t part, expr_fact_fn fact, void *ctx)
{
	return run(e, e->parts[part].code, e->parts[part].n_code, fact, ctx);
}

const char *expr_part_text(const struct expr *e, size_t part, size_t *ret_n)
{
	*ret_n = e->parts[part].text_len;
	return e->text + e->parts[part].text_at;
}

const char *expr_part_name(const struct expr *e, size_t part)
{
	const struct part *p = &e->parts[part];
	const char *name = p->n_code == 1 ? e->texts[e->code[p->code].name] : NULL;

	return name && strncmp(name, HAS, strlen(HAS)) != 0 ? name : NULL;
}
