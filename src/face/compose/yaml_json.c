/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/yaml_json.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "face/compose/loader.h"
#include "face/compose/scalar.h"
#include "face/compose/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct yaml_json {
	struct loader l;
	struct compose_messages messages;
	yyjson_mut_doc *doc;
};

static yyjson_mut_val *convert(yyjson_mut_doc *d, const struct node *n);

static yyjson_mut_val *scalar(yyjson_mut_doc *d, const struct node *n)
{
	double number;
	int64_t whole;
	bool truth;

	if (node_is_null(n))
		return yyjson_mut_null(d);
	if (n->plain && scalar_bool(n->text, false, &truth))
		return yyjson_mut_bool(d, truth);
	if (n->plain && scalar_int(n->text, &whole))
		return whole < 0 ? yyjson_mut_sint(d, whole) : yyjson_mut_uint(d, (uint64_t)whole);
	if (n->plain && scalar_number(n->text, &number))
		return yyjson_mut_real(d, number);
	return yyjson_mut_str(d, n->text);
}

/* yaml_load() has limited depth and number. */
static yyjson_mut_val *convert(yyjson_mut_doc *d, const struct node *n)
{
	yyjson_mut_val *v;

	if (n->kind == NODE_SCALAR)
		return scalar(d, n);
	v = n->kind == NODE_MAP ? yyjson_mut_obj(d) : yyjson_mut_arr(d);
	for (size_t i = 0; i < n->n; i++) {
		if (n->kind == NODE_MAP)
			yyjson_mut_obj_add(v, yyjson_mut_str(d, n->items[i]->key->text), convert(d, n->items[i]));
		else
			yyjson_mut_arr_append(v, convert(d, n->items[i]));
	}
	return v;
}

static int read_text(const char *file, char **ret, size_t *ret_len, struct err *err)
{
	int r;

	if (strcmp(file, "-") != 0)
		return loader_read(file, YAML_BYTES_MAX, false, ret, ret_len, err);
	r = fd_read_all(STDIN_FILENO, YAML_BYTES_MAX, ret, ret_len);
	return r < 0 ? err_sys(err, -r, "read standard input") : 0;
}

static int parse(struct yaml_json *y, const char *text, size_t len, struct err *err)
{
	if (!yaml_load(&y->l, text, len))
		return err_set(err, EINVAL, "%s",
			       y->messages.n ? y->messages.items[0].text : "the file is no YAML, or too large");
	y->doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_doc_set_root(y->doc, convert(y->doc, y->l.root));
	return 0;
}

int yaml_json_read(const char *file, struct yaml_json **ret, struct err *err)
{
	static const struct compose_options options;
	struct yaml_json *y = mem_new(struct yaml_json);
	mem_cleanup char *text = NULL;
	size_t len = 0;
	int r;

	y->l = (struct loader){.options = &options, .messages = &y->messages, .node_budget = YAML_NODES_MAX};
	y->l.file_name = arena_strdup(&y->l.arena, strcmp(file, "-") ? file : "<stdin>");
	r = read_text(file, &text, &len, err);
	if (r == 0)
		r = parse(y, text, len, err);
	if (r < 0) {
		yaml_json_free(y);
		return r;
	}
	*ret = y;
	return 0;
}

struct yaml_json *yaml_json_free(struct yaml_json *y)
{
	if (!y)
		return NULL;
	yyjson_mut_doc_free(y->doc);
	compose_messages_free(&y->messages);
	arena_free(&y->l.arena);
	free(y);
	return NULL;
}

yyjson_mut_doc *yaml_json_doc(struct yaml_json *y)
{
	return y->doc;
}

static const struct node *child(const struct node *n, const char *word, size_t len)
{
	char *end;
	unsigned long index;

	for (size_t i = 0; n->kind == NODE_MAP && i < n->n; i++) {
		if (strlen(n->items[i]->key->text) == len && !strncmp(n->items[i]->key->text, word, len))
			return n->items[i];
	}
	index = strtoul(word, &end, 10);
	return n->kind == NODE_LIST && end == word + len && index < n->n ? n->items[index] : NULL;
}

void yaml_json_place(const struct yaml_json *y, const char *text, char *place, size_t n)
{
	const struct node *at = y->l.root, *next;
	size_t len;

	while ((len = strcspn(text, ".: ")) > 0 && text[len] && (next = child(at, text, len))) {
		at = next;
		text += len + strspn(text + len, ".: ");
	}
	if (at->key)
		at = at->key;
	snprintf(place, n, "%s:%d:%d", y->l.file_name, at->line, at->column);
}
