/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/project_json.h"

#include "base/wire/json.h"
#include "face/compose/loader.h"
#include "face/compose/model.h"
#include "face/compose/plain.h"
#include "face/compose/read.h"
#include "face/compose/scalar.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct out {
	struct loader *l;
	yyjson_mut_doc *doc;
	bool contents;
};

/* All texts live in the loader's arena, longer than the document: nothing is copied. */
static yyjson_mut_val *text(const struct out *o, const char *value)
{
	return yyjson_mut_str(o->doc, value);
}

static yyjson_mut_val *real(const struct out *o, double number)
{
	if (number == rint(number) && fabs(number) < 9e15)
		return yyjson_mut_sint(o->doc, (int64_t)number);
	return yyjson_mut_real(o->doc, number);
}

/* ---- scalars: NULL for an empty value ---- */

static yyjson_mut_val *emit_text(const struct out *o, const struct node *n)
{
	char *value = plain_text(o->l, n);

	return *value ? text(o, value) : NULL;
}

static yyjson_mut_val *emit_bool(const struct out *o, const struct node *n)
{
	bool truth = false;

	(void)scalar_bool(n->text, true, &truth);
	return yyjson_mut_bool(o->doc, truth);
}

static yyjson_mut_val *emit_int(const struct out *o, const struct node *n)
{
	int64_t value = 0;

	(void)scalar_int(n->text, &value);
	return yyjson_mut_sint(o->doc, value);
}

static yyjson_mut_val *emit_float(const struct out *o, const struct node *n)
{
	double value = 0;

	(void)scalar_number(n->text, &value);
	return real(o, value);
}

static yyjson_mut_val *emit_size(const struct out *o, const struct node *n)
{
	int64_t value = 0;

	if (!scalar_int(n->text, &value))
		(void)scalar_size(n->text, &value);
	return value ? text(o, arena_printf(&o->l->arena, "%" PRId64, value)) : NULL;
}

static yyjson_mut_val *emit_duration(const struct out *o, const struct node *n)
{
	int64_t ns = 0;

	(void)scalar_nanoseconds(n->text, &ns);
	return text(o, plain_duration(o->l, ns));
}

static yyjson_mut_val *emit_count(const struct out *o, const struct node *n)
{
	return strcmp(n->text, "all") == 0 ? yyjson_mut_sint(o->doc, -1) : emit_int(o, n);
}

static yyjson_mut_val *emit_mode(const struct out *o, const struct node *n)
{
	int64_t mode = 0;

	(void)plain_mode(n, &mode);
	return text(o, arena_printf(&o->l->arena, "0%" PRIo64, (uint64_t)mode));
}

static yyjson_mut_val *emit_raw_mode(const struct out *o, const struct node *n)
{
	int64_t mode = 0;

	(void)plain_mode(n, &mode);
	return yyjson_mut_sint(o->doc, mode);
}

/* YAML's `no` without quotes was meant as the word. */
static yyjson_mut_val *emit_restart(const struct out *o, const struct node *n)
{
	bool truth;

	if (n->plain && scalar_bool(n->text, false, &truth))
		return text(o, truth ? "always" : "no");
	return emit_text(o, n);
}

/* Of keys that nobody knows: by its looks. */
static yyjson_mut_val *emit_any_scalar(const struct out *o, const struct node *n)
{
	double number;
	int64_t whole;
	bool truth;

	if (node_is_null(n))
		return yyjson_mut_null(o->doc);
	if (!n->plain || n->interpolated)
		return text(o, n->text);
	if (scalar_bool(n->text, false, &truth))
		return yyjson_mut_bool(o->doc, truth);
	if (scalar_int(n->text, &whole))
		return yyjson_mut_sint(o->doc, whole);
	if (scalar_number(n->text, &number))
		return real(o, number);
	return text(o, n->text);
}

static yyjson_mut_val *(*const scalars[MODEL_TYPES])(const struct out *o, const struct node *n) = {
    [MODEL_STR] = emit_text,	      [MODEL_TEXT] = emit_text,	      [MODEL_BOOL] = emit_bool,
    [MODEL_INT] = emit_int,	      [MODEL_FLOAT] = emit_float,     [MODEL_SIZE] = emit_size,
    [MODEL_DURATION] = emit_duration, [MODEL_COUNT] = emit_count,     [MODEL_MODE] = emit_mode,
    [MODEL_RAW_MODE] = emit_raw_mode, [MODEL_RESTART] = emit_restart, [MODEL_EXTERNAL] = emit_bool,
    [MODEL_ULIMITS] = emit_int,
};

/* ---- lists and maps ---- */

static yyjson_mut_val *emit_object(const struct out *o, const struct node *n, const struct model *table);

/* The items in the order of their keys. */
static const struct node **sorted(const struct out *o, const struct node *map);

static yyjson_mut_val *emit_any(const struct out *o, const struct node *n)
{
	const struct node **items = n->kind == NODE_MAP ? sorted(o, n) : NULL;
	yyjson_mut_val *v;

	if (n->kind == NODE_SCALAR)
		return emit_any_scalar(o, n);
	v = n->kind == NODE_MAP ? yyjson_mut_obj(o->doc) : yyjson_mut_arr(o->doc);
	for (size_t i = 0; i < n->n; i++) {
		if (n->kind == NODE_MAP)
			yyjson_mut_obj_add(v, text(o, items[i]->key->text), emit_any(o, items[i]));
		else
			yyjson_mut_arr_append(v, emit_any(o, n->items[i]));
	}
	return v;
}

static int by_key(const void *a, const void *b)
{
	return strcmp((*(const struct node *const *)a)->key->text, (*(const struct node *const *)b)->key->text);
}

static const struct node **sorted(const struct out *o, const struct node *map)
{
	const struct node **items = arena_new_n(&o->l->arena, const struct node *, map->n + 1);

	for (size_t i = 0; i < map->n; i++)
		items[i] = map->items[i];
	if (map->n)
		qsort(items, map->n, sizeof *items, by_key);
	return items;
}

static int by_text(const void *a, const void *b)
{
	return strcmp((*(const struct node *const *)a)->text, (*(const struct node *const *)b)->text);
}

static yyjson_mut_val *emit_strings(const struct out *o, const struct node *n, const struct model *m)
{
	const struct node **items = arena_new_n(&o->l->arena, const struct node *, n->n + 1);
	yyjson_mut_val *list = yyjson_mut_arr(o->doc);

	for (size_t i = 0; i < n->n; i++)
		items[i] = n->items[i];
	if (m->type == MODEL_HOSTS && n->n)
		qsort(items, n->n, sizeof *items, by_text);
	for (size_t i = 0; i < n->n; i++)
		if (items[i]->kind == NODE_SCALAR)
			yyjson_mut_arr_append(list, text(o, items[i]->text));
	return list;
}

static yyjson_mut_val *map_value(const struct out *o, const struct node *n, const struct model *m)
{
	if (m->type == MODEL_NAMED)
		return node_is_null(n) ? yyjson_mut_null(o->doc) : emit_object(o, n, m->fields);
	if (m->type == MODEL_LISTS)
		return emit_any(o, n);
	if (m->type == MODEL_ULIMITS)
		return n->kind == NODE_MAP ? emit_object(o, n, model_ulimit) : emit_int(o, n);
	if (m->type == MODEL_ENV && node_is_null(n))
		return yyjson_mut_null(o->doc);
	return text(o, node_is_null(n) ? "" : n->text);
}

static yyjson_mut_val *emit_map(const struct out *o, const struct node *n, const struct model *m)
{
	const struct node **items = sorted(o, n);
	yyjson_mut_val *map = yyjson_mut_obj(o->doc);

	for (size_t i = 0; i < n->n; i++)
		yyjson_mut_obj_add(map, text(o, items[i]->key->text), map_value(o, items[i], m));
	return map;
}

static yyjson_mut_val *emit_keys(const struct out *o, const struct node *n)
{
	const struct node **items = sorted(o, n);
	yyjson_mut_val *list = yyjson_mut_arr(o->doc);

	for (size_t i = 0; i < n->n; i++) {
		const char *key = items[i]->key->text;

		yyjson_mut_arr_append(list, text(o, node_is_null(items[i]) || !*items[i]->text
							? key
							: arena_printf(&o->l->arena, "%s=%s", key, items[i]->text)));
	}
	return list;
}

static yyjson_mut_val *emit_objects(const struct out *o, const struct node *n, const struct model *m)
{
	yyjson_mut_val *list = yyjson_mut_arr(o->doc);

	for (size_t i = 0; i < n->n; i++)
		yyjson_mut_arr_append(list, emit_object(o, n->items[i], m->fields));
	return list;
}

/* Zero, false and "" of a key that is left out then. */
static bool is_empty(yyjson_mut_val *v)
{
	return !v || (yyjson_mut_is_bool(v) && !yyjson_mut_get_bool(v)) ||
	       (yyjson_mut_is_num(v) && yyjson_mut_get_num(v) == 0) ||
	       (yyjson_mut_is_str(v) && (yyjson_mut_get_len(v) == 0 || strcmp(yyjson_mut_get_str(v), "0s") == 0)) ||
	       (yyjson_mut_is_ctn(v) && unsafe_yyjson_get_len(v) == 0);
}

static yyjson_mut_val *emit_value(const struct out *o, const struct node *n, const struct model *m)
{
	if (n->kind == NODE_SCALAR && loader_is_open(o->l, n))
		return text(o, n->text);
	if (node_is_null(n))
		return NULL;
	if (n->kind == NODE_SCALAR)
		return scalars[m->type] ? scalars[m->type](o, n) : emit_any_scalar(o, n);
	if (m->type == MODEL_OBJECT)
		return emit_object(o, n, m->fields);
	if (m->type == MODEL_OBJECTS)
		return emit_objects(o, n, m);
	if (m->type == MODEL_KEYS && n->kind == NODE_MAP)
		return emit_keys(o, n);
	return n->kind == NODE_LIST ? emit_strings(o, n, m) : emit_map(o, n, m);
}

/* An object that is always there has what its keys have without a value. */
static yyjson_mut_val *emit_missing(const struct out *o, const struct model *m)
{
	yyjson_mut_val *v;

	if (m->flags & MODEL_NULL)
		return yyjson_mut_null(o->doc);
	if (!(m->flags & MODEL_ALWAYS))
		return NULL;
	v = yyjson_mut_obj(o->doc);
	for (const struct model *f = m->fields; f->name; f++)
		if (f->flags & MODEL_NULL)
			yyjson_mut_obj_add(v, text(o, f->name), yyjson_mut_null(o->doc));
	return v;
}

static void emit_field(const struct out *o, yyjson_mut_val *obj, const struct node *n, const struct model *m)
{
	const struct node *value = node_value(n, m->name);
	yyjson_mut_val *v = NULL;

	if (strcmp(m->name, "content") == 0 && node_value(n, "environment") && !o->contents)
		return;
	if (value)
		v = emit_value(o, value, m);
	if (!v && (!value || (m->flags & MODEL_NULL)))
		v = emit_missing(o, m);
	if (v && (!is_empty(v) || !value || (m->flags & (MODEL_KEEP | MODEL_NULL | MODEL_ALWAYS))))
		yyjson_mut_obj_add(obj, text(o, m->name), v);
}

static void emit_extensions(const struct out *o, yyjson_mut_val *obj, const struct node *n)
{
	const struct node **items = sorted(o, n);

	for (size_t i = 0; i < n->n; i++)
		if (strncmp(items[i]->key->text, "x-", 2) == 0)
			yyjson_mut_obj_add(obj, text(o, items[i]->key->text), emit_any(o, items[i]));
}

static yyjson_mut_val *emit_object(const struct out *o, const struct node *n, const struct model *table)
{
	yyjson_mut_val *obj = yyjson_mut_obj(o->doc);

	if (n->kind != NODE_MAP)
		return emit_any(o, n);
	for (; table->name; table++)
		emit_field(o, obj, n, table);
	emit_extensions(o, obj, n);
	return obj;
}

char *project_json(struct loader *l, const struct node *root, bool contents, size_t *ret_len)
{
	json_mut_cleanup yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	const struct out o = {.l = l, .doc = doc, .contents = contents};

	yyjson_mut_doc_set_root(doc, emit_object(&o, root, model_top));
	return json_text(doc, false, ret_len);
}
