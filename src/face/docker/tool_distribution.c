/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /distribution/NAME/json: what a name means in its registry, and for which platforms.
 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/docker/tool.h"
#include "node/image/manifest.h"
#include "node/registry/remote.h"

#include <errno.h>

#define CONFIG_MAX (1u << 20)

static void add_platform(yyjson_mut_doc *d, yyjson_mut_val *list, const struct platform *p)
{
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(d, list);

	yyjson_mut_obj_add_strcpy(d, o, "architecture", p->architecture);
	yyjson_mut_obj_add_strcpy(d, o, "os", p->os);
	if (*p->variant)
		yyjson_mut_obj_add_strcpy(d, o, "variant", p->variant);
}

static const char *member(yyjson_doc *doc, const char *key)
{
	return yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), key));
}

/* A manifest does not say for whom it is; its config does. */
static int add_own_platform(yyjson_mut_doc *d, yyjson_mut_val *list, struct remote *remote, const char *repo,
			    const struct manifest *m, struct err *err)
{
	cleanup_with(remote_document_free) struct remote_document config = {.text = NULL};
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct platform p;
	int r = remote_blob(remote, repo, m->config.digest, m->config.size, CONFIG_MAX, &config, err);

	if (r < 0)
		return r;
	doc = json_parse(config.text, config.n, CONFIG_MAX, "the image's config", err);
	if (!doc)
		return -EINVAL;
	r = platform_set(&p, member(doc, "os"), member(doc, "architecture"), member(doc, "variant"), err);
	if (r == 0)
		add_platform(d, list, &p);
	return r;
}

static int add_answer(struct tool *t, struct remote *remote, const char *repo, const struct remote_document *doc,
		      struct err *err)
{
	cleanup_with(manifest_free) struct manifest m = MANIFEST_INIT;
	mem_cleanup char *digest = mem_printf("sha256:%s", doc->digest);
	yyjson_mut_val *body, *o, *list;
	int r = manifest_parse(doc->text, doc->n, doc->media_type, &m, err);

	if (r < 0)
		return r;
	body = yyjson_mut_obj_add_obj(t->answer, yyjson_mut_doc_get_root(t->answer), "body");
	o = yyjson_mut_obj_add_obj(t->answer, body, "Descriptor");
	yyjson_mut_obj_add_strcpy(t->answer, o, "mediaType", m.media_type);
	yyjson_mut_obj_add_strcpy(t->answer, o, "digest", digest);
	yyjson_mut_obj_add_uint(t->answer, o, "size", doc->n);
	list = yyjson_mut_obj_add_arr(t->answer, body, "Platforms");
	for (size_t i = 0; m.is_index && i < m.n; i++) {
		if (m.items[i].has_platform)
			add_platform(t->answer, list, &m.items[i].platform);
	}
	return m.is_index ? 0 : add_own_platform(t->answer, list, remote, repo, &m, err);
}

int tool_distribution(struct tool *t, struct err *err)
{
	cleanup_with(remote_document_free) struct remote_document doc = {.text = NULL};
	cleanup_with(name_free) struct name name = NAME_INIT;
	cleanup_with(remote_close) struct remote remote = REMOTE_INIT;
	const char *image = tool_text(t, "image");
	int r = name_parse(image ? image : "", &name, err);

	if (r == 0)
		r = remote_open(name.host, true, &remote, err);
	if (r == 0)
		r = remote_manifest(&remote, name.repo, name_reference(&name), &doc, err);
	return r < 0 ? r : add_answer(t, &remote, name.repo, &doc, err);
}
