/* SPDX-License-Identifier: Apache-2.0 */
#include "face/docker/graph.h"

#include "base/core/buf.h"
#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOWER_MAX 65536

/* NULL: it is not there. */
static char *place(const struct docker *dk, const char *folder, const char *id, const char *name)
{
	char *path = mem_printf("%s/%s/%s/%s", dk->data_dir, folder, id, name);

	if (access(path, F_OK) == 0)
		return path;
	free(path);
	return NULL;
}

static void add(yyjson_mut_doc *d, yyjson_mut_val *data, const char *key, char *path)
{
	if (path)
		yyjson_mut_obj_add_strcpy(d, data, key, path);
	free(path);
}

static yyjson_mut_val *begin(yyjson_mut_doc *d, yyjson_mut_val *root)
{
	yyjson_mut_val *o = yyjson_mut_obj_add_obj(d, root, "GraphDriver");

	yyjson_mut_obj_add_str(d, o, "Name", "overlay2");
	return yyjson_mut_obj_add_obj(d, o, "Data");
}

static char *layer(const struct docker *dk, yyjson_val *id)
{
	const char *text = yyjson_get_str(id), *colon = text ? strchr(text, ':') : NULL;

	return text ? place(dk, "images/layers", colon ? colon + 1 : text, "fs") : NULL;
}

/* The lowest n of them, topmost first, as a mount of overlayfs names them. */
static void add_lower(const struct docker *dk, yyjson_mut_doc *d, yyjson_mut_val *data, yyjson_val *layers, size_t n)
{
	buf_cleanup struct buf text = BUF_LIMIT(LOWER_MAX);

	while (n-- > 0) {
		mem_cleanup char *path = layer(dk, yyjson_arr_get(layers, n));

		if (path)
			buf_printf(&text, "%s%s", text.len ? ":" : "", path);
	}
	if (text.len && !text.full)
		yyjson_mut_obj_add_strcpy(d, data, "LowerDir", buf_str(&text));
}

void graph_image(const struct docker *dk, yyjson_mut_doc *d, yyjson_mut_val *root, yyjson_val *layers)
{
	yyjson_mut_val *data = begin(d, root);
	size_t n = yyjson_arr_size(layers);

	if (n > 1)
		add_lower(dk, d, data, layers, n - 1);
	if (n > 0)
		add(d, data, "UpperDir", layer(dk, yyjson_arr_get(layers, n - 1)));
}

void graph_container(const struct docker *dk, yyjson_mut_doc *d, yyjson_mut_val *root, const struct engine_container *c,
		     const struct container_doc *doc)
{
	yyjson_val *layers = yyjson_obj_get(doc->order, "layers");
	yyjson_mut_val *data = begin(d, root);

	add_lower(dk, d, data, layers, yyjson_arr_size(layers));
	add(d, data, "UpperDir", place(dk, "containers", c->id, "upper"));
	add(d, data, "WorkDir", place(dk, "containers", c->id, "work"));
	if (container_runs(c) && c->pid > 0)
		add(d, data, "MergedDir", mem_printf("/proc/%d/root", c->pid));
}
