/* SPDX-License-Identifier: Apache-2.0
 *
 * Networks and ports of a container, as list and inspect show them.
 */
#include "face/docker/container.h"
#include "face/docker/shape.h"

#include <stdio.h>
#include <string.h>

yyjson_mut_val *container_port_map(struct docker *d, yyjson_mut_doc *out, const struct engine_container *c,
				   const struct container_doc *doc)
{
	yyjson_mut_val *map = yyjson_mut_obj(out);
	size_t i, n;
	yyjson_val *key, *v;

	(void)d;
	(void)c;
	yyjson_obj_foreach (yyjson_obj_get(doc->config, "ExposedPorts"), i, n, key, v) {
		yyjson_mut_obj_add(map, yyjson_val_mut_copy(out, key), yyjson_mut_null(out));
	}
	return map;
}

yyjson_mut_val *container_port_list(struct docker *d, yyjson_mut_doc *out, const struct engine_container *c,
				    const struct container_doc *doc)
{
	yyjson_mut_val *list = yyjson_mut_arr(out), *o;
	char protocol[16];
	unsigned port;
	size_t i, n;
	yyjson_val *key, *v;

	(void)d;
	(void)c;
	yyjson_obj_foreach (yyjson_obj_get(doc->config, "ExposedPorts"), i, n, key, v) {
		if (sscanf(yyjson_get_str(key), "%5u/%15s", &port, protocol) < 2)
			continue;
		o = yyjson_mut_arr_add_obj(out, list);
		yyjson_mut_obj_add_uint(out, o, "PrivatePort", port);
		yyjson_mut_obj_add_strcpy(out, o, "Type", protocol);
	}
	return list;
}

yyjson_mut_val *container_networks(struct docker *d, yyjson_mut_doc *out, const struct engine_container *c,
				   const struct container_doc *doc)
{
	yyjson_mut_val *map = yyjson_mut_obj(out), *o;
	size_t i, n;
	yyjson_val *v;

	(void)d;
	(void)c;
	yyjson_arr_foreach (yyjson_obj_get(doc->spec, "networks"), i, n, v) {
		o = yyjson_mut_obj(out);
		yyjson_mut_obj_add(map, yyjson_mut_strcpy(out, shape_text(v, "name")), o);
		yyjson_mut_obj_add_str(out, o, "NetworkID", "");
	}
	return map;
}
