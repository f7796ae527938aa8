/* SPDX-License-Identifier: Apache-2.0 */
#include "face/buildkit/lint_answer.h"

#include "base/core/buf.h"
#include "base/core/mem.h"
#include "node/registry/base64.h"

#include <string.h>

struct lint_answer {
	yyjson_mut_doc *answer, *result;
	yyjson_mut_val *warnings, *sources;
	struct buf text;
};

struct lint_answer *lint_answer_new(yyjson_mut_doc *answer)
{
	struct lint_answer *l = mem_new(struct lint_answer);
	yyjson_mut_val *root;

	l->answer = answer;
	l->result = yyjson_mut_doc_new(NULL);
	root = yyjson_mut_obj(l->result);
	yyjson_mut_doc_set_root(l->result, root);
	l->warnings = yyjson_mut_obj_add_arr(l->result, root, "warnings");
	l->sources = yyjson_mut_obj_add_arr(l->result, root, "sources");
	return l;
}

void lint_answer_source(struct lint_answer *l, const char *name, const char *text, size_t n)
{
	mem_cleanup char *data = NULL;
	yyjson_mut_val *source;

	if (yyjson_mut_arr_size(l->sources) > 0)
		return;
	data = base64_text(text, n);
	source = yyjson_mut_arr_add_obj(l->result, l->sources);
	yyjson_mut_obj_add_strcpy(l->result, source, "filename", name);
	yyjson_mut_obj_add_str(l->result, source, "language", "Dockerfile");
	yyjson_mut_obj_add_strcpy(l->result, source, "data", data);
}

static void add_place(struct lint_answer *l, yyjson_mut_val *warning, unsigned line)
{
	const bool known = line > 0 && yyjson_mut_arr_size(l->sources) > 0;
	yyjson_mut_val *place = yyjson_mut_obj_add_obj(l->result, warning, "location");
	yyjson_mut_val *range;

	if (!known) {
		yyjson_mut_obj_add_int(l->result, place, "sourceIndex", -1);
		return;
	}
	range = yyjson_mut_arr_add_obj(l->result, yyjson_mut_obj_add_arr(l->result, place, "ranges"));
	yyjson_mut_obj_add_uint(l->result, yyjson_mut_obj_add_obj(l->result, range, "start"), "line", line);
	yyjson_mut_obj_add_uint(l->result, yyjson_mut_obj_add_obj(l->result, range, "end"), "line", line);
}

void lint_answer_add(struct lint_answer *l, const char *text, unsigned line)
{
	const char *colon = strstr(text, ": ");
	mem_cleanup char *rule = mem_strndup(text, colon ? (size_t)(colon - text) : 0);
	yyjson_mut_val *warning = yyjson_mut_arr_add_obj(l->result, l->warnings);

	yyjson_mut_obj_add_strcpy(l->result, warning, "ruleName", rule);
	yyjson_mut_obj_add_strcpy(l->result, warning, "detail", colon ? colon + 2 : text);
	add_place(l, warning, line);
	buf_printf(&l->text, "WARNING: %s (line %u)\n", text, line);
}

struct lint_answer *lint_answer_free(struct lint_answer *l, bool well)
{
	mem_cleanup char *json = l ? json_text(l->result, false, NULL) : NULL;
	yyjson_mut_val *metadata;

	if (!l)
		return NULL;
	if (well) {
		metadata = yyjson_mut_obj_add_obj(l->answer, yyjson_mut_doc_get_root(l->answer), "metadata");
		yyjson_mut_obj_add_strcpy(l->answer, metadata, "result.json", json);
		yyjson_mut_obj_add_strcpy(l->answer, metadata, "result.txt", buf_str(&l->text));
		yyjson_mut_obj_add_str(l->answer, metadata, "result.statuscode",
				       yyjson_mut_arr_size(l->warnings) > 0 ? "1" : "0");
		yyjson_mut_obj_add_str(l->answer, metadata, "version", "1.0.0");
	}
	yyjson_mut_doc_free(l->result);
	buf_free(&l->text);
	free(l);
	return NULL;
}
