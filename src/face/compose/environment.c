/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/environment.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/compose/dotenv.h"
#include "face/compose/job.h"
#include "face/compose/loader.h"
#include "face/compose/read.h"
#include "face/compose/scalar.h"

#include <string.h>

struct place {
	struct loader *l;
	struct job_service *s;
	const struct node *at;
};

/* Sets "name=value", in the place of an earlier one. */
static void set(struct loader *l, struct job_service *s, const struct node *at, const char *name, const char *value)
{
	struct strings *e = &s->environment;
	char *text = arena_printf(&l->arena, "%s=%s", name, value);
	size_t n = strlen(name) + 1, bad;

	if (!scalar_utf8(text, strlen(text), &bad)) {
		message_error(l, at, "the value of %.*s is not UTF-8 text", (int)(n - 1), text);
		return;
	}
	for (size_t i = 0; i < e->n; i++) {
		if (strncmp(e->v[i], text, n) == 0) {
			e->v[i] = text;
			return;
		}
	}
	strings_add(&l->arena, e, text);
}

static void set_or_inherit(struct loader *l, struct job_service *s, const struct node *at, const char *name,
			   const char *value)
{
	if (!value)
		value = loader_variable(l, name);
	if (value)
		set(l, s, at, name, value);
}

static const char *file_lookup(void *ctx, const char *name)
{
	return loader_variable(((struct place *)ctx)->l, name);
}

static void file_set(void *ctx, const char *name, const char *value)
{
	struct place *p = ctx;

	set_or_inherit(p->l, p->s, p->at, name, value);
}

static void read_file(struct loader *l, struct job_service *s, const struct node *at, const char *path, bool required,
		      bool raw)
{
	struct place place = {l, s, at};
	struct dotenv d = {.lookup = file_lookup, .set = file_set, .ctx = &place, .raw = raw};
	mem_cleanup char *text = NULL;
	struct err err = ERR_INIT;
	size_t len;
	char *full = loader_path(l, at, path);

	if (!full)
		return;
	if (loader_read(full, DOTENV_BYTES_MAX, true, &text, &len, &err) < 0) {
		if (required || err.code != ENOENT)
			message_error(l, at, "%s", err.text);
		return;
	}
	if (strlen(text) != len)
		message_error(l, at, "%s: the file contains a NUL character", full);
	else if (dotenv_parse(&d, text) < 0)
		message_error(l, at, "%s: %s", full, d.why);
}

static void read_env_files(struct loader *l, struct job_service *s)
{
	const struct node *n = node_value(s->node, "env_file"), *item;

	if (n && n->kind == NODE_SCALAR)
		read_file(l, s, n, n->text, true, false);
	for (size_t i = 0; n && n->kind == NODE_LIST && i < n->n; i++) {
		item = n->items[i];
		if (item->kind == NODE_SCALAR)
			read_file(l, s, item, item->text, true, false);
		else if (read_str(item, "path", NULL))
			read_file(l, s, item, read_str(item, "path", NULL), read_bool(item, "required", true),
				  read_str(item, "format", NULL) != NULL);
		else if (item->kind == NODE_MAP)
			message_error(l, item, "path is missing");
	}
}

/* The name and value of one entry in either form; value NULL when only the name is there. False for a wrong shape. */
static bool split_entry(struct loader *l, const struct node *item, const char **ret_name, const char **ret_value)
{
	const char *equals;

	if (item->kind != NODE_SCALAR)
		return false;
	if (item->key) {
		*ret_name = item->key->text;
		*ret_value = node_is_null(item) ? NULL : item->text;
		return true;
	}
	equals = strchr(item->text, '=');
	*ret_value = equals ? equals + 1 : NULL;
	*ret_name = arena_strndup(&l->arena, item->text, equals ? (size_t)(equals - item->text) : strlen(item->text));
	return true;
}

void environment_read(struct loader *l, struct job_service *s)
{
	const struct node *n = node_value(s->node, "environment");
	const char *name, *value;

	read_env_files(l, s);
	for (size_t i = 0; n && i < n->n; i++) {
		if (!split_entry(l, n->items[i], &name, &value))
			continue;
		if (!*name || strchr(name, '='))
			message_error(l, n->items[i], "no name of a variable; for example KEY=value");
		else
			set_or_inherit(l, s, n->items[i], name, value);
	}
}

static bool has_label(const struct job_service *s, const char *name)
{
	for (size_t i = 0; i < s->label_names.n; i++)
		if (strcmp(s->label_names.v[i], name) == 0)
			return true;
	return false;
}

void environment_read_labels(struct loader *l, struct job_service *s)
{
	const struct node *n = node_value(s->node, "labels");
	const char *name, *value;

	for (size_t i = 0; n && i < n->n; i++) {
		if (!split_entry(l, n->items[i], &name, &value))
			continue;
		if (!*name) {
			message_error(l, n->items[i], "the label has no name; for example team=data");
			continue;
		}
		if (has_label(s, name)) {
			message_error(l, n->items[i], "the label %s is there twice", name);
			continue;
		}
		strings_add(&l->arena, &s->label_names, name);
		strings_add(&l->arena, &s->label_values, value ? value : "");
	}
}
