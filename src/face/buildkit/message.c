/* SPDX-License-Identifier: Apache-2.0 */
#include "face/buildkit/message.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/core/sha256.h"
#include "base/wire/protobuf.h"

#include <errno.h>
#include <string.h>

/* What one field of a message is for. */
struct field {
	unsigned number;
	enum {
		TEXT_REF,
		TEXT_SESSION,
		TEXT_FRONTEND,
		MAP_ATTRS,
		LIST_EXPORTERS,
		CACHES,
		CACHE_FROM,
		INPUTS,
		DEFINITION
	} is;
};

struct reader {
	struct message *m;
	const struct field *fields;
	size_t n_fields, entries;
	struct err *err;
};

void message_free(struct message *m)
{
	yyjson_mut_doc_free(m->request);
	free(m->ref);
	free(m->session);
	free(m->frontend);
	*m = (struct message){.request = NULL};
}

static int bad(const struct reader *r)
{
	return err_set(r->err, EINVAL, "the request is no message of BuildKit's protocol");
}

static int count(struct reader *r)
{
	return ++r->entries > MESSAGE_ENTRIES
		   ? err_set(r->err, E2BIG, "the request has more than %u entries", MESSAGE_ENTRIES)
		   : 0;
}

static int set_text(struct reader *r, char **place, const struct pb_field *f)
{
	if (!f->text || memchr(f->text, '\0', f->n))
		return bad(r);
	free(*place);
	*place = mem_strndup(f->text, f->n);
	return 0;
}

/* An entry of map<string, string> goes into `map`, unless an earlier one has its key. */
static int add_entry(struct reader *r, yyjson_mut_val *map, const struct pb_field *entry)
{
	mem_cleanup char *key = NULL, *value = NULL;
	const char *at = entry->text, *end = at + entry->n;
	struct pb_field f;
	int more = entry->text ? count(r) : bad(r);

	if (more < 0)
		return more;
	while ((more = pb_next(&at, end, &f)) > 0) {
		if (f.field == 1 || f.field == 2)
			more = set_text(r, f.field == 1 ? &key : &value, &f);
		if (more < 0)
			return more;
	}
	if (more < 0)
		return bad(r);
	if (!yyjson_mut_obj_get(map, key ? key : ""))
		yyjson_mut_obj_add(map, yyjson_mut_strcpy(r->m->request, key ? key : ""),
				   yyjson_mut_strcpy(r->m->request, value ? value : ""));
	return 0;
}

/* {1: type, 2: attributes}: an exporter, a cache. */
static int add_typed(struct reader *r, const char *list_name, const struct pb_field *entry)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(r->m->request), *list = yyjson_mut_obj_get(root, list_name);
	yyjson_mut_val *one, *attrs;
	mem_cleanup char *type = NULL;
	const char *at = entry->text, *end = at + entry->n;
	struct pb_field f;
	int more = entry->text ? count(r) : bad(r);

	if (more < 0)
		return more;
	list = list ? list : yyjson_mut_obj_add_arr(r->m->request, root, list_name);
	one = yyjson_mut_arr_add_obj(r->m->request, list);
	attrs = yyjson_mut_obj_add_obj(r->m->request, one, "attrs");
	while ((more = pb_next(&at, end, &f)) > 0) {
		if (f.field == 1)
			more = set_text(r, &type, &f);
		else if (f.field == 2)
			more = add_entry(r, attrs, &f);
		if (more < 0)
			return more;
	}
	yyjson_mut_obj_add_strcpy(r->m->request, one, "type", type ? type : "");
	return more < 0 ? bad(r) : 0;
}

static int add_caches(struct reader *r, const struct pb_field *caches)
{
	const char *at = caches->text, *end = at + caches->n;
	struct pb_field f;
	int more = caches->text ? 0 : bad(r);

	while (more == 0 && (more = pb_next(&at, end, &f)) > 0)
		more = f.field == 4 ? add_typed(r, "cache_to", &f) : f.field == 5 ? add_typed(r, "cache_from", &f) : 0;
	return more < 0 && !r->err->code ? bad(r) : more;
}

/* ---- results as inputs ---- */

/* Clients take a definition without metadata for none: {2: {digest: {2: {"llb.customname": name}}}}. */
static void add_metadata(struct buf *definition, const char *digest, const char *name)
{
	buf_cleanup struct buf words = BUF_INIT, value = BUF_INIT, entry = BUF_INIT;

	pb_text(&words, 1, "llb.customname");
	pb_text(&words, 2, name);
	pb_message(&value, 2, &words);
	pb_text(&entry, 1, digest);
	pb_message(&entry, 2, &value);
	pb_message(definition, 2, &entry);
}

void message_image(struct buf *b, unsigned field, const char *id)
{
	buf_cleanup struct buf definition = BUF_INIT, op = BUF_INIT, source = BUF_INIT, last = BUF_INIT,
			       input = BUF_INIT;
	mem_cleanup char *name = mem_printf(MESSAGE_IMAGE "%s", id), *digest = NULL;
	char hex[SHA256_HEX_MAX];

	pb_text(&source, 1, name);
	pb_message(&op, 3, &source);
	sha256_of(op.data, op.len, hex);
	digest = mem_printf("sha256:%s", hex);
	pb_text(&input, 1, digest);
	pb_message(&last, 1, &input);
	pb_message(&definition, 1, &op);
	pb_message(&definition, 1, &last);
	add_metadata(&definition, digest, name);
	pb_message(b, field, &definition);
}

/* The first bytes field `field` of a message. */
static bool find_field(const struct pb_field *in, unsigned field, struct pb_field *ret)
{
	const char *at = in->text, *end = at + in->n;

	while (at && pb_next(&at, end, ret) > 0) {
		if (ret->field == field && ret->text)
			return true;
	}
	return false;
}

/* The id of the image that a definition is, or NULL. */
static char *image_of(const struct pb_field *definition)
{
	const size_t n = strlen(MESSAGE_IMAGE);
	struct pb_field op, source, name;

	if (!find_field(definition, 1, &op) || !find_field(&op, 3, &source) || !find_field(&source, 1, &name) ||
	    name.n <= n || memcmp(name.text, MESSAGE_IMAGE, n) != 0 || memchr(name.text, '\0', name.n))
		return NULL;
	return mem_strndup(name.text + n, name.n - n);
}

static int add_input(struct reader *r, const struct pb_field *entry)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(r->m->request), *inputs = yyjson_mut_obj_get(root, "inputs");
	mem_cleanup char *key = NULL, *id = NULL, *value = NULL;
	struct pb_field f;
	int code = entry->text ? count(r) : bad(r);

	if (code == 0 && find_field(entry, 1, &f))
		code = set_text(r, &key, &f);
	if (code < 0)
		return code;
	id = find_field(entry, 2, &f) ? image_of(&f) : NULL;
	r->m->definition = r->m->definition || !id || !key;
	if (!id || !key)
		return 0;
	inputs = inputs ? inputs : yyjson_mut_obj_add_obj(r->m->request, root, "inputs");
	value = mem_printf("docker-image://%s", id);
	yyjson_mut_obj_add(inputs, yyjson_mut_strcpy(r->m->request, key), yyjson_mut_strcpy(r->m->request, value));
	return 0;
}

static int take(struct reader *r, const struct pb_field *f)
{
	yyjson_mut_val *attrs = yyjson_mut_obj_get(yyjson_mut_doc_get_root(r->m->request), "attrs");

	for (size_t i = 0; i < r->n_fields; i++) {
		if (r->fields[i].number != f->field)
			continue;
		switch (r->fields[i].is) {
		case TEXT_REF:
			return set_text(r, &r->m->ref, f);
		case TEXT_SESSION:
			return set_text(r, &r->m->session, f);
		case TEXT_FRONTEND:
			return set_text(r, &r->m->frontend, f);
		case MAP_ATTRS:
			return add_entry(r, attrs, f);
		case LIST_EXPORTERS:
			return add_typed(r, "exporters", f);
		case CACHES:
			return add_caches(r, f);
		case CACHE_FROM:
			return add_typed(r, "cache_from", f);
		case INPUTS:
			return add_input(r, f);
		case DEFINITION:
			r->m->definition = r->m->definition || f->n > 0;
			return 0;
		}
	}
	return 0;
}

static int read_all(struct reader *r, const char *data, size_t n)
{
	yyjson_mut_val *root;
	const char *at = data, *end = data + n;
	struct pb_field f;
	int more = 0;

	*r->m = (struct message){.request = yyjson_mut_doc_new(NULL)};
	root = yyjson_mut_obj(r->m->request);
	yyjson_mut_doc_set_root(r->m->request, root);
	yyjson_mut_obj_add_obj(r->m->request, root, "attrs");
	while (more == 0 && (more = pb_next(&at, end, &f)) > 0)
		more = take(r, &f);
	return more < 0 && !r->err->code ? bad(r) : more;
}

int message_solve(const char *data, size_t n, struct message *ret, struct err *err)
{
	static const struct field fields[] = {{1, TEXT_REF},  {2, DEFINITION}, {5, TEXT_SESSION}, {6, TEXT_FRONTEND},
					      {7, MAP_ATTRS}, {8, CACHES},     {10, INPUTS},	  {13, LIST_EXPORTERS}};
	static const struct field old[] = {{3, TEXT_FRONTEND}, {4, MAP_ATTRS}};
	struct err mine = ERR_INIT;
	struct reader r = {ret, fields, sizeof fields / sizeof *fields, 0, err ? err : &mine};
	int code = read_all(&r, data, n);

	/* Clients of before 0.13 have one exporter, in two fields. */
	if (code == 0 && !yyjson_mut_obj_get(yyjson_mut_doc_get_root(ret->request), "exporters")) {
		struct message exporter = {.request = NULL};
		struct reader again = {&exporter, old, 2, 0, r.err};
		yyjson_mut_val *root = yyjson_mut_doc_get_root(ret->request), *list, *one;

		code = read_all(&again, data, n);
		if (code == 0 && exporter.frontend && *exporter.frontend) {
			list = yyjson_mut_obj_add_arr(ret->request, root, "exporters");
			one = yyjson_mut_arr_add_obj(ret->request, list);
			yyjson_mut_obj_add_strcpy(ret->request, one, "type", exporter.frontend);
			yyjson_mut_obj_add_val(
			    ret->request, one, "attrs",
			    yyjson_mut_val_mut_copy(
				ret->request, yyjson_mut_obj_get(yyjson_mut_doc_get_root(exporter.request), "attrs")));
		}
		message_free(&exporter);
	}
	return code;
}

int message_bridge(const char *data, size_t n, struct message *ret, struct err *err)
{
	static const struct field fields[] = {
	    {1, DEFINITION}, {2, TEXT_FRONTEND}, {3, MAP_ATTRS}, {12, CACHE_FROM}, {13, INPUTS}};
	struct err mine = ERR_INIT;
	struct reader r = {ret, fields, sizeof fields / sizeof *fields, 0, err ? err : &mine};

	return read_all(&r, data, n);
}

char *message_text(const char *data, size_t n, unsigned field)
{
	const char *at = data, *end = data + n;
	struct pb_field f;

	while (pb_next(&at, end, &f) > 0) {
		if (f.field == field && f.text && !memchr(f.text, '\0', f.n))
			return mem_strndup(f.text, f.n);
	}
	return NULL;
}

char *message_failure(const char *data, size_t n)
{
	const char *at = data, *end = data + n;
	struct pb_field f;

	while (pb_next(&at, end, &f) > 0) {
		char *text;

		if (f.field != 2 || !f.text)
			continue;
		text = message_text(f.text, f.n, 2);
		return text ? text : mem_strdup("the client gave up");
	}
	return NULL;
}
