/* SPDX-License-Identifier: Apache-2.0
 *
 * Devices of a service: by path, by name (CDI), and GPUs.
 */
#include "face/project/spec_private.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/show.h"

#include <string.h>

static yyjson_mut_val *list_of(struct spec *s, const char *key)
{
	yyjson_mut_val *list = yyjson_mut_obj_get(s->host, key);

	return list ? list : yyjson_mut_obj_add_arr(s->d, s->host, key);
}

/* "vendor.com/class=name" is no path. */
static void by_name(struct spec *s, const char *name)
{
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(s->d, list_of(s, "DeviceRequests"));

	yyjson_mut_obj_add_str(s->d, o, "Driver", "cdi");
	yyjson_mut_arr_append(yyjson_mut_obj_add_arr(s->d, o, "DeviceIDs"), spec_text(s, name));
}

/* "/dev/a:/dev/b:rwm", or the same as an object. */
static void by_path(struct spec *s, yyjson_val *v)
{
	mem_cleanup char *text = mem_strdup(yyjson_is_str(v) ? yyjson_get_str(v) : "");
	char *save = NULL, *source = strtok_r(text, ":", &save), *target = strtok_r(NULL, ":", &save);
	char *rights = strtok_r(NULL, ":", &save);
	const char *from = source ? source : show_str(v, "source", "");
	yyjson_mut_val *o;

	if (*from != '/' && strchr(from, '=')) {
		by_name(s, from);
		return;
	}
	o = yyjson_mut_arr_add_obj(s->d, list_of(s, "Devices"));
	yyjson_mut_obj_add_strcpy(s->d, o, "PathOnHost", from);
	yyjson_mut_obj_add_strcpy(s->d, o, "PathInContainer", target ? target : show_str(v, "target", from));
	yyjson_mut_obj_add_strcpy(s->d, o, "CgroupPermissions", rights ? rights : show_str(v, "permissions", "rwm"));
}

/* One of `gpus` or of deploy.resources.reservations.devices. Neither count nor ids: all of them. */
static void request(struct spec *s, yyjson_val *v, bool gpu)
{
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(s->d, list_of(s, "DeviceRequests")), *any;
	yyjson_val *count = yyjson_obj_get(v, "count"), *ids = yyjson_obj_get(v, "device_ids"), *c;
	bool named = gpu;
	size_t i, n;

	if (*show_str(v, "driver", ""))
		yyjson_mut_obj_add_strcpy(s->d, o, "Driver", show_str(v, "driver", ""));
	if (yyjson_arr_size(ids) > 0)
		yyjson_mut_obj_add_val(s->d, o, "DeviceIDs", yyjson_val_mut_copy(s->d, ids));
	else
		yyjson_mut_obj_add_int(s->d, o, "Count", yyjson_is_int(count) ? yyjson_get_sint(count) : -1);
	any = yyjson_mut_arr_add_arr(s->d, yyjson_mut_obj_add_arr(s->d, o, "Capabilities"));
	yyjson_arr_foreach (yyjson_obj_get(v, "capabilities"), i, n, c) {
		named = named && !yyjson_equals_str(c, "gpu");
		yyjson_mut_arr_append(any, yyjson_val_mut_copy(s->d, c));
	}
	if (named)
		yyjson_mut_arr_add_str(s->d, any, "gpu");
	if (yyjson_is_obj(yyjson_obj_get(v, "options")))
		yyjson_mut_obj_add_val(s->d, o, "Options", yyjson_val_mut_copy(s->d, yyjson_obj_get(v, "options")));
}

void spec_devices(struct spec *s)
{
	yyjson_val *reserved = yyjson_obj_get(
	    yyjson_obj_get(yyjson_obj_get(yyjson_obj_get(s->service, "deploy"), "resources"), "reservations"),
	    "devices");
	yyjson_val *gpus = yyjson_obj_get(s->service, "gpus"), *v;
	size_t i, n;

	yyjson_arr_foreach (yyjson_obj_get(s->service, "devices"), i, n, v) {
		by_path(s, v);
	}
	yyjson_arr_foreach (reserved, i, n, v) {
		request(s, v, false);
	}
	if (yyjson_is_str(gpus))
		request(s, NULL, true);
	yyjson_arr_foreach (gpus, i, n, v) {
		request(s, v, true);
	}
}
