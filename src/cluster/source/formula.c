/* SPDX-License-Identifier: Apache-2.0 */
/* Recursive descent that computes as it reads. Both sides of ?: are read; the one that is not taken gives a number that nobody uses. */
#include "cluster/source/formula.h"

#include "base/core/err.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	const char *text, *at;
	const struct formula_name *names;
	struct err *err;
	int depth;
	int failed; /* negative errno of the first error; nothing is read after it */
};

static double choice(struct reader *r);

static double fail(struct reader *r, int code, const char *what)
{
	if (!r->failed)
		r->failed = err_set(r->err, code, "%s at \"%.40s\" (byte %zu)", what, *r->at ? r->at : "the end",
				    (size_t)(r->at - r->text) + 1);
	return 0;
}

static void blanks(struct reader *r)
{
	while (isspace((unsigned char)*r->at))
		r->at++;
}

static bool take(struct reader *r, const char *word)
{
	size_t n = strlen(word);

	blanks(r);
	if (r->failed || strncmp(r->at, word, n) != 0)
		return false;
	r->at += n;
	return true;
}

static bool truth(double x)
{
	return !isnan(x) && x != 0;
}

/* ---- functions ---- */

static double fn_min(double a, double b)
{
	return a < b ? a : b;
}

static double fn_max(double a, double b)
{
	return a > b ? a : b;
}

static const struct {
	const char *name;
	double (*one)(double a);	   /* takes one, */
	double (*two)(double a, double b); /* or any number, two by two */
} functions[] = {{"min", NULL, fn_min},	 {"max", NULL, fn_max},	 {"ceil", ceil, NULL},
		 {"floor", floor, NULL}, {"round", round, NULL}, {"abs", fabs, NULL}};
#define N_FUNCTIONS (sizeof functions / sizeof *functions)

static double call(struct reader *r, size_t f)
{
	double x = choice(r), y;

	while (functions[f].two && take(r, ",")) {
		y = choice(r);
		x = isnan(x) || isnan(y) ? NAN : functions[f].two(x, y);
	}
	if (!r->failed && !take(r, ")"))
		return fail(r, EINVAL, "a \")\" is missing");
	return functions[f].one ? functions[f].one(x) : x;
}

/* ---- values ---- */

static double word(struct reader *r)
{
	const char *begin = r->at;
	size_t n = 0;

	while (isalnum((unsigned char)begin[n]) || begin[n] == '_')
		n++;
	for (size_t f = 0; f < N_FUNCTIONS; f++) {
		if (strlen(functions[f].name) != n || strncmp(begin, functions[f].name, n) != 0)
			continue;
		r->at += n;
		return take(r, "(") ? call(r, f) : fail(r, EINVAL, "a \"(\" is missing");
	}
	for (const struct formula_name *v = r->names; v->name; v++) {
		if (strlen(v->name) != n || strncmp(begin, v->name, n) != 0)
			continue;
		r->at += n;
		return v->value;
	}
	return fail(r, EINVAL, "an unknown name");
}

static double number(struct reader *r)
{
	size_t digits = strspn(r->at, "0123456789"), dot = r->at[digits] == '.';
	size_t rest = dot ? strspn(r->at + digits + 1, "0123456789") : 0;
	char text[64];

	if (digits + rest == 0)
		return fail(r, EINVAL, "a number or a name is missing");
	if (digits + dot + rest >= sizeof text)
		return fail(r, E2BIG, "a number is too long");
	memcpy(text, r->at, digits + dot + rest);
	text[digits + dot + rest] = '\0';
	r->at += digits + dot + rest;
	return strtod(text, NULL);
}

static double bracket(struct reader *r)
{
	double x = choice(r);

	return r->failed || take(r, ")") ? x : fail(r, EINVAL, "a \")\" is missing");
}

static double value(struct reader *r)
{
	double x;

	if (++r->depth > FORMULA_DEPTH_MAX)
		return fail(r, E2BIG, "more than 32 brackets or signs in each other");
	if (take(r, "-"))
		x = -value(r);
	else if (take(r, "!"))
		x = !truth(value(r));
	else if (take(r, "("))
		x = bracket(r);
	else if (r->failed)
		x = 0;
	else if (isalpha((unsigned char)*r->at))
		x = word(r);
	else
		x = number(r);
	r->depth--;
	return x;
}

/* ---- operators ---- */

static double divide(double a, double b)
{
	return b == 0 ? NAN : a / b;
}

static double rest(double a, double b)
{
	return b == 0 ? NAN : fmod(a, b);
}

static double product(struct reader *r)
{
	double x = value(r);

	while (!r->failed) {
		if (take(r, "*"))
			x *= value(r);
		else if (take(r, "/"))
			x = divide(x, value(r));
		else if (take(r, "%"))
			x = rest(x, value(r));
		else
			break;
	}
	return x;
}

static double sum(struct reader *r)
{
	double x = product(r);

	while (!r->failed) {
		if (take(r, "+"))
			x += product(r);
		else if (take(r, "-"))
			x -= product(r);
		else
			break;
	}
	return x;
}

static double compare(size_t o, double x, double y)
{
	if (isnan(x) || isnan(y))
		return NAN;
	switch (o) {
	case 0:
		return x == y;
	case 1:
		return x != y;
	case 2:
		return x <= y;
	case 3:
		return x >= y;
	case 4:
		return x < y;
	default:
		return x > y;
	}
}

/* From left to right: they all have the same strength. */
static double comparison(struct reader *r)
{
	static const char *const operators[] = {"==", "!=", "<=", ">=", "<", ">"};
	double x = sum(r);

	for (;;) {
		size_t o = 0;

		while (o < 6 && !take(r, operators[o]))
			o++;
		if (o == 6)
			return x;
		x = compare(o, x, sum(r));
	}
}

static double both(struct reader *r)
{
	double x = comparison(r);

	while (take(r, "&&")) {
		double y = comparison(r);

		x = truth(x) && truth(y);
	}
	return x;
}

static double either(struct reader *r)
{
	double x = both(r);

	while (take(r, "||")) {
		double y = both(r);

		x = truth(x) || truth(y);
	}
	return x;
}

static double choice(struct reader *r)
{
	double x, a, b;

	if (++r->depth > FORMULA_DEPTH_MAX)
		return fail(r, E2BIG, "more than 32 brackets or signs in each other");
	x = either(r);
	if (take(r, "?")) {
		a = choice(r);
		if (!r->failed && !take(r, ":"))
			return fail(r, EINVAL, "a \":\" is missing");
		b = choice(r);
		x = isnan(x) ? NAN : truth(x) ? a : b;
	}
	r->depth--;
	return x;
}

static int run(const char *text, const struct formula_name *names, double *ret, struct err *err)
{
	struct reader r = {.text = text, .at = text, .names = names, .err = err};

	if (strlen(text) > FORMULA_MAX)
		return err_set(err, E2BIG, "a formula has at most %d bytes", FORMULA_MAX);
	*ret = choice(&r);
	blanks(&r);
	if (!r.failed && *r.at)
		fail(&r, EINVAL, "an operator is missing");
	return r.failed;
}

int formula_check(const char *text, const struct formula_name *names, struct err *err)
{
	double x;

	return run(text, names, &x, err);
}

int formula_eval(const char *text, const struct formula_name *names, double *ret, struct err *err)
{
	double x;
	int r = run(text, names, &x, err);

	if (r == 0 && !isfinite(x))
		return err_set(err, ERANGE, "the result is no number (a division by zero?)");
	if (r == 0)
		*ret = x;
	return r;
}
