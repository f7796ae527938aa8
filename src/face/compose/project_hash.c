/* SPDX-License-Identifier: Apache-2.0
 *
 * compose_project_hash(). What is hashed is the JSON text that Compose v2 makes of a service, so the keys must stand in
 * the order of its own structures (model.h has it) and some characters be escaped as Go does. Keys that start with
 * "x-" are no part of it.
 */
#include "base/core/buf.h"
#include "base/core/mem.h"
#include "base/core/sha256.h"
#include "base/wire/json.h"
#include "face/compose/compose_project.h"
#include "face/compose/model.h"

#include <string.h>

static void drop_extensions(yyjson_mut_val *obj, const struct model *table);

static void drop_below(yyjson_mut_val *v, const struct model *m)
{
	yyjson_mut_val *item, *key;
	size_t i, max;

	if (m->type == MODEL_OBJECT) {
		drop_extensions(v, m->fields);
	} else if (m->type == MODEL_OBJECTS) {
		yyjson_mut_arr_foreach (v, i, max, item) {
			drop_extensions(item, m->fields);
		}
	} else if (m->type == MODEL_NAMED) {
		yyjson_mut_obj_foreach (v, i, max, key, item) {
			drop_extensions(item, m->fields);
		}
	}
}

static void drop_extensions(yyjson_mut_val *obj, const struct model *table)
{
	yyjson_mut_obj_iter iter;
	yyjson_mut_val *key;

	if (!yyjson_mut_is_obj(obj) || !yyjson_mut_obj_iter_init(obj, &iter))
		return;
	while ((key = yyjson_mut_obj_iter_next(&iter))) {
		const char *name = yyjson_mut_get_str(key);
		const struct model *m = model_find(table, name);

		if (strncmp(name, "x-", 2) == 0)
			yyjson_mut_obj_iter_remove(&iter);
		else if (m)
			drop_below(yyjson_mut_obj_iter_get_val(key), m);
	}
}

/* Go writes these as \u003c and so on, lest a browser takes JSON for HTML. */
static void add_escaped(struct buf *b, const char *json, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (json[i] == '<' || json[i] == '>' || json[i] == '&')
			buf_printf(b, "\\u%04x", (unsigned)(unsigned char)json[i]);
		else if (strncmp(json + i, "\xe2\x80\xa8", 3) == 0 || strncmp(json + i, "\xe2\x80\xa9", 3) == 0)
			buf_printf(b, "\\u%04x", 0x2000u + ((unsigned char)json[i += 2] & 0x3fu));
		else
			buf_addc(b, json[i]);
	}
}

void compose_project_hash(const struct yyjson_val *service, char ret[static COMPOSE_PROJECT_HASH_MAX])
{
	static const char *const left_out[] = {"build", "depends_on", "profiles", "pull_policy", "scale"};
	json_mut_cleanup yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *copy = yyjson_val_mut_copy(doc, (yyjson_val *)service);
	buf_cleanup struct buf escaped = BUF_INIT;
	mem_cleanup char *json = NULL;
	size_t len;

	for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
		yyjson_mut_obj_remove_key(copy, left_out[i]);
	yyjson_mut_obj_remove_key(yyjson_mut_obj_get(copy, "deploy"), "replicas");
	drop_extensions(copy, model_service);
	yyjson_mut_doc_set_root(doc, copy);
	json = json_text(doc, false, &len);
	add_escaped(&escaped, json, len);
	sha256_of(buf_str(&escaped), escaped.len, ret);
}
