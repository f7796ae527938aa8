/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/cache_doc.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"

#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define PREFIX "sha256:"

void cache_doc_free(struct cache_doc *d)
{
	mem_strv_free(d->layers);
	free(d->records);
	*d = (struct cache_doc)CACHE_DOC_INIT;
}

/* ---- making ---- */

static bool add_layer(struct cache_doc *d, const char *layer, size_t *ret)
{
	for (*ret = 0; *ret < d->n_layers; ++*ret) {
		if (!strcmp(d->layers[*ret], layer))
			return true;
	}
	if (d->n_layers >= CACHE_DOC_LAYERS_MAX)
		return false;
	mem_strv_add(&d->layers, layer);
	d->n_layers++;
	return true;
}

bool cache_doc_add(struct cache_doc *d, const char *key, const char *layer)
{
	size_t at;

	if (cache_doc_find(d, key) >= 0)
		return true;
	if (d->n >= CACHE_DOC_RECORDS_MAX || !add_layer(d, layer, &at))
		return false;
	mem_grow(&d->records, &d->cap, d->n);
	memcpy(d->records[d->n].key, key, sizeof d->records->key);
	d->records[d->n++].layer = at;
	return true;
}

long cache_doc_find(const struct cache_doc *d, const char *key)
{
	for (size_t i = 0; i < d->n; i++) {
		if (!strcmp(d->records[i].key, key))
			return (long)d->records[i].layer;
	}
	return -1;
}

static void put_records(const struct cache_doc *d, yyjson_mut_doc *doc, yyjson_mut_val *to)
{
	yyjson_mut_val *list = yyjson_mut_arr(doc);

	yyjson_mut_obj_add_int(doc, to, "version", VERSION);
	for (size_t i = 0; i < d->n; i++) {
		yyjson_mut_val *one = yyjson_mut_obj(doc);

		yyjson_mut_obj_add_strcpy(doc, one, "key", d->records[i].key);
		yyjson_mut_obj_add_uint(doc, one, "layer", d->records[i].layer);
		yyjson_mut_arr_append(list, one);
	}
	yyjson_mut_obj_add_val(doc, to, "records", list);
}

char *cache_doc_text(const struct cache_doc *d, size_t *ret_n)
{
	json_mut_cleanup yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc), *list = yyjson_mut_arr(doc);

	yyjson_mut_doc_set_root(doc, root);
	put_records(d, doc, root);
	for (size_t i = 0; i < d->n_layers; i++) {
		mem_cleanup char *diff = mem_printf(PREFIX "%s", d->layers[i]);

		yyjson_mut_arr_add_strcpy(doc, list, diff);
	}
	yyjson_mut_obj_add_val(doc, root, "diff_ids", list);
	return json_text(doc, false, ret_n);
}

char *cache_doc_inline(const struct cache_doc *d, char *config, size_t *inout_n)
{
	json_doc_cleanup yyjson_doc *old = json_parse(config, *inout_n, *inout_n, "the image's config", NULL);
	json_mut_cleanup yyjson_mut_doc *doc = old ? yyjson_doc_mut_copy(old, NULL) : NULL;
	yyjson_mut_val *member = doc ? yyjson_mut_obj(doc) : NULL;

	if (!member)
		return config;
	put_records(d, doc, member);
	yyjson_mut_obj_add_val(doc, yyjson_mut_doc_get_root(doc), CACHE_DOC_MEMBER, member);
	free(config);
	return json_text(doc, false, inout_n);
}

/* ---- reading ---- */

static bool is_hex(const char *s)
{
	return s && strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64;
}

static int parse_layers(yyjson_val *list, struct cache_doc *d, struct err *err)
{
	yyjson_val *item;
	size_t i, max;

	if (!yyjson_is_arr(list) || yyjson_arr_size(list) > CACHE_DOC_LAYERS_MAX)
		return err_set(err, EINVAL, "the build cache needs a list \"diff_ids\" of at most %u layers",
			       CACHE_DOC_LAYERS_MAX);
	yyjson_arr_foreach (list, i, max, item) {
		const char *diff = yyjson_get_str(item);

		if (!diff || strncmp(diff, PREFIX, strlen(PREFIX)) != 0 || !is_hex(diff + strlen(PREFIX)))
			return err_set(err, EINVAL, "the build cache: diff_ids[%zu] is no digest", i);
		mem_strv_add(&d->layers, diff + strlen(PREFIX));
		d->n_layers++;
	}
	return 0;
}

static int parse_record(yyjson_val *item, size_t i, struct cache_doc *d, struct err *err)
{
	struct cache_doc_record *one = &d->records[d->n];
	const char *key = NULL;
	int64_t layer = -1;

	if (!yyjson_is_obj(item) || json_get_str(item, "key", &key, NULL) < 0 || !is_hex(key) ||
	    json_get_int(item, "layer", 0, (int64_t)d->n_layers - 1, &layer, NULL) < 0)
		return err_set(err, EINVAL, "the build cache: records[%zu] is no record of one of its %zu layers", i,
			       d->n_layers);
	memcpy(one->key, key, sizeof one->key);
	one->layer = (size_t)layer;
	d->n++;
	return 0;
}

static int by_key(const void *a, const void *b)
{
	const struct cache_doc_record *x = a, *y = b;

	return strcmp(x->key, y->key);
}

/* A key that means two layers means none. */
static int check_once(struct cache_doc *d, struct err *err)
{
	if (d->n > 1)
		qsort(d->records, d->n, sizeof *d->records, by_key);
	for (size_t i = 1; i < d->n; i++) {
		if (!strcmp(d->records[i - 1].key, d->records[i].key))
			return err_set(err, EINVAL, "the build cache has two records with the key %s",
				       d->records[i].key);
	}
	return 0;
}

static int parse_records(yyjson_val *root, struct cache_doc *d, struct err *err)
{
	yyjson_val *list, *item;
	int64_t version = 0;
	size_t i, max;
	int r = json_get_int(root, "version", 0, INT32_MAX, &version, err);

	if (r == 0 && version != VERSION)
		r = err_set(err, ENOTSUP, "the build cache has version %lld; this berth knows version %d",
			    (long long)version, VERSION);
	if (r == 0)
		r = json_get_arr(root, "records", &list, err);
	if (r == 0 && yyjson_arr_size(list) > CACHE_DOC_RECORDS_MAX)
		r = err_set(err, E2BIG, "the build cache has more than %u records", CACHE_DOC_RECORDS_MAX);
	if (r < 0)
		return r;
	d->records = mem_new_n(struct cache_doc_record, yyjson_arr_size(list) + 1);
	yyjson_arr_foreach (list, i, max, item) {
		r = parse_record(item, i, d, err);
		if (r < 0)
			return r;
	}
	return check_once(d, err);
}

/* `layers` and `records` are parts of the same document. */
static int parse(yyjson_val *layers, yyjson_val *records, struct cache_doc *ret, struct err *err)
{
	struct cache_doc d = CACHE_DOC_INIT;
	int r = yyjson_is_obj(records) ? parse_layers(layers, &d, err)
				       : err_set(err, EINVAL, "the build cache is no JSON object");

	if (r == 0)
		r = parse_records(records, &d, err);
	if (r < 0)
		cache_doc_free(&d);
	else
		*ret = d;
	return r;
}

int cache_doc_parse(const char *text, size_t n, struct cache_doc *ret, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = json_parse(text, n, CACHE_DOC_BYTES_MAX, "the build cache", err);
	yyjson_val *root = doc ? yyjson_doc_get_root(doc) : NULL;

	return doc ? parse(yyjson_obj_get(root, "diff_ids"), root, ret, err) : -EINVAL;
}

int cache_doc_parse_config(const char *config, size_t n, struct cache_doc *ret, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = json_parse(config, n, CACHE_DOC_BYTES_MAX, "the image's config", err);
	yyjson_val *root = doc ? yyjson_doc_get_root(doc) : NULL;
	yyjson_val *member = yyjson_obj_get(root, CACHE_DOC_MEMBER);

	if (!doc)
		return -EINVAL;
	if (!member)
		return err_set(err, ENOENT, "the image carries no build cache; build it with --cache-to type=inline");
	return parse(yyjson_obj_get(yyjson_obj_get(root, "rootfs"), "diff_ids"), member, ret, err);
}
