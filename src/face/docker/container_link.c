/* SPDX-License-Identifier: Apache-2.0
 *
 * Links of containers on the default network, as Docker shows them: each is one more name of the container that it leads to, "/OWNER/ALIAS".
 * DELETE /containers/OWNER/ALIAS?link=1
 */
#include "face/docker/container.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/policy.h"
#include "face/docker/shape.h"
#include "node/engine/networks.h"

#include <string.h>

/* "TARGET:ALIAS", "/TARGET:ALIAS", "TARGET" -> its two names. */
static void split(const char *link, char **ret_target, char **ret_alias)
{
	const char *from = link + (*link == '/'), *colon = strchr(from, ':');

	*ret_target = colon ? mem_strndup(from, (size_t)(colon - from)) : mem_strdup(from);
	*ret_alias = mem_strdup(colon ? colon + 1 : from);
}

/* Its links as they are now, or NULL; *doc and *changed are the caller's. Those of other networks are theirs. */
static yyjson_val *links_of(struct docker *d, const char *id, yyjson_val *spec, yyjson_doc **changed)
{
	const char *mode = shape_text(spec, "network_mode");
	yyjson_val *list = yyjson_obj_get(spec, "networks"), *v;
	size_t i, n;

	*changed = NULL;
	if (*mode && strcmp(mode, "default") != 0 && strcmp(mode, "bridge") != 0)
		return NULL;
	if (engine_networks(d->engine, id, changed, NULL) == 0)
		list = yyjson_doc_get_root(*changed);
	yyjson_arr_foreach (list, i, n, v) {
		if (!strcmp(shape_text(v, "name"), "bridge") || !strcmp(shape_text(v, "name"), "default"))
			return yyjson_obj_get(v, "links");
	}
	return NULL;
}

void container_link_show(struct docker *d, yyjson_mut_doc *doc, yyjson_mut_val *host, const struct engine_container *c,
			 yyjson_val *spec)
{
	json_doc_cleanup yyjson_doc *changed = NULL;
	yyjson_val *links = links_of(d, c->id, spec, &changed), *v;
	yyjson_mut_val *list = yyjson_mut_arr(doc);
	const struct engine_container *other;
	size_t i, n;

	if (!links)
		return;
	yyjson_arr_foreach (links, i, n, v) {
		mem_cleanup char *target = NULL, *alias = NULL, *text = NULL;

		split(yyjson_get_str(v), &target, &alias);
		if (engine_find(d->engine, target, &other, NULL) < 0)
			continue;
		text = mem_printf("/%s:/%s/%s", other->name, c->name, alias);
		yyjson_mut_arr_add_strcpy(doc, list, text);
	}
	yyjson_mut_obj_put(host, yyjson_mut_str(doc, "Links"),
			   yyjson_mut_arr_size(list) > 0 ? list : yyjson_mut_null(doc));
}

const struct engine_container *container_link_find(struct docker *d, const char *path,
						   const struct engine_container **ret_owner)
{
	const char *slash = strchr(path, '/');
	mem_cleanup char *owner = mem_strndup(path, slash ? (size_t)(slash - path) : 0);
	const struct engine_container *found = NULL;
	json_doc_cleanup yyjson_doc *changed = NULL;
	struct container_doc doc;
	size_t i, n;
	yyjson_val *v;

	if (!slash || engine_find(d->engine, owner, ret_owner, NULL) < 0 ||
	    container_doc_read(d, *ret_owner, &doc, NULL) < 0)
		return NULL;
	yyjson_arr_foreach (links_of(d, (*ret_owner)->id, doc.spec, &changed), i, n, v) {
		mem_cleanup char *target = NULL, *alias = NULL;

		split(yyjson_get_str(v), &target, &alias);
		if (!strcmp(alias, slash + 1) && engine_find(d->engine, target, &found, NULL) == 0)
			break;
	}
	container_doc_free(&doc);
	return found;
}

static void read_links(struct docker *d, const struct engine_container *owner, struct container_links *ret)
{
	json_doc_cleanup yyjson_doc *changed = NULL;
	struct container_doc doc;
	size_t i, n;
	yyjson_val *v;

	if (container_doc_brief(d, owner, &doc, NULL) < 0)
		return;
	yyjson_arr_foreach (links_of(d, owner->id, doc.spec, &changed), i, n, v) {
		mem_cleanup char *target = NULL, *alias = NULL;
		const struct engine_container *found;

		split(yyjson_get_str(v), &target, &alias);
		if (engine_find(d->engine, target, &found, NULL) < 0)
			continue;
		mem_grow(&ret->v, &ret->cap, ret->n);
		ret->v[ret->n++] =
		    (struct container_link){.target = found, .name = mem_printf("/%s/%s", owner->name, alias)};
	}
	container_doc_free(&doc);
}

void container_links_read(struct docker *d, struct container_links *ret)
{
	const struct engine_container *c;

	*ret = (struct container_links){.v = NULL};
	for (size_t i = 0; (c = engine_at(d->engine, i)); i++) {
		if (c->linked)
			read_links(d, c, ret);
	}
}

void container_links_free(struct container_links *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].name);
	free(l->v);
}

void container_link_delete(const struct docker_call *c)
{
	const char *path = c->arg + (*c->arg == '/');
	const struct engine_container *owner = NULL;
	struct err err = ERR_INIT;
	int r;

	if (!strchr(path, '/')) {
		if (docker_container(c))
			docker_message(c->r, 409, "Conflict, cannot remove the default link name of the container");
		return;
	}
	if (!container_link_find(c->d, path, &owner)) {
		docker_message(c->r, 404, "No such container: %.300s", path);
		return;
	}
	r = policy_check_container(c->d->engine, c->r, owner->id, &err);
	if (r == 0)
		r = engine_unlink(c->d->engine, owner->id, strchr(path, '/') + 1, &err);
	if (r < 0)
		docker_fail(c->r, &err);
	else
		http_reply(c->r, 204, NULL, NULL, 0);
}
