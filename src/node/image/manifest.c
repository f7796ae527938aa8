/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/manifest.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/image/document.h"

#include <stdio.h>
#include <string.h>

#define TYPE_MAX 255
#define CONFIG_SIZE_MAX (4u << 20)

static const struct kind {
	const char *media_type;
	bool is_index;
} kinds[] = {
    {MANIFEST_OCI, false},
    {MANIFEST_OCI_INDEX, true},
    {MANIFEST_DOCKER, false},
    {MANIFEST_DOCKER_LIST, true},
};

static const struct kind *find_kind(const char *media_type)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (!strcmp(kinds[i].media_type, media_type))
			return &kinds[i];
	}
	return NULL;
}

static void descriptor_free(struct manifest_descriptor *d)
{
	free(d->media_type);
	free(d->artifact_type);
	mem_strv_free(d->annotations);
}

void manifest_free(struct manifest *m)
{
	for (size_t i = 0; i < m->n; i++)
		descriptor_free(&m->items[i]);
	free(m->items);
	descriptor_free(&m->config);
	descriptor_free(&m->subject);
	free(m->media_type);
	free(m->artifact_type);
	mem_strv_free(m->annotations);
	*m = (struct manifest)MANIFEST_INIT;
}

static int parse_platform(yyjson_val *d, struct manifest_descriptor *ret, struct err *err)
{
	yyjson_val *p = yyjson_obj_get(d, "platform");
	const char *os = NULL, *architecture = NULL, *variant = NULL;
	int r;

	if (!p || yyjson_is_null(p))
		return 0;
	r = document_keys(p, "platform", err);
	if (r == 0)
		r = document_text(p, "os", TYPE_MAX, &os, err);
	if (r == 0)
		r = document_text(p, "architecture", TYPE_MAX, &architecture, err);
	if (r == 0)
		r = document_text(p, "variant", TYPE_MAX, &variant, err);
	if (r == 0)
		r = platform_set(&ret->platform, os, architecture, variant, err);
	ret->has_platform = r == 0;
	return r;
}

/* descriptor.md: mediaType, digest and size must be there */
static int parse_descriptor(yyjson_val *v, const char *what, struct manifest_descriptor *ret, struct err *err)
{
	const char *type = NULL, *hex = NULL, *artifact = NULL;
	int64_t size = 0;
	int r = document_keys(v, what, err);

	if (r == 0)
		r = document_text(v, "mediaType", TYPE_MAX, &type, err);
	if (r == 0 && (!type || !*type))
		r = err_set(err, EINVAL, "the media type is missing");
	if (r == 0)
		r = document_digest(v, "digest", &hex, err);
	if (r == 0)
		r = json_get_int(v, "size", 0, INT64_MAX, &size, err);
	if (r == 0)
		r = document_text(v, "artifactType", TYPE_MAX, &artifact, err);
	if (r == 0)
		r = document_pairs(v, "annotations", &ret->annotations, err);
	if (r == 0)
		r = parse_platform(v, ret, err);
	if (r < 0)
		return err ? err_wrap(err, "the manifest's %s", what) : r;
	ret->media_type = mem_strdup(type);
	ret->artifact_type = mem_strdup(artifact);
	ret->size = (uint64_t)size;
	snprintf(ret->digest, sizeof ret->digest, "%s", hex);
	return 0;
}

/* Layers that the registry itself may not have: their addresses would be followed to wherever the manifest says. */
static int check_foreign(yyjson_val *v, const struct manifest_descriptor *d, struct err *err)
{
	yyjson_val *urls = yyjson_obj_get(v, "urls");

	if (strstr(d->media_type, "foreign") || strstr(d->media_type, "nondistributable") || yyjson_arr_size(urls) > 0)
		return err_set(
		    err, EINVAL,
		    "layer sha256:%s is a foreign layer, kept at another place than the image; berth does not "
		    "fetch such layers",
		    d->digest);
	return 0;
}

static bool is_one_of(const char *type, const char *const *list)
{
	while (*list && strcmp(*list, type) != 0)
		list++;
	return *list;
}

static bool is_image_config(const struct manifest *m)
{
	static const char *const configs[] = {MANIFEST_CONFIG, MANIFEST_DOCKER_CONFIG, NULL};

	return is_one_of(m->config.media_type, configs);
}

static int parse_items(yyjson_val *root, struct manifest *m, struct err *err)
{
	const char *key = m->is_index ? "manifests" : "layers", *what = m->is_index ? "entry" : "layer";
	/* Layers of something that is no image are not stacked. */
	const size_t limit = m->is_index || !is_image_config(m) ? MANIFEST_ENTRIES_MAX : MANIFEST_LAYERS_MAX;
	yyjson_val *list = yyjson_obj_get(root, key), *item;
	uint64_t sum = 0;
	size_t i, max;

	if (!yyjson_is_arr(list))
		return err_set(err, EINVAL, "the manifest has no list \"%s\"", key);
	if (yyjson_arr_size(list) > limit)
		return err_set(err, E2BIG, "the manifest has more than %zu %s", limit, key);
	m->items = mem_new_n(struct manifest_descriptor, yyjson_arr_size(list) + 1);
	yyjson_arr_foreach (list, i, max, item) {
		struct manifest_descriptor *d = &m->items[m->n++];
		int r = parse_descriptor(item, what, d, err);

		if (r == 0 && !m->is_index)
			r = check_foreign(item, d, err);
		if (r < 0)
			return r;
		if (__builtin_add_overflow(sum, d->size, &sum) || sum > INT64_MAX)
			return err_set(err, EINVAL, "the sizes of the manifest's %s are impossible", key);
	}
	return 0;
}

static int parse_config(yyjson_val *root, struct manifest *m, struct err *err)
{
	int r = parse_descriptor(yyjson_obj_get(root, "config"), "config", &m->config, err);

	if (r == 0 && m->config.size > CONFIG_SIZE_MAX)
		return err_set(err, E2BIG, "the image's config is %llu bytes long; the limit is %u",
			       (unsigned long long)m->config.size, CONFIG_SIZE_MAX);
	return r;
}

static int parse_subject(yyjson_val *root, struct manifest *m, struct err *err)
{
	yyjson_val *subject = yyjson_obj_get(root, "subject");

	if (!subject || yyjson_is_null(subject))
		return 0;
	m->has_subject = true;
	return parse_descriptor(subject, "subject", &m->subject, err);
}

/* "type; charset=utf-8" without the parameters; NULL for types that say nothing of what is inside. */
static char *clean_type(const char *content_type)
{
	size_t n = content_type ? strcspn(content_type, "; \t") : 0;
	char *type = mem_strndup(content_type ? content_type : "", n);

	if (*type && strcmp(type, "application/json") != 0 && strcmp(type, "application/octet-stream") != 0 &&
	    strcmp(type, "text/plain") != 0)
		return type;
	free(type);
	return NULL;
}

static int unknown_kind(const char *type, struct err *err)
{
	if (strstr(type, "manifest.v1+"))
		return err_set(
		    err, EINVAL,
		    "the manifest is of Docker's schema 1, which is long obsolete; push the image again with a "
		    "newer program");
	return err_set(err, EINVAL, "the manifest has the media type \"%.100s\", which is none of an image", type);
}

/* What it is by its members; both or neither is a riddle. */
static int kind_of_members(yyjson_val *root, const struct kind **ret, struct err *err)
{
	bool index = yyjson_obj_get(root, "manifests") != NULL;
	bool image = yyjson_obj_get(root, "layers") != NULL || yyjson_obj_get(root, "config") != NULL;

	if (index == image)
		return err_set(err, EINVAL,
			       index ? "the manifest is an image and an index at once"
				     : "the manifest is neither an image nor an index");
	*ret = &kinds[index ? 1 : 0];
	return 0;
}

/* Three witnesses, of which the members always speak; those that do must agree. */
static int find_type(yyjson_val *root, const char *said, const struct kind **ret, struct err *err)
{
	const struct kind *members = NULL, *kind;
	const char *inside = NULL, *type;
	int r = document_text(root, "mediaType", TYPE_MAX, &inside, err);

	if (r < 0)
		return r;
	if (said && inside && strcmp(said, inside) != 0)
		return err_set(err, EINVAL,
			       "the manifest says of itself that it is \"%.100s\", but was sent as \"%.100s\"", inside,
			       said);
	type = inside ? inside : said;
	kind = type ? find_kind(type) : NULL;
	if (type && !kind)
		return unknown_kind(type, err);
	r = kind_of_members(root, &members, err);
	if (r < 0)
		return r;
	if (kind && kind->is_index != members->is_index)
		return err_set(err, EINVAL, "the manifest has the media type \"%.100s\", but not its members", type);
	*ret = kind ? kind : members;
	return 0;
}

static int check_version(yyjson_val *root, struct err *err)
{
	yyjson_val *v = yyjson_obj_get(root, "schemaVersion");

	if (yyjson_is_int(v) && yyjson_get_int(v) == 1)
		return unknown_kind("manifest.v1+", err);
	if (!yyjson_is_int(v) || yyjson_get_int(v) != 2)
		return err_set(err, EINVAL, "the manifest's schemaVersion is not 2");
	return 0;
}

static int parse(yyjson_val *root, const char *said, struct manifest *m, struct err *err)
{
	const struct kind *kind = NULL;
	const char *artifact = NULL;
	int r = document_keys(root, "the image manifest", err);

	if (r == 0)
		r = check_version(root, err);
	if (r == 0)
		r = find_type(root, said, &kind, err);
	if (r == 0)
		r = document_text(root, "artifactType", TYPE_MAX, &artifact, err);
	if (r < 0)
		return r;
	m->media_type = mem_strdup(kind->media_type);
	m->is_index = kind->is_index;
	m->artifact_type = mem_strdup(artifact);
	r = document_pairs(root, "annotations", &m->annotations, err);
	if (r == 0 && !m->is_index)
		r = parse_config(root, m, err);
	if (r == 0)
		r = parse_items(root, m, err);
	return r < 0 ? r : parse_subject(root, m, err);
}

int manifest_parse(const char *text, size_t n, const char *content_type, struct manifest *ret, struct err *err)
{
	struct err own = ERR_INIT;
	json_doc_cleanup yyjson_doc *doc =
	    json_parse(text, n, MANIFEST_BYTES_MAX, "the image manifest", err = err ? err : &own);
	mem_cleanup char *said = clean_type(content_type);
	int r;

	*ret = (struct manifest)MANIFEST_INIT;
	if (!doc)
		return -err->code;
	r = parse(yyjson_doc_get_root(doc), said, ret, err);
	if (r < 0)
		manifest_free(ret);
	return r;
}

int manifest_is_image(const struct manifest *m, struct err *err)
{
	static const char *const layers[] = {MANIFEST_LAYER,
					     MANIFEST_LAYER_GZIP,
					     MANIFEST_LAYER_ZSTD,
					     MANIFEST_DOCKER_LAYER,
					     MANIFEST_DOCKER_LAYER_GZIP,
					     MANIFEST_DOCKER_LAYER ".zstd",
					     NULL};

	if (m->is_index)
		return err_set(err, EINVAL, "this is an index of images, not an image");
	if (!is_image_config(m))
		return err_set(err, EINVAL,
			       "this is no image that can be run: its config has the media type \"%.100s\"",
			       m->config.media_type);
	if (m->n == 0)
		return err_set(err, EINVAL, "the manifest has no layers");
	for (size_t i = 0; i < m->n; i++) {
		if (!is_one_of(m->items[i].media_type, layers))
			return err_set(err, EINVAL,
				       "layer %zu has the media type \"%.100s\"; a tar, plain, gzip or zstd, is needed",
				       i + 1, m->items[i].media_type);
	}
	return 0;
}

static bool is_choosable(const struct manifest_descriptor *d)
{
	const struct kind *kind = find_kind(d->media_type);

	if (!kind || (d->has_platform && !strcmp(d->platform.os, "unknown")))
		return false;
	for (char **a = d->annotations; a && *a; a++) {
		if (!strncmp(*a, "vnd.docker.reference.type=", 26))
			return false;
	}
	return true;
}

static int none_fits(const struct manifest *index, const struct platform *want, struct err *err)
{
	buf_cleanup struct buf have = BUF_LIMIT(700);
	char text[PLATFORM_TEXT_MAX];

	for (size_t i = 0; i < index->n; i++) {
		if (is_choosable(&index->items[i]) && index->items[i].has_platform)
			buf_printf(&have, "%s%s", have.len ? ", " : "", platform_text(&index->items[i].platform, text));
	}
	return err_set(err, ENOENT, "the image is not made for %s; it is for %s", platform_text(want, text),
		       have.len ? buf_str(&have) : "no platform that is named");
}

int manifest_choose(const struct manifest *index, const struct platform *want, const struct manifest_descriptor **ret,
		    struct err *err)
{
	const struct manifest_descriptor *best = NULL;
	int score = 0;

	for (size_t i = 0; i < index->n; i++) {
		const struct manifest_descriptor *d = &index->items[i];
		/* without a platform it may be for any */
		int s = !is_choosable(d) ? 0 : d->has_platform ? platform_match(want, &d->platform) : 1;

		if (s > score) {
			best = d;
			score = s;
		}
	}
	*ret = best;
	return best ? 0 : none_fits(index, want, err);
}
