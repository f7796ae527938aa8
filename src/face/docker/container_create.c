/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /containers/create
 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/age.h"
#include "node/engine/cdi.h"
#include "node/engine/cdi_idle.h"
#include "face/docker/container.h"
#include "face/docker/create.h"
#include "face/docker/log_default.h"
#include "face/docker/policy.h"
#include "face/docker/shape.h"
#include "node/engine/spec.h"
#include "node/image/image.h"
#include "node/image/report.h"

#include <string.h>

#define BODY_MAX (16u << 20)

/* ---- what only the engine knows ---- */

/* "container:NAME" -> "container:ID" in the spec and in what inspect shows. */
static int resolve_mode(const struct docker_call *c, yyjson_mut_doc *d, yyjson_mut_val *obj, const char *key,
			struct err *err)
{
	const char *mode = yyjson_mut_get_str(yyjson_mut_obj_get(obj, key));
	const struct engine_container *other;
	mem_cleanup char *text = NULL;

	if (!mode || strncmp(mode, "container:", 10) != 0)
		return 0;
	if (engine_find(c->d->engine, mode + 10, &other, NULL) < 0)
		return err_set(err, ENOENT, "No such container: %.300s", mode + 10);
	text = mem_printf("container:%s", other->id);
	yyjson_mut_obj_put(obj, yyjson_mut_str(d, key), yyjson_mut_strcpy(d, text));
	return 0;
}

static int resolve_modes(const struct docker_call *c, yyjson_mut_doc *d, struct err *err)
{
	static const char *const modes[][2] = {
	    {"network_mode", "NetworkMode"}, {"pid_mode", "PidMode"}, {"ipc_mode", "IpcMode"}};
	yyjson_mut_val *spec = yyjson_mut_doc_get_root(d);
	yyjson_mut_val *host = yyjson_mut_obj_get(yyjson_mut_obj_get(spec, "docker"), "HostConfig");
	int r = 0;

	for (size_t i = 0; i < sizeof modes / sizeof *modes && r == 0; i++) {
		r = resolve_mode(c, d, spec, modes[i][0], err);
		if (r == 0)
			r = resolve_mode(c, d, host, modes[i][1], err);
	}
	return r;
}

/* Before 1.40 a container's IPC was for others to join unless the client said otherwise. */
static void share_ipc(yyjson_val *body, yyjson_mut_doc *d)
{
	yyjson_mut_val *spec = yyjson_mut_doc_get_root(d);
	yyjson_mut_val *host = yyjson_mut_obj_get(yyjson_mut_obj_get(spec, "docker"), "HostConfig");

	if (*shape_text(yyjson_obj_get(body, "HostConfig"), "IpcMode"))
		return;
	yyjson_mut_obj_put(spec, yyjson_mut_str(d, "ipc_mode"), yyjson_mut_str(d, "shareable"));
	yyjson_mut_obj_put(host, yyjson_mut_str(d, "IpcMode"), yyjson_mut_str(d, "shareable"));
}

/* The mount that is at the place of another one; a VOLUME of the image gives way to one of another container. */
static bool is_taken(yyjson_mut_val *mounts, const char *target)
{
	size_t i, n;
	yyjson_mut_val *v;

	yyjson_mut_arr_foreach (mounts, i, n, v) {
		if (!yyjson_mut_equals_str(yyjson_mut_obj_get(v, "target"), target))
			continue;
		if (!yyjson_mut_is_true(yyjson_mut_obj_get(v, "anonymous")))
			return true;
		yyjson_mut_arr_remove(mounts, i);
		return false;
	}
	return false;
}

static void take_mounts(yyjson_mut_doc *d, yyjson_mut_val *mounts, const struct container_doc *from, bool read_only)
{
	size_t i, n;
	yyjson_val *v;

	yyjson_arr_foreach (yyjson_obj_get(from->spec, "mounts"), i, n, v) {
		yyjson_mut_val *copy;

		if (yyjson_equals_str(yyjson_obj_get(v, "type"), "tmpfs") || is_taken(mounts, shape_text(v, "target")))
			continue;
		copy = yyjson_val_mut_copy(d, v);
		yyjson_mut_obj_remove_key(copy, "anonymous"); /* it is the other one's */
		if (read_only)
			yyjson_mut_obj_put(copy, yyjson_mut_str(d, "read_only"), yyjson_mut_bool(d, true));
		yyjson_mut_arr_append(mounts, copy);
	}
}

/* VolumesFrom: "name", "name:ro", "name:rw" */
static int take_volumes(const struct docker_call *c, yyjson_mut_doc *d, const char *text, struct err *err)
{
	mem_cleanup char *name = mem_strndup(text, strcspn(text, ":"));
	const char *mode = text[strlen(name)] ? text + strlen(name) + 1 : "rw";
	yyjson_mut_val *spec = yyjson_mut_doc_get_root(d), *mounts = yyjson_mut_obj_get(spec, "mounts");
	const struct engine_container *other;
	struct container_doc from;

	if (strcmp(mode, "rw") != 0 && strcmp(mode, "ro") != 0 && strcmp(mode, "z") != 0)
		return err_set(err, EINVAL, "invalid mode: %.100s", mode);
	if (engine_find(c->d->engine, name, &other, NULL) < 0)
		return err_set(err, ENOENT, "No such container: %.300s", name);
	if (container_doc_read(c->d, other, &from, err) < 0)
		return -err->code;
	if (!mounts)
		mounts = yyjson_mut_obj_add_arr(d, spec, "mounts");
	take_mounts(d, mounts, &from, !strcmp(mode, "ro"));
	container_doc_free(&from);
	return 0;
}

static int resolve_volumes(const struct docker_call *c, yyjson_mut_doc *d, struct err *err)
{
	yyjson_mut_val *docker = yyjson_mut_obj_get(yyjson_mut_doc_get_root(d), "docker"), *v;
	yyjson_mut_val *list = yyjson_mut_obj_get(yyjson_mut_obj_get(docker, "HostConfig"), "VolumesFrom");
	size_t i, n;

	yyjson_mut_arr_foreach (list, i, n, v) {
		int r = take_volumes(c, d, yyjson_mut_get_str(v), err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Links: "name:alias", of containers that are there. */
static int check_links(const struct docker_call *c, yyjson_mut_doc *d, struct err *err)
{
	yyjson_mut_val *docker = yyjson_mut_obj_get(yyjson_mut_doc_get_root(d), "docker"), *v;
	yyjson_mut_val *list = yyjson_mut_obj_get(yyjson_mut_obj_get(docker, "HostConfig"), "Links");
	size_t i, n;

	yyjson_mut_arr_foreach (list, i, n, v) {
		const char *text = yyjson_mut_get_str(v);
		mem_cleanup char *name = mem_strndup(text, strcspn(text, ":"));
		const struct engine_container *other;

		if (engine_find(c->d->engine, name, &other, NULL) < 0)
			return err_set(err, EINVAL, "could not get container for %.200s: No such container: %.200s",
				       name, name);
	}
	return 0;
}

/* ---- the image ---- */

static int no_such_image(const char *name, struct err *err)
{
	bool tagged = strchr(strrchr(name, '/') ? strrchr(name, '/') : name, ':') || strchr(name, '@');

	return err_set(err, ENOENT, "No such image: %.300s%s", name, tagged ? "" : ":latest");
}

static bool platform_fits(const char *wanted, const char *has)
{
	size_t n;

	if (!wanted || !strchr(wanted, '/') || !has)
		return true;
	n = strlen(wanted);
	return !strncmp(wanted, has, n) && (has[n] == '\0' || has[n] == '/');
}

/* Its configuration, in *ret_doc; and its id into what inspect shows. */
static int read_image(const struct docker_call *c, const char *name, yyjson_doc **ret_doc, char **ret_id,
		      struct err *err)
{
	const char *platform = http_req_query(c->r, "platform");
	cleanup_with(image_info_freep) struct image_info *info = NULL;
	mem_cleanup char *text = NULL;

	if (image_find(c->d->images, name, &info, NULL) < 0)
		return no_such_image(name, err);
	if (!platform_fits(platform, info->platform))
		return err_set(
		    err, ENOENT,
		    "image with reference %.300s was found but does not provide the specified platform (%.100s): "
		    "No such image: %.300s",
		    name, platform, name);
	if (report_inspect(c->d->images, info->id, &text, err) < 0)
		return -err->code;
	*ret_doc = yyjson_read(text, strlen(text), 0);
	*ret_id = mem_strdup(info->id);
	return 0;
}

static bool is_used(void *ctx, const char *path)
{
	const struct engine_container *c;
	bool found = false;

	for (size_t i = 0; !found && (c = engine_at(ctx, i)); i++) {
		for (char *const *device = engine_uses_devices(c) ? c->devices : NULL; device && *device; device++)
			found = found || !strcmp(*device, path);
	}
	return found;
}

static void choose_gpus(const struct docker_call *c, struct create *made)
{
	char **names = cdi_idle(cdi_dirs, CREATE_GPU_KIND, made->gpus, is_used, c->d->engine);

	for (char **name = names; name && *name; name++)
		mem_strv_add(&made->cdi, *name);
	mem_strv_free(names);
}

/* What files of the machine say of devices that it asks for by name, or by their number. */
static int add_devices(const struct docker_call *c, struct create *made, yyjson_doc **ret_hooks, struct err *err)
{
	struct cdi_edits edits = {.spec = made->doc};
	int r;

	if (made->gpus)
		choose_gpus(c, made);
	r = cdi_apply(cdi_dirs, made->cdi, &edits, err);

	if (r == -ENODEV && made->no_device)
		return err_set(err, EINVAL, "%s", made->no_device);
	if (r < 0 || !edits.hooks)
		return r;
	*ret_hooks = yyjson_mut_val_imut_copy(edits.hooks, NULL);
	return policy_check_host(c->r, "a device that brings hooks", err);
}

/* ---- the answer ---- */

static void answer(const struct docker_call *c, const struct engine_container *made, char *const *warnings)
{
	yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(d), *list;

	yyjson_mut_doc_set_root(d, root);
	yyjson_mut_obj_add_strcpy(d, root, "Id", made->id);
	list = yyjson_mut_obj_add_arr(d, root, "Warnings");
	for (; warnings && *warnings; warnings++)
		yyjson_mut_arr_add_strcpy(d, list, *warnings);
	docker_reply(c->r, 201, d);
}

static int make(const struct docker_call *c, yyjson_val *body, const char *name, struct create *made,
		const struct engine_container **ret, struct err *err)
{
	json_doc_cleanup yyjson_doc *image = NULL, *spec = NULL, *hooks = NULL;
	json_doc_cleanup yyjson_doc *logged = log_default_merge(yyjson_doc_get_root(c->d->log_default), body);
	const char *image_name = docker_local_name(shape_text(body, "Image"));
	mem_cleanup char *id = NULL;
	yyjson_mut_val *root;
	int r;

	body = logged ? yyjson_doc_get_root(logged) : body;
	if (!*image_name)
		return err_set(err, EINVAL, "Image: the container needs an image");
	r = read_image(c, image_name, &image, &id, err);
	if (r < 0)
		return r;
	r = create_spec(body, yyjson_obj_get(yyjson_obj_get(yyjson_doc_get_root(image), "config"), "config"), made,
			err);
	if (r < 0)
		return r;
	root = yyjson_mut_doc_get_root(made->doc);
	yyjson_mut_obj_put(root, yyjson_mut_str(made->doc, "image"), yyjson_mut_strcpy(made->doc, image_name));
	yyjson_mut_obj_add_strcpy(made->doc, yyjson_mut_obj_get(root, "docker"), "Image", id);
	if (*name)
		yyjson_mut_obj_add_str(made->doc, root, "name", name);
	if (!docker_since(c, DOCKER_IPC_PRIVATE))
		share_ipc(body, made->doc);
	r = resolve_modes(c, made->doc, err);
	if (r == 0)
		r = resolve_volumes(c, made->doc, err);
	if (r == 0)
		r = check_links(c, made->doc, err);
	/* docker run takes "not found" for the image's: it would fetch that. */
	if (r == -ENOENT)
		r = -(err->code = EINVAL);
	if (r == 0)
		r = add_devices(c, made, &hooks, err);
	if (r < 0)
		return r;
	spec = yyjson_mut_doc_imut_copy(made->doc, NULL);
	r = policy_check_spec(c->d->engine, policy_of(c->r), yyjson_doc_get_root(spec), err);
	return r < 0 ? r : engine_create(c->d->engine, yyjson_doc_get_root(spec), yyjson_doc_get_root(hooks), ret, err);
}

/* As Docker, a name of one letter is none. */
bool docker_name_ok(const struct docker_call *c, const char *name)
{
	if (spec_name_ok(name) && name[1])
		return true;
	docker_message(c->r, 400, "Invalid container name (%.200s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name);
	return false;
}

static bool name_is_free(const struct docker_call *c, const char *name)
{
	const struct engine_container *other;

	if (*name && !docker_name_ok(c, name))
		return false;
	if (*name && engine_find(c->d->engine, name, &other, NULL) == 0 && !strcmp(other->name, name)) {
		docker_name_taken(c, name);
		return false;
	}
	return true;
}

void docker_container_create(const struct docker_call *c)
{
	static const char *const parts[] = {"Image", "HostConfig", "NetworkingConfig", NULL};
	static const char *const health[] = {"Test",	      "Interval", "Timeout", "StartPeriod",
					     "StartInterval", "Retries",  NULL};
	const char *name = http_req_query(c->r, "name"), *text;
	json_doc_cleanup yyjson_doc *body = NULL;
	const struct engine_container *container;
	struct create made = {.doc = NULL};
	struct err err = ERR_INIT;
	size_t n;

	name = name ? name + (*name == '/') : "";
	if (!name_is_free(c, name))
		return;
	text = http_req_body(c->r, &n);
	body = json_parse(text, n, BODY_MAX, "the body", &err);
	json_fold(yyjson_doc_get_root(body), parts);
	json_fold(json_member(yyjson_doc_get_root(body), "Healthcheck"), health);
	body = age_body(c->minor, body);
	if (!body)
		docker_fail(c->r, &err);
	else if (make(c, yyjson_doc_get_root(body), name, &made, &container, &err) < 0)
		docker_fail(c->r, &err);
	else
		answer(c, container, made.warnings);
	create_free(&made);
}
