/* SPDX-License-Identifier: Apache-2.0
 *
 * What is written down about a container, as Config and HostConfig.
 */
#include "base/core/err.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "face/docker/container.h"
#include "face/docker/create.h"
#include "face/docker/shape.h"
#include "node/image/image.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- one that was not made by this API ---- */

static void copy(yyjson_mut_doc *d, yyjson_mut_val *to, const char *name, yyjson_val *v)
{
	if (v && !yyjson_is_null(v))
		yyjson_mut_obj_add_val(d, to, name, yyjson_val_mut_copy(d, v));
}

static void copy_mounts(yyjson_mut_doc *d, yyjson_mut_val *host, yyjson_val *mounts)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(d, host, "Mounts");
	size_t i, n;
	yyjson_val *v;

	yyjson_arr_foreach (mounts, i, n, v) {
		yyjson_mut_val *o = yyjson_mut_arr_add_obj(d, list);

		copy(d, o, "Type", yyjson_obj_get(v, "type"));
		copy(d, o, "Source", yyjson_obj_get(v, "source"));
		copy(d, o, "Target", yyjson_obj_get(v, "target"));
		copy(d, o, "ReadOnly", yyjson_obj_get(v, "read_only"));
	}
}

/* The body with which a client would have asked for it. */
static yyjson_doc *made_up_body(const struct engine_container *c, yyjson_val *order, yyjson_val *spec)
{
	static const struct {
		const char *name, *of_order;
	} texts[] = {
	    {"Hostname", "hostname"}, {"Env", "env"}, {"Cmd", "argv"}, {"User", "user"}, {"WorkingDir", "working_dir"}};
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *body = yyjson_mut_obj(d), *host;

	yyjson_mut_doc_set_root(d, body);
	yyjson_mut_obj_add_str(d, body, "Image", c->image);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		copy(d, body, texts[i].name, yyjson_obj_get(order, texts[i].of_order));
	copy(d, body, "Labels", yyjson_obj_get(spec, "labels"));
	host = yyjson_mut_obj_add_obj(d, body, "HostConfig");
	copy(d, host, "Memory", yyjson_obj_get(spec, "limit_memory"));
	copy(d, host, "PidsLimit", yyjson_obj_get(spec, "limit_pids"));
	yyjson_mut_obj_add_int(d, host, "NanoCpus", shape_number(spec, "limit_cpu_milli") * 1000000);
	copy(d, host, "ReadonlyRootfs", yyjson_obj_get(spec, "read_only"));
	copy(d, host, "NetworkMode", yyjson_obj_get(spec, "network_mode"));
	yyjson_mut_obj_add_bool(d, host, "Init", true);
	yyjson_mut_obj_add_bool(d, host, "AutoRemove", c->remove);
	if (yyjson_obj_get(spec, "mounts"))
		copy_mounts(d, host, yyjson_obj_get(spec, "mounts"));
	return yyjson_mut_doc_imut_copy(d, NULL);
}

static int make_up(const struct engine_container *c, struct container_doc *doc, struct err *err)
{
	json_doc_cleanup yyjson_doc *body = made_up_body(c, doc->order, doc->spec);
	json_mut_cleanup yyjson_mut_doc *shaped = create_shape(yyjson_doc_get_root(body), NULL, err);

	if (!shaped)
		return -EINVAL;
	doc->made = yyjson_mut_doc_imut_copy(shaped, NULL);
	return 0;
}

static char *image_id(struct docker *d, const char *name)
{
	cleanup_with(image_info_freep) struct image_info *info = NULL;

	return image_find(d->images, name, &info, NULL) < 0 ? mem_strdup("") : mem_strdup(info->id);
}

static void fill(struct docker *d, const struct engine_container *c, yyjson_val *docker, struct container_doc *ret)
{
	ret->config = yyjson_obj_get(docker, "Config");
	ret->host = yyjson_obj_get(docker, "HostConfig");
	ret->networking = yyjson_obj_get(docker, "NetworkingConfig");
	ret->image = *shape_text(docker, "Image") ? mem_strdup(shape_text(docker, "Image")) : image_id(d, c->image);
}

int container_doc_read(struct docker *d, const struct engine_container *c, struct container_doc *ret, struct err *err)
{
	yyjson_val *docker;
	int r;

	*ret = (struct container_doc)CONTAINER_DOC_INIT;
	r = engine_config(d->engine, c->id, &ret->doc, err);
	if (r < 0)
		return r;
	ret->order = yyjson_doc_get_root(ret->doc);
	ret->spec = yyjson_obj_get(ret->order, "spec");
	docker = yyjson_obj_get(ret->spec, "docker");
	if (!yyjson_obj_get(docker, "Config")) {
		r = make_up(c, ret, err);
		docker = yyjson_doc_get_root(ret->made);
	}
	if (r < 0) {
		container_doc_free(ret);
		return r;
	}
	fill(d, c, docker, ret);
	return 0;
}

void container_doc_free(struct container_doc *doc)
{
	yyjson_doc_free(doc->doc);
	yyjson_doc_free(doc->made);
	free(doc->image);
	*doc = (struct container_doc)CONTAINER_DOC_INIT;
}

/* ---- in short, for lists ---- */

#define BRIEF_MAX 8192
#define BRIEFS_MAX (2u << 20)

/* What a list shows of config.json, as JSON of the same form: kept until the file is another one. */
struct brief {
	ino_t inode;
	struct timespec changed;
	size_t len;
	char text[];
};

static void copy_all(yyjson_mut_doc *d, yyjson_mut_val *to, yyjson_val *from, const char *const *names)
{
	for (; *names; names++)
		copy(d, to, *names, yyjson_obj_get(from, *names));
}

static char *brief_text(const struct container_doc *doc, size_t *ret_len)
{
	static const char *const of_spec[] = {"mounts", "networks", "network_mode", NULL};
	static const char *const of_config[] = {"ExposedPorts", NULL};
	static const char *const of_host[] = {"Binds",	      "Mounts", "NetworkMode", "Annotations",
					      "PortBindings", "Tmpfs",	NULL};
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(d), *spec = yyjson_mut_obj_add_obj(d, root, "spec"), *docker;

	yyjson_mut_doc_set_root(d, root);
	copy_all(d, spec, doc->spec, of_spec);
	docker = yyjson_mut_obj_add_obj(d, spec, "docker");
	copy(d, docker, "Image", yyjson_obj_get(yyjson_obj_get(doc->spec, "docker"), "Image"));
	copy_all(d, yyjson_mut_obj_add_obj(d, docker, "Config"), doc->config, of_config);
	copy_all(d, yyjson_mut_obj_add_obj(d, docker, "HostConfig"), doc->host, of_host);
	return json_text(d, false, ret_len);
}

void container_doc_forget(struct docker *d, const char *id)
{
	struct brief *b = map_remove(&d->briefs, id);

	if (b)
		d->brief_bytes -= b->len;
	free(b);
}

static void remember(struct docker *d, const char *id, const struct stat *st, const struct container_doc *doc)
{
	mem_cleanup char *text = NULL;
	struct brief *b;
	size_t n;

	container_doc_forget(d, id);
	text = brief_text(doc, &n);
	if (n > BRIEF_MAX || d->brief_bytes + n > BRIEFS_MAX)
		return;
	b = mem_zalloc(1, sizeof *b + n + 1);
	b->inode = st->st_ino;
	b->changed = st->st_ctim;
	b->len = n;
	memcpy(b->text, text, n);
	d->brief_bytes += n;
	(void)map_put(&d->briefs, id, b);
}

int container_doc_brief(struct docker *d, const struct engine_container *c, struct container_doc *ret, struct err *err)
{
	const struct brief *b = map_get(&d->briefs, c->id);
	struct stat st;
	int r = engine_config_stat(d->engine, c->id, &st, err);

	if (r < 0)
		return r;
	if (!b || b->inode != st.st_ino || b->changed.tv_sec != st.st_ctim.tv_sec ||
	    b->changed.tv_nsec != st.st_ctim.tv_nsec) {
		r = container_doc_read(d, c, ret, err);
		if (r == 0)
			remember(d, c->id, &st, ret);
		return r;
	}
	*ret = (struct container_doc){.doc = yyjson_read(b->text, b->len, 0)};
	ret->order = yyjson_doc_get_root(ret->doc);
	ret->spec = yyjson_obj_get(ret->order, "spec");
	fill(d, c, yyjson_obj_get(ret->spec, "docker"), ret);
	return 0;
}

void container_doc_forget_all(struct docker *d)
{
	for (struct map_slot *s = NULL; (s = map_next(&d->briefs, s));)
		free(s->value);
	map_free(&d->briefs);
}

/* ---- mounts ---- */

/* What --tmpfs asked for is in HostConfig alone. */
static bool is_hidden(const struct container_doc *doc, yyjson_val *mount)
{
	return yyjson_equals_str(yyjson_obj_get(mount, "type"), "tmpfs") &&
	       yyjson_obj_get(yyjson_obj_get(doc->host, "Tmpfs"), shape_text(mount, "target"));
}

/* Does the text begin with this place, alone or before a colon? What stands behind that, "" = nothing; NULL = it does not. */
static const char *behind(const char *text, const char *place)
{
	const size_t n = strlen(place);

	if (strncmp(text, place, n) != 0)
		return NULL;
	text += n + strspn(text + n, "/");
	return *text == ':' ? text + 1 : *text ? NULL : text;
}

/* The mode that an entry of Binds gives this place ("SOURCE:PLACE:MODE", "PLACE:MODE"), or NULL: there is none. */
static const char *bind_mode(const struct container_doc *doc, const char *place)
{
	size_t i, n;
	yyjson_val *v;

	yyjson_arr_foreach (yyjson_obj_get(doc->host, "Binds"), i, n, v) {
		const char *text = yyjson_is_str(v) ? yyjson_get_str(v) : "", *after = strchr(text, ':'), *mode;

		mode = after && after[1] == '/' ? behind(after + 1, place) : behind(text, place);
		if (mode)
			return mode;
	}
	return NULL;
}

static bool is_of_mounts(const struct container_doc *doc, const char *place)
{
	size_t i, n;
	yyjson_val *v;

	yyjson_arr_foreach (yyjson_obj_get(doc->host, "Mounts"), i, n, v) {
		const char *rest = behind(shape_text(v, "Target"), place);

		if (rest && !*rest)
			return true;
	}
	return false;
}

/* As Docker writes it: the words of Binds; a volume that was asked for without any has "z", and what Mounts has asked for no "ro". */
static const char *mount_mode(const struct container_doc *doc, yyjson_val *mount)
{
	const char *place = shape_text(mount, "target"), *mode = bind_mode(doc, place);
	const bool of_mounts = !mode && is_of_mounts(doc, place);

	if (mode && *mode)
		return mode;
	/* Of one that was not made by this API nobody knows by which words it came. */
	if (!mode && (doc->made || !of_mounts) && yyjson_is_true(yyjson_obj_get(mount, "read_only")))
		return "ro";
	return (mode || of_mounts) && !strcmp(shape_text(mount, "type"), "volume") ? "z" : "";
}

static void add_mount(struct docker *d, yyjson_mut_doc *out, yyjson_mut_val *list, const struct container_doc *doc,
		      yyjson_val *mount)
{
	const char *type = shape_text(mount, "type"), *source = shape_text(mount, "source");
	const char *propagation = shape_text(mount, "propagation");
	bool read_only = yyjson_is_true(yyjson_obj_get(mount, "read_only")), bind = !strcmp(type, "bind");
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(out, list);
	mem_cleanup char *path = NULL;

	yyjson_mut_obj_add_strcpy(out, o, "Type", type);
	if (!strcmp(type, "volume")) {
		path = mem_printf("%s/volumes/%s", d->data_dir, source);
		yyjson_mut_obj_add_strcpy(out, o, "Name", source);
		source = path;
	}
	yyjson_mut_obj_add_strcpy(out, o, "Source", source);
	yyjson_mut_obj_add_strcpy(out, o, "Destination", shape_text(mount, "target"));
	if (path)
		yyjson_mut_obj_add_str(out, o, "Driver", "local");
	yyjson_mut_obj_add_strcpy(out, o, "Mode", mount_mode(doc, mount));
	yyjson_mut_obj_add_bool(out, o, "RW", !read_only);
	yyjson_mut_obj_add_strcpy(out, o, "Propagation", bind && !*propagation ? "rprivate" : propagation);
}

yyjson_mut_val *container_mounts(struct docker *d, yyjson_mut_doc *out, const struct container_doc *doc)
{
	yyjson_mut_val *list = yyjson_mut_arr(out);
	size_t i, n;
	yyjson_val *v;

	yyjson_arr_foreach (yyjson_obj_get(doc->spec, "mounts"), i, n, v) {
		if (!is_hidden(doc, v))
			add_mount(d, out, list, doc, v);
	}
	return list;
}
