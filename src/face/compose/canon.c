/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/canon.h"

#include "face/compose/edit.h"
#include "face/compose/loader.h"
#include "face/compose/model.h"
#include "face/compose/plain.h"
#include "face/compose/scalar.h"
#include "face/compose/schema.h"
#include "face/compose/suggest.h"
#include "face/compose/words.h"

#include <ctype.h>
#include <string.h>

/* What stands in the file, by type; the texts of wrong types come from there, too. */
static const uint32_t shapes[MODEL_TYPES] = {[MODEL_STR] = S_STR,
					     [MODEL_TEXT] = S_TEXT,
					     [MODEL_BOOL] = S_BOOL,
					     [MODEL_INT] = S_INT,
					     [MODEL_FLOAT] = S_NUM,
					     [MODEL_SIZE] = S_SIZE | S_INT,
					     [MODEL_DURATION] = S_DURATION,
					     [MODEL_COUNT] = S_TEXT,
					     [MODEL_MODE] = S_INT | S_STR,
					     [MODEL_RAW_MODE] = S_INT | S_STR,
					     [MODEL_RESTART] = S_STR | S_BOOL,
					     [MODEL_COMMAND] = S_STR | S_LIST,
					     [MODEL_TEST] = S_STR | S_LIST,
					     [MODEL_STRINGS] = S_TEXT | S_LIST,
					     [MODEL_ENV] = S_LIST | S_NAMES,
					     [MODEL_MAP] = S_LIST | S_NAMES,
					     [MODEL_KEYS] = S_LIST | S_NAMES,
					     [MODEL_LISTS] = S_NAMES,
					     [MODEL_HOSTS] = S_LIST | S_NAMES,
					     [MODEL_OBJECT] = S_NAMES,
					     [MODEL_OBJECTS] = S_LIST,
					     [MODEL_NAMED] = S_LIST | S_NAMES,
					     [MODEL_EXTERNAL] = S_BOOL | S_NAMES,
					     [MODEL_ULIMITS] = S_NAMES,
					     [MODEL_ANY] = S_ANY};

static const struct model *short_field(const struct model *table)
{
	for (; table && table->name; table++)
		if (table->flags & MODEL_SHORT)
			return table;
	return NULL;
}

static bool fits(struct loader *l, const struct node *n, const struct model *m)
{
	/* sizes may be -1, which is "no limit" */
	const int64_t min = m->type == MODEL_SIZE ? -1 : m->min;
	const struct schema s = {
	    .name = m->name, .shapes = shapes[m->type], .words = m->words, .min = min, .max = m->max};

	return schema_check_one(l, n, &s);
}

static bool items_are_text(struct loader *l, const struct node *n, const struct schema *item)
{
	bool ok = true;

	for (size_t i = 0; i < n->n; i++)
		ok = (loader_is_open(l, n->items[i]) || schema_check_one(l, n->items[i], item)) && ok;
	return ok;
}

/* ---- lists and maps of texts ---- */

static void to_strings(struct loader *l, struct node *n, const struct model *m)
{
	struct node *item;

	if (n->kind == NODE_SCALAR) {
		item = edit_text(l, n, n->text);
		edit_become(n, NODE_LIST);
		node_add(&l->arena, n, NULL, item);
	} else if (!items_are_text(l, n, &schema_item_text)) {
		return;
	}
	for (size_t i = 0; i < n->n; i++) {
		n->items[i]->text = plain_text(l, n->items[i]);
		n->items[i]->plain = false;
		if (m->flags & MODEL_PATH)
			loader_absolute(l, n->items[i]);
	}
}

static void to_words(struct loader *l, struct node *n, const struct model *m)
{
	struct strings words = {0};
	const char *why = NULL;

	(void)m;
	if (n->kind == NODE_LIST) {
		items_are_text(l, n, &schema_item_str);
		return;
	}
	if (!words_split(&l->arena, n->text, &words, &why)) {
		message_error(l, n, "%s", why);
		return;
	}
	edit_become(n, NODE_LIST);
	for (size_t i = 0; i < words.n; i++)
		node_add(&l->arena, n, NULL, edit_text(l, n, words.v[i]));
}

static void to_test(struct loader *l, struct node *n, const struct model *m)
{
	const char *text = n->text;

	(void)m;
	if (n->kind == NODE_LIST) {
		items_are_text(l, n, &schema_item_str);
		return;
	}
	edit_become(n, NODE_LIST);
	node_add(&l->arena, n, NULL, edit_text(l, n, "CMD-SHELL"));
	node_add(&l->arena, n, NULL, edit_text(l, n, text));
}

static void put_entry(struct loader *l, struct node *map, const struct node *item, bool null_alone)
{
	const char *equals = strchr(item->text, '='), *key = item->text;
	size_t len = equals ? (size_t)(equals - key) : strlen(key);

	if (!len || isspace((unsigned char)key[len - 1])) {
		message_error(l, item, "\"%s\": %s; for example KEY=value", key,
			      len ? "a blank stands before the =" : "the name is missing");
		return;
	}
	edit_put(l, map, arena_strndup(&l->arena, key, len),
		 equals	      ? edit_text(l, item, equals + 1)
		 : null_alone ? edit_plain(l, item, "")
			      : edit_text(l, item, ""));
}

/* Both kinds of maps of texts; ENV keeps a key without value as null. */
static void to_map(struct loader *l, struct node *n, const struct model *m)
{
	static const struct schema value = {.name = "", .shapes = S_TEXT | S_NULL};
	struct node **items = n->items;
	size_t count = n->n;

	if (!items_are_text(l, n, n->kind == NODE_LIST ? &schema_item_text : &value))
		return;
	if (n->kind == NODE_LIST) {
		edit_become(n, NODE_MAP);
		for (size_t i = 0; i < count; i++)
			put_entry(l, n, items[i], m->type != MODEL_MAP);
	}
	for (size_t i = 0; i < n->n; i++) {
		/* A variable that is empty gives an empty text, which is not the same as none. */
		if (node_is_null(n->items[i]) && !n->items[i]->interpolated)
			continue;
		n->items[i]->text = plain_text(l, n->items[i]);
		n->items[i]->plain = false;
		if ((m->flags & MODEL_PATH) && plain_is_local(n->items[i]->text))
			loader_absolute(l, n->items[i]);
	}
}

static void to_lists(struct loader *l, struct node *n, const struct model *m)
{
	for (size_t i = 0; i < n->n; i++)
		if (n->items[i]->kind != NODE_MAP)
			to_strings(l, n->items[i], m);
}

static void add_host(struct loader *l, struct node *list, const struct node *at, const char *name, const char *address)
{
	size_t n = strlen(address);

	if (n > 2 && address[0] == '[' && address[n - 1] == ']')
		address = arena_strndup(&l->arena, address + 1, n - 2);
	if (!*name || strpbrk(name, ":="))
		message_error(l, at, "\"%s\" is no name of a host", name);
	else
		node_add(&l->arena, list, NULL, edit_text(l, at, arena_printf(&l->arena, "%s=%s", name, address)));
}

/* One entry of either form: "NAME=A,B", "NAME:A", or NAME with an address or a list of them. */
static void split_host(struct loader *l, struct node *list, const struct node *item)
{
	char *text = arena_strdup(&l->arena, item->text), *cut = strchr(text, '='), *save = NULL;

	if (item->key) {
		add_host(l, list, item, item->key->text, item->text);
		return;
	}
	cut = cut ? cut : strchr(text, ':');
	if (!cut) {
		message_error(l, item, "the address is missing: NAME=ADDRESS is needed, not \"%s\"", text);
		return;
	}
	*cut++ = '\0';
	for (char *address = strtok_r(cut, ",", &save); address; address = strtok_r(NULL, ",", &save))
		add_host(l, list, item, text, address);
}

static void to_hosts(struct loader *l, struct node *n, const struct model *m)
{
	struct node **items = n->items;
	size_t count = n->n;

	(void)m;
	edit_become(n, NODE_LIST);
	for (size_t i = 0; i < count; i++) {
		if (items[i]->kind == NODE_SCALAR)
			split_host(l, n, items[i]);
		for (size_t k = 0; items[i]->key && items[i]->kind == NODE_LIST && k < items[i]->n; k++)
			if (items[i]->items[k]->kind == NODE_SCALAR)
				add_host(l, n, items[i], items[i]->key->text, items[i]->items[k]->text);
	}
}

/* ---- objects ---- */

/* A text in place of an object is the value of one of its keys. */
static void expand_short(struct loader *l, struct node *n, const struct model *table)
{
	const struct model *field = short_field(table);
	struct node *value;

	if (n->kind != NODE_SCALAR || node_is_null(n) || !field)
		return;
	value = edit_text(l, n, "");
	edit_take(value, n);
	value->tag = NODE_UNTAGGED;
	edit_become(n, NODE_MAP);
	edit_put(l, n, field->name, value);
}

static void one_object(struct loader *l, struct node *n, const struct model *m, bool null_too)
{
	static const struct schema map = {.name = "", .shapes = S_NAMES};

	if (n->bad || loader_is_open(l, n) || (null_too && node_is_null(n)))
		return;
	expand_short(l, n, m->fields);
	if (schema_check_one(l, n, &map))
		canon_object(l, n, m->fields);
}

static void to_object(struct loader *l, struct node *n, const struct model *m)
{
	one_object(l, n, m, false);
}

static void to_objects(struct loader *l, struct node *n, const struct model *m)
{
	for (size_t i = 0; i < n->n; i++)
		one_object(l, n->items[i], m, false);
}

static void check_name(struct loader *l, const struct node *n)
{
	const char *name = n->key->text;
	size_t len = strlen(name);

	if (!len || strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != len)
		message_key_error(l, n, "a name has letters, digits, \".\", \"_\" and \"-\" only");
}

static void to_named(struct loader *l, struct node *n, const struct model *m)
{
	struct node **items = n->items;
	size_t count = n->n;

	if (n->kind == NODE_LIST) {
		if (!items_are_text(l, n, &schema_item_str))
			return;
		edit_become(n, NODE_MAP);
		for (size_t i = 0; i < count; i++)
			edit_put(l, n, items[i]->text, edit_plain(l, items[i], ""));
	}
	for (size_t i = 0; i < n->n; i++) {
		if (m->flags & MODEL_NAMES)
			check_name(l, n->items[i]);
		one_object(l, n->items[i], m, true);
	}
}

/* "yes" and its kin, when the user wrote them himself. */
static void to_bool(struct loader *l, struct node *n, const struct model *m)
{
	bool truth;

	(void)m;
	if (scalar_bool(n->text, false, &truth) || n->interpolated || !scalar_bool(n->text, true, &truth))
		return;
	message_warn(l, n, "\"%s\" is taken as a boolean; write %s", n->text, truth ? "true" : "false");
	n->text = arena_strdup(&l->arena, truth ? "true" : "false");
	n->plain = true;
}

/* {external: {name: x}} of old files is {external: true, name: x}. */
static void to_external(struct loader *l, struct node *n, const struct model *m)
{
	struct node *name = node_value(n, "name"), *parent = n->parent;

	if (n->kind == NODE_SCALAR)
		to_bool(l, n, m);
	if (n->kind != NODE_MAP)
		return;
	edit_become(n, NODE_SCALAR);
	n->text = arena_strdup(&l->arena, "true");
	n->plain = true;
	if (name && name->kind == NODE_SCALAR && parent && !node_value(parent, "name"))
		edit_put(l, parent, "name", edit_text(l, name, name->text));
}

static void to_ulimits(struct loader *l, struct node *n, const struct model *m)
{
	static const struct schema number = {.name = "", .shapes = S_INT, .min = -1};

	(void)m;
	for (size_t i = 0; i < n->n; i++) {
		if (n->items[i]->kind == NODE_MAP)
			canon_object(l, n->items[i], model_ulimit);
		else if (!loader_is_open(l, n->items[i]))
			schema_check_one(l, n->items[i], &number);
	}
}

static void to_path(struct loader *l, struct node *n, const struct model *m)
{
	if ((m->flags & MODEL_PATH) && n->kind == NODE_SCALAR && plain_is_local(n->text))
		loader_absolute(l, n);
}

static void to_count(struct loader *l, struct node *n, const struct model *m)
{
	static const struct schema number = {.name = "", .shapes = S_INT | S_STR, .words = "all", .min = -1};

	(void)m;
	schema_check_one(l, n, &number);
}

static void to_mode(struct loader *l, struct node *n, const struct model *m)
{
	int64_t mode;

	(void)m;
	if (!plain_mode(n, &mode))
		message_error(l, n, "an octal mode is needed, not \"%s\"; for example 0440", n->text);
}

static void (*const transforms[MODEL_TYPES])(struct loader *l, struct node *n, const struct model *m) = {
    [MODEL_STR] = to_path,    [MODEL_BOOL] = to_bool,	      [MODEL_COUNT] = to_count,
    [MODEL_MODE] = to_mode,   [MODEL_RAW_MODE] = to_mode,     [MODEL_COMMAND] = to_words,
    [MODEL_TEST] = to_test,   [MODEL_STRINGS] = to_strings,   [MODEL_ENV] = to_map,
    [MODEL_MAP] = to_map,     [MODEL_KEYS] = to_map,	      [MODEL_LISTS] = to_lists,
    [MODEL_HOSTS] = to_hosts, [MODEL_OBJECT] = to_object,     [MODEL_OBJECTS] = to_objects,
    [MODEL_NAMED] = to_named, [MODEL_EXTERNAL] = to_external, [MODEL_ULIMITS] = to_ulimits,
};

static void canon_value(struct loader *l, struct node *n, const struct model *m)
{
	if (n->bad || n->tag == NODE_RESET || node_is_null(n) || loader_is_open(l, n))
		return;
	if (m->expand)
		m->expand(l, n);
	if (m->type == MODEL_OBJECT)
		expand_short(l, n, m->fields);
	if (fits(l, n, m) && transforms[m->type])
		transforms[m->type](l, n, m);
}

static void tell_unknown(struct loader *l, const struct node *value, const struct model *table)
{
	struct suggest s = {.wrong = value->key->text};
	char text[SUGGEST_TEXT_MAX];

	for (; table->name; table++)
		suggest_try(&s, table->name);
	message_key_error(l, value, "unknown key%s", suggest_text(&s, text));
}

void canon_object(struct loader *l, struct node *n, const struct model *table)
{
	const struct model *m;

	/* a value may add a key beside itself (external.name) */
	for (size_t i = 0; i < n->n; i++) {
		n->items[i]->parent = n;
		n->items[i]->index = i;
		m = model_find(table, n->items[i]->key->text);
		if (m)
			canon_value(l, n->items[i], m);
		else if (strncmp(n->items[i]->key->text, "x-", 2) != 0)
			tell_unknown(l, n->items[i], table);
	}
	for (m = table; m->name; m++)
		if ((m->flags & MODEL_NEEDED) && !node_value(n, m->name))
			message_error(l, n, "%s is missing", m->name);
}
