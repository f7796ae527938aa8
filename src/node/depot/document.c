/* SPDX-License-Identifier: Apache-2.0 */
#include "node/depot/document.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"

#include <string.h>
#include <strings.h>

static const struct {
	const char *media_type;
	bool index;
	bool named; /* must stand in the document itself */
} types[] = {
    {"application/vnd.oci.image.manifest.v1+json", false, false},
    {"application/vnd.oci.image.index.v1+json", true, false},
    {"application/vnd.docker.distribution.manifest.v2+json", false, true},
    {"application/vnd.docker.distribution.manifest.list.v2+json", true, true},
};
#define N_TYPES (sizeof types / sizeof *types)

/* Layers that come from elsewhere, if at all. */
static const char *const foreign[] = {
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
};

/* The index in the table, by a media type with or without parameters ("; charset=utf-8"); N_TYPES: none. */
static size_t type_of(const char *media_type)
{
	size_t n = strcspn(media_type, "; \t"), i = 0;

	while (i < N_TYPES &&
	       (strlen(types[i].media_type) != n || strncasecmp(types[i].media_type, media_type, n) != 0))
		i++;
	return i;
}

char *document_accept(void)
{
	struct buf text = BUF_INIT;

	buf_adds(&text, "Accept: ");
	for (size_t i = 0; i < N_TYPES; i++)
		buf_printf(&text, "%s%s", i ? ", " : "", types[i].media_type);
	return buf_take(&text);
}

static bool is_foreign(const char *media_type)
{
	for (size_t i = 0; media_type && i < sizeof foreign / sizeof *foreign; i++)
		if (strcmp(foreign[i], media_type) == 0)
			return true;
	return false;
}

/* Two readers of a key that stands twice may take different ones (attacks.md I6). */
static int check_once(yyjson_val *root, struct err *err)
{
	static const char *const keys[] = {"schemaVersion", "mediaType", "config",	 "layers",
					   "manifests",	    "subject",	 "artifactType", "annotations"};
	size_t seen[sizeof keys / sizeof *keys] = {0}, i, n;
	yyjson_val *key, *value;

	yyjson_obj_foreach (root, i, n, key, value)
		for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
			if (yyjson_equals_str(key, keys[k]) && ++seen[k] > 1)
				return err_set(err, EINVAL, "the manifest has the key \"%s\" twice", keys[k]);
	return 0;
}

static int get_digest(yyjson_val *descriptor, const char *what, struct depot_digest *ret, struct err *err)
{
	const char *text;
	int64_t size;
	int r;

	if (!yyjson_is_obj(descriptor))
		return err_set(err, EINVAL, "%s: a descriptor is needed", what);
	r = json_get_str(descriptor, "digest", &text, err);
	if (r == 0)
		r = json_get_int(descriptor, "size", 0, INT64_MAX, &size, err);
	if (r < 0)
		return err_wrap(err, "%s", what), -EINVAL;
	if (!depot_digest_parse(text, ret))
		return err_set(err, EINVAL, "%s: \"%.150s\" is no digest", what, text);
	return 0;
}

static int add_ref(struct document *d, yyjson_val *descriptor, const char *what, struct err *err)
{
	struct document_ref *ref = &d->refs[d->n_refs];
	int r = get_digest(descriptor, what, &ref->digest, err);

	if (r < 0)
		return r;
	ref->manifest = d->index;
	ref->elsewhere = is_foreign(yyjson_get_str(yyjson_obj_get(descriptor, "mediaType")));
	d->n_refs++;
	return 0;
}

/* `key` is a list of descriptors; it may only be missing where `optional`. */
static int add_refs(struct document *d, const char *key, struct err *err)
{
	yyjson_val *list = yyjson_obj_get(yyjson_doc_get_root(d->json), key), *item;
	size_t i, n;

	if (!yyjson_is_arr(list))
		return err_set(err, EINVAL, "%s: a list of descriptors is needed", key);
	if (yyjson_arr_size(list) > DOCUMENT_REFS_MAX)
		return err_set(err, EINVAL, "%s: more than %u descriptors", key, DOCUMENT_REFS_MAX);
	yyjson_arr_foreach (list, i, n, item) {
		int r = add_ref(d, item, key, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int read_refs(struct document *d, struct err *err)
{
	yyjson_val *root = yyjson_doc_get_root(d->json), *subject = yyjson_obj_get(root, "subject");
	int r = 0;

	d->refs = mem_new_n(struct document_ref,
			    2 + yyjson_arr_size(yyjson_obj_get(root, d->index ? "manifests" : "layers")));
	if (!d->index)
		r = add_ref(d, yyjson_obj_get(root, "config"), "config", err);
	if (r == 0)
		r = add_refs(d, d->index ? "manifests" : "layers", err);
	if (r == 0 && subject && !yyjson_is_null(subject)) {
		r = get_digest(subject, "subject", &d->subject, err);
		d->has_subject = r == 0;
	}
	return r;
}

/* What it says itself and what it was called must be one; OCI documents may leave it to the caller (GHSA-5j5w-g665-5m35). */
static int read_type(struct document *d, const char *content_type, struct err *err)
{
	yyjson_val *root = yyjson_doc_get_root(d->json);
	const char *own = yyjson_get_str(yyjson_obj_get(root, "mediaType"));
	bool manifests = yyjson_obj_get(root, "manifests");
	bool image = yyjson_obj_get(root, "config") || yyjson_obj_get(root, "layers");
	size_t called = type_of(content_type ? content_type : own ? own : types[manifests].media_type), said;

	if (called == N_TYPES)
		return err_set(err, ENOTSUP, "manifests of the type \"%.200s\" are not kept here",
			       content_type ? content_type : own);
	said = own ? type_of(own) : called;
	if (said != called || (!own && types[called].named))
		return err_set(err, EINVAL, "the manifest says it is \"%.200s\", the request \"%s\"",
			       own ? own : "nothing", types[called].media_type);
	if (manifests == image || manifests != types[called].index)
		return err_set(err, EINVAL, "the manifest is not what \"%s\" looks like", types[called].media_type);
	d->media_type = types[called].media_type;
	d->index = types[called].index;
	return 0;
}

static int check_schema(yyjson_val *root, struct err *err)
{
	int64_t version;

	if (!yyjson_is_obj(root))
		return err_set(err, EINVAL, "the manifest is not a JSON object");
	if (json_get_int(root, "schemaVersion", 2, 2, &version, err) < 0)
		return err_set(err, EINVAL, "the manifest's schemaVersion is not 2");
	return check_once(root, err);
}

static void read_artifact_type(struct document *d)
{
	yyjson_val *root = yyjson_doc_get_root(d->json);
	const char *type = yyjson_get_str(yyjson_obj_get(root, "artifactType"));

	if (!type || !*type)
		type = d->index ? NULL : yyjson_get_str(yyjson_obj_get(yyjson_obj_get(root, "config"), "mediaType"));
	d->artifact_type = type;
}

int document_parse(const char *text, size_t n, const char *content_type, struct document *ret, struct err *err)
{
	struct document d = {.json = json_parse(text, n, DOCUMENT_MAX, "the manifest", err)};
	int r = d.json ? check_schema(yyjson_doc_get_root(d.json), err) : -EINVAL;

	if (r == 0)
		r = read_type(&d, content_type, err);
	if (r == 0)
		r = read_refs(&d, err);
	if (r < 0) {
		document_free(&d);
		return r;
	}
	read_artifact_type(&d);
	*ret = d;
	return 0;
}

void document_free(struct document *d)
{
	free(d->refs);
	yyjson_doc_free(d->json);
	*d = (struct document){.json = NULL};
}

void document_descriptor(const struct document *d, const struct depot_digest *digest, size_t size, struct buf *out)
{
	yyjson_mut_doc *doc json_mut_cleanup = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	yyjson_val *annotations = yyjson_obj_get(yyjson_doc_get_root(d->json), "annotations");
	char text[DEPOT_DIGEST_MAX];
	mem_cleanup char *json = NULL;

	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_add_str(doc, root, "mediaType", d->media_type);
	yyjson_mut_obj_add_str(doc, root, "digest", depot_digest_text(digest, text));
	yyjson_mut_obj_add_uint(doc, root, "size", size);
	if (d->artifact_type)
		yyjson_mut_obj_add_str(doc, root, "artifactType", d->artifact_type);
	if (yyjson_is_obj(annotations))
		yyjson_mut_obj_add_val(doc, root, "annotations", yyjson_val_mut_copy(doc, annotations));
	json = json_text(doc, false, NULL);
	buf_adds(out, json);
}
