/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/container.h"
#include "face/docker/docker_private.h"
#include "face/docker/image_group.h"
#include "node/engine/action.h"
#include "node/engine/engine.h"

#include <string.h>

void docker_image_event(struct docker *d, const char *action, const char *id, const char *name)
{
	engine_action_add(d->engine, "image", action, id ? id : name, (const char *const[]){"name", name, NULL});
}

void docker_image_tagged(struct docker *d, const char *id, const char *name)
{
	mem_cleanup char *full = NULL;

	if (image_ref_normalise(docker_local_name(name), &full, NULL) == 0)
		docker_image_event(d, "tag", id, full);
}

void docker_image_tag(const struct docker_call *c)
{
	const char *repo = http_req_query(c->r, "repo"), *tag = http_req_query(c->r, "tag");
	mem_cleanup char *name = repo && *repo ? docker_image_name(repo, tag) : NULL;
	cleanup_with(image_info_freep) struct image_info *info = NULL;
	struct err err = ERR_INIT;
	int r = name ? 0 : err_set(&err, EINVAL, "repo is missing: the image needs a name");

	if (r == 0)
		r = image_tag(c->d->images, c->arg, name, IMAGE_REPLACE_KEEP, &err);
	if (r == 0)
		(void)image_find(c->d->images, name, &info, &err);
	if (!info) {
		docker_fail(c->r, &err);
		return;
	}
	docker_image_tagged(c->d, info->id, name);
	http_reply(c->r, 201, NULL, NULL, 0);
}

/* ---- delete ---- */

static bool is_name_of(const struct image_group *g, const char *full)
{
	char *const *lists[] = {g->tags, g->digests};

	for (size_t k = 0; k < 2; k++) {
		for (char *const *t = lists[k]; t && *t; t++) {
			if (!strcmp(*t, full))
				return true;
		}
	}
	return false;
}

/* What goes: the name that was given, or by its id the image with all its names; more than one of them only by force. */
static int names_of(const struct image_group *g, const char *given, bool force, char ***ret, struct err *err)
{
	mem_cleanup char *full = NULL;

	if (image_ref_normalise(given, &full, NULL) == 0 && is_name_of(g, full)) {
		mem_strv_add(ret, full);
		return 0;
	}
	if (mem_strv_len(g->tags) > 1 && !force)
		return err_set(err, EEXIST,
			       "conflict: unable to delete %.12s (must be forced) - image is referenced in multiple "
			       "repositories",
			       g->info->id + 7);
	for (char **t = g->tags; t && *t; t++)
		mem_strv_add(ret, *t);
	if (!*ret)
		mem_strv_add(ret, g->info->id);
	return 0;
}

/* A container with the image, one that runs if there is; NULL = nobody has it. */
static const struct engine_container *user_of(const struct docker_call *c, const char *id)
{
	const struct engine_container *one, *found = NULL;

	for (size_t i = 0; (one = engine_at(c->d->engine, i)); i++) {
		struct container_doc doc;
		bool uses;

		if (found && !container_runs(one))
			continue;
		if (container_doc_brief(c->d, one, &doc, NULL) < 0)
			continue;
		uses = !strcmp(doc.image, id);
		container_doc_free(&doc);
		if (uses && container_runs(one))
			return one;
		if (uses)
			found = one;
	}
	return found;
}

/* As with Docker: a container's image keeps its last name unless by force, and by its id goes only when none that runs has it. */
static int check_users(const struct docker_call *c, const struct image_group *g, bool by_name, bool force,
		       struct err *err)
{
	const char *id = g->info->id;
	const struct engine_container *user;

	if (by_name && (force || mem_strv_len(g->tags) > 1))
		return 0;
	user = user_of(c, id);
	if (!user)
		return 0;
	if (by_name)
		return err_set(
		    err, EEXIST,
		    "conflict: unable to remove repository reference \"%.300s\" (must force) - container %.12s is "
		    "using its referenced image %.12s",
		    c->arg, user->id, id + 7);
	if (container_runs(user))
		return err_set(err, EEXIST,
			       "conflict: unable to delete %.12s (cannot be forced) - image is being used by running "
			       "container %.12s",
			       id + 7, user->id);
	return force ? 0
		     : err_set(err, EEXIST,
			       "conflict: unable to delete %.12s (must be forced) - image is being used by stopped "
			       "container %.12s",
			       id + 7, user->id);
}

static bool is_name(const struct image_group *g, const char *given)
{
	mem_cleanup char *full = NULL;

	return image_ref_normalise(given, &full, NULL) == 0 && is_name_of(g, full);
}

static int names_to_go(const struct docker_call *c, const char *id, char ***ret, struct err *err)
{
	bool force = docker_flag(c->r, "force", false);
	struct image_groups groups = image_groups_of(c->d->images);
	const struct image_group *g = image_groups_find(&groups, id);
	int r = names_of(g, c->arg, force, ret, err);

	if (r == 0)
		r = check_users(c, g, is_name(g, c->arg), force, err);
	image_groups_free(&groups);
	return r;
}

static void add_change(yyjson_mut_doc *d, const char *what, const char *name)
{
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(d, yyjson_mut_doc_get_root(d));

	yyjson_mut_obj_add_str(d, o, what, name);
}

static int delete_names(const struct docker_call *c, const char *id, char *const *names, yyjson_mut_doc *d,
			struct err *err)
{
	for (; *names; names++) {
		int r = engine_image_remove(c->d->engine, *names, docker_flag(c->r, "force", false), err);

		if (r < 0)
			return r;
		if (strncmp(*names, "sha256:", 7) == 0)
			continue;
		add_change(d, "Untagged", yyjson_mut_get_str(yyjson_mut_strcpy(d, *names)));
		docker_image_event(c->d, "untag", id, id);
	}
	return 0;
}

void docker_image_delete(const struct docker_call *c)
{
	cleanup_with(image_info_freep) struct image_info *info = NULL, *left = NULL;
	char **names cleanup_with(mem_strv_freep) = NULL;
	struct err err = ERR_INIT;
	yyjson_mut_doc *d;
	int r = image_find(c->d->images, c->arg, &info, &err);

	if (r < 0) {
		docker_fail(c->r, &err);
		return;
	}
	r = names_to_go(c, info->id, &names, &err);
	d = yyjson_mut_doc_new(NULL);
	yyjson_mut_doc_set_root(d, yyjson_mut_arr(d));
	if (r == 0)
		r = delete_names(c, info->id, names, d, &err);
	if (r < 0) {
		yyjson_mut_doc_free(d);
		docker_fail(c->r, &err);
		return;
	}
	if (image_find(c->d->images, info->id, &left, NULL) < 0) {
		add_change(d, "Deleted", info->id);
		docker_image_event(c->d, "delete", info->id, info->id);
	}
	docker_reply(c->r, 200, d);
}
