/* SPDX-License-Identifier: Apache-2.0
 *
 * DeviceRequests: `--device vendor.com/class=name` (driver "cdi") and `--gpus`. Both become names of devices that CDI files describe (cdi.h); there is no other
 * driver here. GPUs are the devices of the kind nvidia.com/gpu, as their maker's tool names them: all, an id, or a number of them: those that nobody has
 * first (cdi_idle.h).
 */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/engine/cdi.h"
#include "face/docker/create_private.h"
#include "face/docker/shape.h"

#include <errno.h>
#include <string.h>

#define NAMES_MAX 256

static const struct shape request_members[] = {
    {"Driver", SHAPE_STR, "\"\""},	{"Count", SHAPE_INT, "0"},    {"DeviceIDs", SHAPE_STRV, "[]"},
    {"Capabilities", SHAPE_LIST, "[]"}, {"Options", SHAPE_MAP, "{}"}, {NULL},
};

/* As Docker prints it: [[gpu compute] [utility]] */
static void print_capabilities(struct buf *b, yyjson_val *list)
{
	yyjson_val *set, *v;
	size_t i, k, n, max;

	buf_addc(b, '[');
	yyjson_arr_foreach (list, i, n, set) {
		buf_adds(b, i > 0 ? " [" : "[");
		yyjson_arr_foreach (set, k, max, v) {
			if (yyjson_is_str(v))
				buf_printf(b, "%s%.100s", k > 0 ? " " : "", yyjson_get_str(v));
		}
		buf_addc(b, ']');
	}
	buf_addc(b, ']');
}

static int no_driver(const char *driver, yyjson_val *capabilities, struct err *err)
{
	buf_cleanup struct buf b = BUF_LIMIT(4096);

	print_capabilities(&b, capabilities);
	return err_set(err, EINVAL, "could not select device driver \"%.100s\" with capabilities: %s", driver,
		       buf_str(&b));
}

static bool wants_gpu(yyjson_val *capabilities)
{
	yyjson_val *set, *v;
	size_t i, k, n, max;

	yyjson_arr_foreach (capabilities, i, n, set) {
		yyjson_arr_foreach (set, k, max, v) {
			if (yyjson_equals_str(v, "gpu"))
				return true;
		}
	}
	return false;
}

static int add_name(struct making *m, const char *name, struct err *err)
{
	if (!cdi_is_name(name))
		return err_set(err, EINVAL, "invalid CDI device name %.200s: VENDOR/CLASS=NAME is needed", name);
	if (mem_strv_len(m->out->cdi) >= NAMES_MAX)
		return err_set(err, E2BIG, "DeviceRequests: more than %d devices", NAMES_MAX);
	mem_strv_add(&m->out->cdi, name);
	return 0;
}

static int add_gpus(struct making *m, yyjson_val *request, struct err *err)
{
	int64_t count = shape_number(request, "Count");
	yyjson_val *ids = yyjson_obj_get(request, "DeviceIDs"), *v;
	size_t i, n;
	int r = 0;

	if (yyjson_arr_size(ids) > 0 && count != 0)
		return err_set(err, EINVAL, "cannot set both Count and DeviceIDs on device request");
	yyjson_arr_foreach (ids, i, n, v) {
		mem_cleanup char *name = mem_printf(CREATE_GPU_KIND "=%.200s", yyjson_get_str(v));

		r = r < 0 ? r : add_name(m, name, err);
	}
	if (yyjson_arr_size(ids) == 0 && count < 0)
		return add_name(m, CREATE_GPU_KIND "=all", err);
	if (count > NAMES_MAX)
		return err_set(err, E2BIG, "DeviceRequests: more than %d devices", NAMES_MAX);
	if (count > (int64_t)m->out->gpus)
		m->out->gpus = (uint32_t)count;
	return r;
}

static int add_cdi(struct making *m, yyjson_val *request, struct err *err)
{
	yyjson_val *v;
	size_t i, n;

	if (shape_number(request, "Count") != 0 || yyjson_arr_size(yyjson_obj_get(request, "Options")) > 0)
		return err_set(err, EINVAL, "CDI device injection failed: Count and Options are not for CDI devices");
	yyjson_arr_foreach (yyjson_obj_get(request, "DeviceIDs"), i, n, v) {
		int r = add_name(m, yyjson_get_str(v), err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int add_request(struct making *m, yyjson_val *request, struct err *err)
{
	const char *driver = shape_text(request, "Driver");
	yyjson_val *capabilities = yyjson_obj_get(request, "Capabilities");
	struct err none = ERR_INIT;

	if (!strcmp(driver, "cdi"))
		return add_cdi(m, request, err);
	if ((*driver && strcmp(driver, "nvidia") != 0) || !wants_gpu(capabilities))
		return no_driver(driver, capabilities, err);
	/* For the case that no file describes such a device. */
	if (!m->out->no_device) {
		(void)no_driver(driver, capabilities, &none);
		m->out->no_device = mem_strdup(none.text);
	}
	return add_gpus(m, request, err);
}

int create_device_shape(yyjson_mut_doc *d, yyjson_mut_val *host, yyjson_val *from, struct err *err)
{
	yyjson_val *list = yyjson_obj_get(from, "DeviceRequests"), *v;
	yyjson_mut_val *shaped = yyjson_mut_arr(d);
	size_t i, n;

	if (!shape_is_set(list))
		return 0;
	yyjson_arr_foreach (list, i, n, v) {
		if (shape_copy(d, yyjson_mut_arr_add_obj(d, shaped), v, request_members, "DeviceRequests", err) < 0)
			return -EINVAL;
	}
	yyjson_mut_obj_put(host, yyjson_mut_str(d, "DeviceRequests"), shaped);
	return 0;
}

int create_devices(struct making *m, struct err *err)
{
	yyjson_val *v;
	size_t i, n;

	yyjson_arr_foreach (yyjson_obj_get(m->host, "DeviceRequests"), i, n, v) {
		int r = add_request(m, v, err);

		if (r < 0)
			return r;
	}
	return 0;
}
