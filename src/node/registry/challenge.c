/* SPDX-License-Identifier: Apache-2.0
 *
 * A challenge is a scheme and then either one token68 or parameters with commas between them; the comma is also what stands between
 * challenges. A word followed by '=' is therefore a parameter, any other word a scheme.
 */
#include "node/registry/challenge.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"

#include <stdbool.h>
#include <string.h>

#define ALNUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define TOKEN ALNUM "!#$%&'*+-.^_`|~"
#define TOKEN68 ALNUM "-._~+/"
#define BLANK " \t"

static int bad(const char *what, const char *header, const char *why, struct err *err)
{
	return err_set(err, EINVAL, "the registry's header \"%s: %.200s\" cannot be understood: %s", what, header, why);
}

/* token or quoted-string at *at; NULL when it is neither. */
static char *value(const char **at)
{
	struct buf out = BUF_LIMIT(CHALLENGE_MAX);
	const char *p = *at;
	size_t n;

	if (*p != '"') {
		n = strspn(p, TOKEN);
		*at = p + n;
		return n ? mem_strndup(p, n) : NULL;
	}
	buf_adds(&out, "");
	for (p++; *p && *p != '"'; p++) {
		if (*p == '\\' && p[1])
			p++;
		if ((unsigned char)*p < 0x20 && *p != '\t')
			break;
		buf_addc(&out, *p);
	}
	if (*p != '"') {
		buf_free(&out);
		return NULL;
	}
	*at = p + 1;
	return out.data ? buf_take(&out) : mem_strdup("");
}

static void skip(const char **at, const char *what)
{
	*at += strspn(*at, what);
}

static char **slot(struct challenge *c, const char *name, size_t n)
{
	const struct {
		const char *name;
		char **place;
	} known[] = {{"realm", &c->realm}, {"service", &c->service}, {"scope", &c->scope}, {"error", &c->error}};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (strlen(known[i].name) == n && strncasecmp(known[i].name, name, n) == 0)
			return known[i].place;
	}
	return NULL;
}

/* NAME = VALUE at *at; what we do not know is passed over. */
static const char *param(struct challenge *c, const char **at)
{
	const char *name = *at;
	size_t n = strspn(name, TOKEN);
	mem_cleanup char *text = NULL;
	char **place;

	*at += n;
	skip(at, BLANK);
	(*at)++; /* '=' */
	skip(at, BLANK);
	text = value(at);
	if (!text)
		return "a value is missing or its quotes are not closed";
	place = slot(c, name, n);
	if (place && *place)
		return "a parameter stands there twice";
	if (place)
		*place = mem_take(text);
	return NULL;
}

static bool is_param(const char *at)
{
	size_t n = strspn(at, TOKEN);
	const char *p = at + n;

	skip(&p, BLANK);
	/* "abc==" and "abc=" at the end are a token68 */
	return n > 0 && *p == '=' && p[1] != '=' && p[1] != '\0' && p[1] != ',';
}

/* What follows a scheme, up to the next challenge or the end. */
static const char *params(struct challenge *c, const char **at)
{
	if (!is_param(*at) && **at && **at != ',') {
		size_t n = strspn(*at, TOKEN68);

		*at += n;
		skip(at, "=");
		skip(at, BLANK);
		return n > 0 && (!**at || **at == ',') ? NULL : "after the scheme there must be parameters";
	}
	while (is_param(*at)) {
		const char *why = param(c, at);
		const char *after;

		if (why)
			return why;
		skip(at, BLANK);
		if (!**at)
			return NULL;
		if (**at != ',')
			return "there must be commas between parameters";
		after = *at;
		skip(&after, "," BLANK);
		if (!is_param(after))
			return NULL;
		*at = after;
	}
	return NULL;
}

static enum challenge_kind kind_of(const char *scheme, size_t n)
{
	if (n == 6 && strncasecmp(scheme, "bearer", n) == 0)
		return CHALLENGE_BEARER;
	return n == 5 && strncasecmp(scheme, "basic", n) == 0 ? CHALLENGE_BASIC : CHALLENGE_NONE;
}

void challenge_free(struct challenge *c)
{
	free(c->realm);
	free(c->service);
	free(c->scope);
	free(c->error);
	*c = (struct challenge){.kind = CHALLENGE_NONE};
}

int challenge_parse(const char *header, struct challenge *ret, struct err *err)
{
	cleanup_with(challenge_free) struct challenge best = {.kind = CHALLENGE_NONE};
	const char *at = header;

	if (strlen(header) > CHALLENGE_MAX)
		return bad("WWW-Authenticate", header, "it is too long", err);
	for (skip(&at, "," BLANK); *at; skip(&at, "," BLANK)) {
		cleanup_with(challenge_free) struct challenge one = {.kind = CHALLENGE_NONE};
		size_t n = strspn(at, TOKEN);
		const char *why;

		if (n == 0)
			return bad("WWW-Authenticate", header, "a scheme is missing", err);
		one.kind = kind_of(at, n);
		at += n;
		if (*at && !strchr(BLANK ",", *at))
			return bad("WWW-Authenticate", header, "after the scheme there must be a blank", err);
		skip(&at, BLANK);
		why = params(&one, &at);
		if (!why && one.kind == CHALLENGE_BEARER && !one.realm)
			why = "Bearer without a realm";
		if (why)
			return bad("WWW-Authenticate", header, why, err);
		if (one.kind > best.kind) {
			struct challenge worse = best;

			best = one;
			one = worse;
		}
	}
	*ret = best;
	memset(&best, 0, sizeof best);
	return 0;
}

/* The parameters of one link: *ret_next when rel holds "next". */
static const char *link_params(const char **at, bool *ret_next)
{
	*ret_next = false;
	for (skip(at, BLANK); **at == ';'; skip(at, BLANK)) {
		mem_cleanup char *text = NULL;
		const char *name;
		size_t n;

		(*at)++;
		skip(at, BLANK);
		name = *at;
		n = strspn(name, TOKEN);
		*at += n;
		skip(at, BLANK);
		if (**at != '=') {
			if (n == 0)
				return "a parameter has no name";
			continue;
		}
		(*at)++;
		skip(at, BLANK);
		text = value(at);
		if (!text)
			return "a value is missing or its quotes are not closed";
		if (n == 3 && strncasecmp(name, "rel", n) == 0 && strcasecmp(text, "next") == 0)
			*ret_next = true;
	}
	return **at && **at != ',' ? "there must be commas between links" : NULL;
}

int challenge_next_link(const char *header, char **ret, struct err *err)
{
	const char *at = header;

	if (strlen(header) > CHALLENGE_MAX)
		return bad("Link", header, "it is too long", err);
	for (skip(&at, "," BLANK); *at; skip(&at, "," BLANK)) {
		const char *end, *target = at + 1, *why;
		bool next;

		if (*at != '<' || !(end = strchr(at, '>')))
			return bad("Link", header, "an address must stand between < and >", err);
		at = end + 1;
		why = link_params(&at, &next);
		if (why)
			return bad("Link", header, why, err);
		if (next) {
			*ret = mem_strndup(target, (size_t)(end - target));
			return 0;
		}
	}
	*ret = NULL;
	return 0;
}
