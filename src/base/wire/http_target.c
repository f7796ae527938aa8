/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wire/http_target.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static int hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Decodes the n bytes at `at` in place and ends them with a NUL, for which there is room. */
static int decode(char *at, size_t n, bool plus, struct err *err)
{
	char *out = at;

	for (size_t i = 0; i < n; i++) {
		int high, low;

		if (at[i] != '%') {
			*out++ = plus && at[i] == '+' ? ' ' : at[i];
			continue;
		}
		high = n - i > 2 ? hex_of(at[i + 1]) : -1;
		low = high >= 0 ? hex_of(at[i + 2]) : -1;
		if (low < 0 || high + low == 0)
			return err_set(err, EINVAL, "the request target holds a bad percent escape");
		*out++ = (char)(high << 4 | low);
		i += 2;
	}
	*out = '\0';
	return 0;
}

static int add_param(struct http_target *t, char *at, size_t n, struct err *err)
{
	char *value = memchr(at, '=', n);
	struct http_param *p;
	size_t name_len = value ? (size_t)(value - at) : n;
	int r;

	if (t->n_params == HTTP_PARAMS_MAX)
		return err_set(err, EINVAL, "the request target has more than %d parameters", HTTP_PARAMS_MAX);
	mem_grow(&t->params, &t->cap_params, t->n_params);
	p = &t->params[t->n_params++];
	p->name = at;
	p->value = value ? value + 1 : "";
	r = value ? decode(value + 1, n - name_len - 1, true, err) : 0;
	return r < 0 ? r : decode(at, name_len, true, err);
}

static int parse_query(struct http_target *t, char *at, struct err *err)
{
	while (*at) {
		size_t n = strcspn(at, "&");
		bool more = at[n] == '&';
		int r = n ? add_param(t, at, n, err) : 0;

		if (r < 0)
			return r;
		at += n + more;
	}
	return 0;
}

/* RFC 9112 section 3.2.2: the absolute form must be accepted; which host it names is of no matter here. */
static char *skip_host(char *text)
{
	char *slash;

	if (strncasecmp(text, "http://", 7) != 0)
		return text;
	slash = strpbrk(text + 7, "/?");
	return slash && *slash == '/' ? slash : NULL;
}

int http_target_parse(struct http_target *t, const char *raw, struct err *err)
{
	mem_cleanup char *text = mem_strdup(raw);
	char *path = skip_host(text), *query;
	int r;

	*t = (struct http_target){.text = NULL};
	if (!path || (path[0] != '/' && strcmp(path, "*") != 0))
		return err_set(err, EINVAL, "the request target is not a path");
	path[strcspn(path, "#")] = '\0';
	query = strchr(path, '?');
	if (query)
		*query++ = '\0';
	r = query ? parse_query(t, query, err) : 0;
	if (r == 0)
		r = decode(path, strlen(path), false, err);
	if (r < 0) {
		http_target_free(t);
		return r;
	}
	t->path = path;
	t->text = mem_take(text);
	return 0;
}

const char *http_target_param(const struct http_target *t, const char *name)
{
	for (size_t i = 0; i < t->n_params; i++)
		if (strcmp(t->params[i].name, name) == 0)
			return t->params[i].value;
	return NULL;
}

void http_target_free(struct http_target *t)
{
	free(t->text);
	free(t->params);
	*t = (struct http_target){.text = NULL};
}
