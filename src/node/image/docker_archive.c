/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/docker_archive.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/image/document.h"
#include "node/image/manifest.h"

#include <string.h>

#define TEXT_MAX (4u << 20)
#define PATH_LENGTH_MAX 4095

static int parse_image(yyjson_val *obj, struct docker_image *ret, struct err *err)
{
	const char *config = NULL;
	int r = document_keys(obj, "an image", err);

	if (r == 0)
		r = document_text(obj, "Config", PATH_LENGTH_MAX, &config, err);
	if (r == 0)
		r = document_list(obj, "RepoTags", &ret->tags, err);
	if (r == 0)
		r = document_list(obj, "Layers", &ret->layers, err);
	if (r < 0)
		return r;
	if (!config || !*config)
		return err_set(err, EINVAL, "an image has no Config");
	if (mem_strv_len(ret->layers) > MANIFEST_LAYERS_MAX)
		return err_set(err, E2BIG, "an image has more than %u layers", MANIFEST_LAYERS_MAX);
	ret->config = mem_strdup(config);
	return 0;
}

static int parse_images(yyjson_val *root, struct docker_archive *a, struct err *err)
{
	yyjson_val *item;
	size_t i, max;

	if (!yyjson_is_arr(root) || yyjson_arr_size(root) == 0)
		return err_set(err, EINVAL, "it is no list of images");
	if (yyjson_arr_size(root) > DOCKER_ARCHIVE_IMAGES_MAX)
		return err_set(err, E2BIG, "it has %zu images; the limit is %u", yyjson_arr_size(root),
			       DOCKER_ARCHIVE_IMAGES_MAX);
	a->images = mem_new_n(struct docker_image, yyjson_arr_size(root));
	yyjson_arr_foreach (root, i, max, item) {
		int r = parse_image(item, &a->images[a->n++], err);

		if (r < 0)
			return r;
	}
	return 0;
}

int docker_archive_parse(const char *text, size_t n, struct docker_archive *ret, struct err *err)
{
	struct err own = ERR_INIT;
	json_doc_cleanup yyjson_doc *doc = json_parse(text, n, TEXT_MAX, DOCKER_ARCHIVE_NAME, err = err ? err : &own);
	int r;

	*ret = (struct docker_archive){.n = 0};
	if (!doc)
		return -err->code;
	r = parse_images(yyjson_doc_get_root(doc), ret, err);
	if (r == 0)
		return 0;
	docker_archive_free(ret);
	return err_wrap(err, DOCKER_ARCHIVE_NAME);
}

void docker_archive_free(struct docker_archive *a)
{
	for (size_t i = 0; i < a->n; i++) {
		free(a->images[i].config);
		mem_strv_free(a->images[i].tags);
		mem_strv_free(a->images[i].layers);
	}
	free(a->images);
	*a = (struct docker_archive){.n = 0};
}

char *docker_archive_text(const struct docker_archive *a, size_t *ret_len)
{
	json_mut_cleanup yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *list = yyjson_mut_arr(doc);

	yyjson_mut_doc_set_root(doc, list);
	for (size_t i = 0; i < a->n; i++) {
		yyjson_mut_val *image = yyjson_mut_arr_add_obj(doc, list);

		yyjson_mut_obj_add_strcpy(doc, image, "Config", a->images[i].config);
		if (a->images[i].tags)
			json_add_strv(doc, image, "RepoTags", a->images[i].tags);
		else
			yyjson_mut_obj_add_null(doc, image, "RepoTags");
		json_add_strv(doc, image, "Layers", a->images[i].layers);
	}
	return json_text(doc, false, ret_len);
}

static void add_repository(yyjson_mut_doc *doc, const char *name, const char *top)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *tags;
	const char *colon = strrchr(name, ':');
	mem_cleanup char *repository = colon ? mem_strndup(name, (size_t)(colon - name)) : NULL;

	if (!repository || strchr(colon, '/'))
		return;
	tags = yyjson_mut_obj_get(root, repository);
	if (!tags) {
		tags = yyjson_mut_obj(doc);
		yyjson_mut_obj_add(root, yyjson_mut_strcpy(doc, repository), tags);
	}
	yyjson_mut_obj_add(tags, yyjson_mut_strcpy(doc, colon + 1), yyjson_mut_strcpy(doc, top));
}

char *docker_repositories_text(const struct docker_archive *a, char *const *tops, size_t *ret_len)
{
	json_mut_cleanup yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);

	yyjson_mut_doc_set_root(doc, yyjson_mut_obj(doc));
	for (size_t i = 0; i < a->n; i++) {
		for (char **tag = a->images[i].tags; tag && *tag; tag++)
			add_repository(doc, *tag, tops[i]);
	}
	return json_text(doc, false, ret_len);
}
