/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/read.h"

#include "face/compose/loader.h"
#include "face/compose/scalar.h"

#include <string.h>

const char *read_str(const struct node *map, const char *key, const char *otherwise)
{
	const struct node *n = node_value(map, key);

	return n && n->kind == NODE_SCALAR ? n->text : otherwise;
}

int64_t read_int(const struct node *map, const char *key, int64_t otherwise)
{
	const char *text = read_str(map, key, NULL);
	int64_t value;

	return text && scalar_int(text, &value) ? value : otherwise;
}

double read_num(const struct node *map, const char *key, double otherwise)
{
	const char *text = read_str(map, key, NULL);
	double value;

	return text && scalar_number(text, &value) ? value : otherwise;
}

bool read_bool(const struct node *map, const char *key, bool otherwise)
{
	const char *text = read_str(map, key, NULL);
	bool value;

	return text && scalar_bool(text, true, &value) ? value : otherwise;
}

int64_t read_duration(const struct node *map, const char *key, int64_t otherwise)
{
	const char *text = read_str(map, key, NULL);
	int64_t value;

	return text && scalar_duration(text, &value) ? value : otherwise;
}

int64_t read_size(const struct node *map, const char *key, int64_t otherwise)
{
	const char *text = read_str(map, key, NULL);
	int64_t value;

	return text && scalar_size(text, &value) ? value : otherwise;
}

int64_t read_cpus(const struct node *map, const char *key, int64_t otherwise)
{
	const char *text = read_str(map, key, NULL);
	int64_t value;

	return text && scalar_cpus(text, &value) ? value : otherwise;
}

int64_t read_mode(struct loader *l, const struct node *map, const char *key, int64_t otherwise)
{
	const struct node *n = node_value(map, key);
	int64_t value;

	if (!n || n->kind != NODE_SCALAR)
		return otherwise;
	if (!n->plain || n->interpolated) {
		if (scalar_mode(n->text, &value))
			return value;
		message_error(l, n, "an octal mode is needed, not \"%s\"; for example 0440", n->text);
		return otherwise;
	}
	if (!scalar_int(n->text, &value) || value < 0 || value > 07777)
		return otherwise;
	if (n->text[0] != '0')
		message_warn(l, n, "the decimal number %s is the mode 0%llo; octal numbers start with 0", n->text,
			     (unsigned long long)value);
	return value;
}

const struct node *read_list(const struct node *map, const char *key)
{
	const struct node *n = node_get(map, key);

	return n && n->kind == NODE_LIST ? n : NULL;
}

const struct node *read_map(const struct node *map, const char *key)
{
	const struct node *n = node_get(map, key);

	return n && n->kind == NODE_MAP ? n : NULL;
}

void read_strings(struct loader *l, const struct node *map, const char *key, struct strings *ret)
{
	const struct node *n = node_value(map, key);

	if (n && n->kind == NODE_SCALAR)
		strings_add(&l->arena, ret, n->text);
	for (size_t i = 0; n && n->kind == NODE_LIST && i < n->n; i++)
		if (n->items[i]->kind == NODE_SCALAR)
			strings_add(&l->arena, ret, n->items[i]->text);
}
