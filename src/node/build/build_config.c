/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/build_config.h"

#include "base/core/mem.h"

#include <string.h>

struct build_config *build_config_empty(struct keep *k, const char *os, const char *architecture, const char *variant)
{
	struct build_config *c = keep_new(k, struct build_config);

	c->os = keep_str(k, os);
	c->architecture = keep_str(k, architecture);
	c->variant = variant && *variant ? keep_str(k, variant) : NULL;
	c->stop_timeout = -1;
	return c;
}

static char **dup_list(struct keep *k, char *const *v)
{
	size_t n = mem_strv_len(v);
	char **copy;

	if (!v)
		return NULL;
	copy = keep_new_n(k, char *, n + 1);
	memcpy(copy, v, n * sizeof(*v));
	return copy;
}

static void *dup_array(struct keep *k, const void *p, size_t n, size_t size)
{
	size_t room = 1;
	void *copy;

	if (!n)
		return NULL;
	while (room < n)
		room *= 2; /* as build_config_set_pair() and build_config_add_history() count on */
	copy = keep_alloc(k, room, size);
	memcpy(copy, p, n * size);
	return copy;
}

/* Strings are shared: they are never changed, only replaced. */
struct build_config *build_config_dup(struct keep *k, const struct build_config *c)
{
	struct build_config *d = keep_new(k, struct build_config);

	*d = *c;
	d->env = dup_list(k, c->env);
	d->on_build = dup_list(k, c->on_build);
	d->labels = dup_array(k, c->labels, c->n_labels, sizeof(*c->labels));
	d->ports = dup_array(k, c->ports, c->n_ports, sizeof(*c->ports));
	d->volumes = dup_array(k, c->volumes, c->n_volumes, sizeof(*c->volumes));
	d->history = dup_array(k, c->history, c->n_history, sizeof(*c->history));
	return d;
}

/* The entry of NAME in a list of NAME=VALUE, or where its end is. */
static size_t find_env(char *const *env, const char *name)
{
	size_t i = 0, n = strlen(name);

	while (env && env[i] && (strncmp(env[i], name, n) != 0 || env[i][n] != '='))
		i++;
	return i;
}

const char *build_config_env(const struct build_config *c, const char *name)
{
	size_t i = find_env(c->env, name);

	return c->env && c->env[i] ? c->env[i] + strlen(name) + 1 : NULL;
}

void build_config_set_env(struct keep *k, struct build_config *c, const char *name, const char *value)
{
	size_t i = find_env(c->env, name), n = mem_strv_len(c->env);
	char **env = keep_new_n(k, char *, n + 2); /* a new list: steps before hold the old one */

	if (n)
		memcpy(env, c->env, n * sizeof(*env));
	env[i] = keep_printf(k, "%s=%s", name, value);
	c->env = env;
}

void build_config_set_pair(struct keep *k, struct build_pair **pairs, size_t *n, const char *name, const char *value)
{
	size_t at = 0;
	struct build_pair *p;

	while (at < *n && strcmp((*pairs)[at].name, name) < 0)
		at++;
	if (at < *n && !strcmp((*pairs)[at].name, name)) {
		(*pairs)[at].value = keep_str(k, value);
		return;
	}
	/* The room doubles: it is full when n is 0 or a power of two. */
	if (!(*n & (*n - 1))) {
		p = keep_new_n(k, struct build_pair, *n ? *n * 2 : 1);
		if (*n)
			memcpy(p, *pairs, *n * sizeof(*p));
		*pairs = p;
	}
	p = *pairs;
	memmove(p + at + 1, p + at, (*n - at) * sizeof(*p));
	p[at] = (struct build_pair){.name = keep_str(k, name), .value = keep_str(k, value)};
	(*n)++;
}

void build_config_add_history(struct keep *k, struct build_config *c, const struct build_history *h)
{
	if (!(c->n_history & (c->n_history - 1))) {
		struct build_history *p = keep_new_n(k, struct build_history, c->n_history ? c->n_history * 2 : 1);

		if (c->n_history)
			memcpy(p, c->history, c->n_history * sizeof(*p));
		c->history = p;
	}
	c->history[c->n_history++] = *h;
}
