/* SPDX-License-Identifier: Apache-2.0
 *
 * yaml_json: a YAML file that is no Compose file, as JSON; and the places of its keys, so that an error about a key can name file, line and column.
 */
#pragma once

#include <stddef.h>
#include <yyjson.h>

struct err;
struct yaml_json;

/* file: a path, or "-" for standard input. A map is needed. -EINVAL names the place; -ENOENT, -EACCES ... of the file. */
int yaml_json_read(const char *file, struct yaml_json **ret, struct err *err);
struct yaml_json *yaml_json_free(struct yaml_json *y); /* takes NULL */
static inline void yaml_json_freep(struct yaml_json **y)
{
	yaml_json_free(*y);
}

/* The document; its root is a map. It is the caller's to change, and lives as long as y. */
yyjson_mut_doc *yaml_json_doc(struct yaml_json *y);

/* Of an error text that begins with the path of a key, "policy: times: 0: from: ..." or "policy.low: ...": "FILE:12:5", the place of as much of the path as is in
 * the file. */
void yaml_json_place(const struct yaml_json *y, const char *text, char *place, size_t n);
