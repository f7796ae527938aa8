/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/schema.h"

#include "base/core/buf.h"
#include "face/compose/loader.h"
#include "face/compose/scalar.h"
#include "face/compose/suggest.h"

#include <string.h>

const struct schema schema_item_str = {.name = "", .shapes = S_STR};
const struct schema schema_item_text = {.name = "", .shapes = S_TEXT};

bool schema_is_empty(const struct node *n)
{
	bool truth;

	if (n->kind != NODE_SCALAR)
		return n->n == 0;
	return node_is_null(n) || (scalar_bool(n->text, n->interpolated, &truth) && !truth && n->text[0] != '0');
}

static bool word_allowed(const char *words, const char *text)
{
	size_t len = strlen(text);

	for (const char *p = words; *p; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");

		if (n == len && strncmp(p, text, n) == 0)
			return true;
		p += n;
	}
	return false;
}

static bool looks_typed(const struct node *n)
{
	double number;
	bool truth;

	return n->plain && !n->interpolated && (scalar_bool(n->text, false, &truth) || scalar_number(n->text, &number));
}

static bool int_fits(const struct node *n, const struct schema *s)
{
	int64_t value;

	return scalar_int(n->text, &value) && value >= s->min && (s->max == 0 || value <= s->max);
}

/* Compose takes the words of old YAML in projects, too, even in quotes. */
static bool bool_fits(const struct loader *l, const struct node *n)
{
	bool truth, words = l->merges && n->text[0] != '0' && n->text[0] != '1';

	return scalar_bool(n->text, n->interpolated || words, &truth);
}

static bool scalar_fits(const struct loader *l, const struct node *n, const struct schema *s)
{
	char signal[SCALAR_SIGNAL_MAX];
	double number;
	int64_t value;
	uint32_t h = s->shapes;

	return ((h & S_INT) && int_fits(n, s)) ||
	       ((h & S_NUM) && scalar_number(n->text, &number) && number >= (double)s->min) ||
	       ((h & S_BOOL) && bool_fits(l, n)) || ((h & S_DURATION) && scalar_duration(n->text, &value)) ||
	       ((h & S_SIZE) && scalar_size(n->text, &value)) || ((h & S_CPUS) && scalar_cpus(n->text, &value)) ||
	       ((h & S_SIGNAL) && scalar_signal(n->text, signal)) || (h & S_TEXT) ||
	       ((h & S_STR) && !looks_typed(n) && (!s->words || word_allowed(s->words, n->text)));
}

static void add_need(struct buf *b, const char *text)
{
	if (b->len)
		buf_adds(b, " or ");
	buf_adds(b, text);
}

static void add_int_need(struct buf *b, const struct schema *s)
{
	add_need(b, "a whole number");
	if (s->max)
		buf_printf(b, " from %lld to %lld", (long long)s->min, (long long)s->max);
	else
		buf_printf(b, " of at least %lld", (long long)s->min);
}

static void add_words_need(struct buf *b, const char *words)
{
	add_need(b, "one of");
	for (const char *p = words; *p; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");

		buf_printf(b, "%s %.*s", p == words ? "" : ",", (int)n, p);
		p += n;
	}
}

static char *needs(struct loader *l, const struct schema *s)
{
	static const struct {
		uint32_t shape;
		const char *text;
	} texts[] = {{S_BOOL, "a boolean (true or false)"},
		     {S_DURATION, "a duration (such as 1m30s)"},
		     {S_SIZE, "a size (such as 64m)"},
		     {S_CPUS, "a number of CPUs (such as 0.5)"},
		     {S_SIGNAL, "a signal (such as SIGTERM)"},
		     {S_LIST, "a list"},
		     {S_MAP | S_NAMES, "a map"}};
	struct buf b = BUF_LIMIT(1024);

	if (s->words)
		add_words_need(&b, s->words);
	else if (s->shapes & (S_STR | S_TEXT))
		add_need(&b, "a string");
	if (s->shapes & S_INT)
		add_int_need(&b, s);
	if ((s->shapes & S_NUM) && s->min)
		buf_printf(&b, "%sa number of at least %lld", b.len ? " or " : "", (long long)s->min);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (s->shapes & texts[i].shape)
			add_need(&b, texts[i].text);
	return arena_own(&l->arena, b.data ? buf_take(&b) : NULL);
}

static void tell_wrong_type(struct loader *l, const struct node *n, const struct schema *s)
{
	char text[SUGGEST_TEXT_MAX] = "";

	if (s->words && n->kind == NODE_SCALAR) {
		struct suggest nearest = {.wrong = n->text};
		char *copy = arena_strdup(&l->arena, s->words), *save = NULL;

		for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
			suggest_try(&nearest, w);
		suggest_text(&nearest, text);
	}
	if (!*text && n->kind == NODE_SCALAR && n->plain && s->shapes == S_STR && !s->words)
		message_error(l, n, "%s is needed, not %s; write it in quotes: \"%s\"", needs(l, s),
			      node_what(&l->arena, n), n->text);
	else
		message_error(l, n, "%s is needed, not %s%s%s%s", needs(l, s), node_what(&l->arena, n), text,
			      s->example ? "; for example " : "", s->example ? s->example : "");
}

static const struct schema *find_row(const struct schema *table, const char *name)
{
	for (; table->name; table++)
		if (strcmp(table->name, name) == 0)
			return table;
	return NULL;
}

static void tell_unknown(struct loader *l, const struct node *value, const struct schema *table)
{
	struct suggest s = {.wrong = value->key->text};
	char text[SUGGEST_TEXT_MAX];

	for (; table->name; table++)
		suggest_try(&s, table->name);
	message_key_error(l, value, "unknown key%s", suggest_text(&s, text));
}

/* A typing error is told in what has no effect too, but neither types nor support of what stands there. */
static void check_names_only(struct loader *l, const struct node *n, const struct schema *s)
{
	const struct schema *child;

	for (size_t i = 0; n->kind == NODE_MAP && i < n->n; i++) {
		if ((s->shapes & S_NAMES) && s->item) {
			check_names_only(l, n->items[i], s->item);
			continue;
		}
		if (!(s->shapes & S_MAP) || !s->fields)
			return;
		child = find_row(s->fields, n->items[i]->key->text);
		if (child)
			check_names_only(l, n->items[i], child);
		else if (strncmp(n->items[i]->key->text, "x-", 2) != 0)
			tell_unknown(l, n->items[i], s->fields);
	}
}

static void check_value(struct loader *l, const struct node *n, const struct schema *s);

static void check_row(struct loader *l, const struct node *value, const struct schema *row)
{
	if (row->support == SCHEMA_LATER) {
		if (!schema_is_empty(value))
			message_key_error(l, value, "not supported yet by this version of berth");
		return;
	}
	if (row->support == SCHEMA_NOTHING) {
		if (schema_is_empty(value))
			return;
		message_key_warn(l, value, "has no effect here%s%s", row->remark ? ": " : "",
				 row->remark ? row->remark : "");
		check_names_only(l, value, row);
		return;
	}
	if (node_is_null(value) && !(row->shapes & (S_NULL | S_ANY))) {
		message_key_warn(l, value, "has no value and is ignored");
		return;
	}
	check_value(l, value, row);
}

static void check_fields(struct loader *l, const struct node *map, const struct schema *table)
{
	for (size_t i = 0; i < map->n; i++) {
		const struct node *value = map->items[i];
		const struct schema *row = find_row(table, value->key->text);

		if (row)
			check_row(l, value, row);
		else if (strncmp(value->key->text, "x-", 2) != 0)
			tell_unknown(l, value, table);
	}
}

static bool check_items(struct loader *l, const struct node *n, const struct schema *item)
{
	for (size_t i = 0; item && i < n->n; i++)
		check_value(l, n->items[i], item);
	return true;
}

/* False when the shape is wrong at this very node. */
static bool check_shape(struct loader *l, const struct node *n, const struct schema *s)
{
	if (node_is_null(n))
		return s->shapes & (S_NULL | S_TEXT);
	if (n->kind == NODE_SCALAR)
		return scalar_fits(l, n, s);
	if (n->kind == NODE_LIST)
		return (s->shapes & S_LIST) && check_items(l, n, s->item);
	if ((s->shapes & S_MAP) && s->fields) {
		check_fields(l, n, s->fields);
		return true;
	}
	return (s->shapes & S_NAMES) && check_items(l, n, s->item);
}

static void check_value(struct loader *l, const struct node *n, const struct schema *s)
{
	if (n->bad || (s->shapes & S_ANY))
		return;
	if (!check_shape(l, n, s))
		tell_wrong_type(l, n, s);
	else if (s->check)
		s->check(l, n);
}

void schema_check(struct loader *l)
{
	check_fields(l, l->root, schema_top);
}

bool schema_check_one(struct loader *l, const struct node *n, const struct schema *s)
{
	size_t before = l->messages->n_errors;

	check_value(l, n, s);
	return l->messages->n_errors == before;
}
