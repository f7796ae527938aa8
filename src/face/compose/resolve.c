/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/resolve.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/compose/dotenv.h"
#include "face/compose/edit.h"
#include "face/compose/loader.h"
#include "face/compose/read.h"
#include "face/compose/scalar.h"

#include <string.h>

#define VARIABLES_MAX 10000

struct place {
	struct loader *l;
	const struct node *own; /* what the service itself says, or NULL */
	struct node *into;
	const struct node *at;
};

/* Variables of the project come before those of the service. */
static const char *lookup(void *ctx, const char *name)
{
	const struct place *p = ctx;
	const char *value = loader_variable(p->l, name);

	return value ? value : read_str(p->own, name, NULL);
}

static void set(void *ctx, const char *name, const char *value)
{
	struct place *p = ctx;
	size_t at;

	if (!value)
		value = lookup(ctx, name);
	if (!value)
		return;
	if (!scalar_utf8(value, strlen(value), &at))
		message_error(p->l, p->at, "the value of %s is not UTF-8 text", name);
	else if (p->into->n >= VARIABLES_MAX)
		message_error(p->l, p->at, "more than %d variables", VARIABLES_MAX);
	else
		edit_put(p->l, p->into, name, edit_text(p->l, p->at, value));
}

static void read_file(struct place *p, const char *path, bool required, bool raw)
{
	struct dotenv d = {.lookup = lookup, .set = set, .ctx = p, .raw = raw};
	mem_cleanup char *text = NULL;
	struct err err = ERR_INIT;
	size_t len;

	if (loader_read(path, DOTENV_BYTES_MAX, true, &text, &len, &err) < 0) {
		if (required || err.code != ENOENT)
			message_error(p->l, p->at, "%s", err.text);
	} else if (strlen(text) != len) {
		message_error(p->l, p->at, "%s: the file contains a NUL character", path);
	} else if (dotenv_parse(&d, text) < 0) {
		message_error(p->l, p->at, "%s: %s", path, d.why);
	}
}

/* The service's own values over those of the files. */
static void finish(struct loader *l, struct node *service, const char *key, struct place *p)
{
	const struct node *own = p->own;

	for (size_t i = 0; own && i < own->n; i++) {
		struct node *n = own->items[i], *copy = edit_text(l, n, n->text);

		copy->plain = n->plain;
		edit_put(l, p->into, n->key->text, copy);
	}
	if (p->into->n)
		edit_put(l, service, key, p->into);
}

static void resolve_env(struct loader *l, struct node *service, const struct node *files)
{
	struct place p = {.l = l, .own = read_map(service, "environment"), .into = edit_map(l, service)};

	for (size_t i = 0; i < files->n; i++) {
		p.at = files->items[i];
		read_file(&p, read_str(p.at, "path", ""), read_bool(p.at, "required", true),
			  strcmp(read_str(p.at, "format", ""), "raw") == 0);
	}
	finish(l, service, "environment", &p);
	edit_remove(service, "env_file");
}

static void resolve_labels(struct loader *l, struct node *service, const struct node *files)
{
	struct place p = {.l = l, .own = read_map(service, "labels"), .into = edit_map(l, service)};

	for (size_t i = 0; i < files->n; i++) {
		p.at = files->items[i];
		read_file(&p, p.at->text, true, false);
	}
	finish(l, service, "labels", &p);
	edit_remove(service, "label_file");
}

void resolve_files(struct loader *l, struct node *service)
{
	const struct node *env = read_list(service, "env_file"), *labels = read_list(service, "label_file");

	if (env)
		resolve_env(l, service, env);
	if (labels)
		resolve_labels(l, service, labels);
}
