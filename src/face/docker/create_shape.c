/* SPDX-License-Identifier: Apache-2.0 */
#include "face/docker/create_private.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/docker/shape.h"

#include <string.h>

/* In the order in which Docker shows them, and with what it shows when nothing is set. */
static const struct shape config_members[] = {
    {"Hostname", SHAPE_STR, "\"\""},
    {"Domainname", SHAPE_STR, "\"\""},
    {"User", SHAPE_STR, "\"\""},
    {"AttachStdin", SHAPE_BOOL, "false"},
    {"AttachStdout", SHAPE_BOOL, "false"},
    {"AttachStderr", SHAPE_BOOL, "false"},
    {"ExposedPorts", SHAPE_SET},
    {"Tty", SHAPE_BOOL, "false"},
    {"OpenStdin", SHAPE_BOOL, "false"},
    {"StdinOnce", SHAPE_BOOL, "false"},
    {"Env", SHAPE_STRV, "[]"},
    {"Cmd", SHAPE_WORDS, "null"},
    {"Healthcheck", SHAPE_OBJ},
    {"ArgsEscaped", SHAPE_BOOL},
    {"Image", SHAPE_STR, "\"\""},
    {"Volumes", SHAPE_SET, "null"},
    {"WorkingDir", SHAPE_STR, "\"\""},
    {"Entrypoint", SHAPE_WORDS, "null"},
    {"NetworkDisabled", SHAPE_BOOL},
    {"MacAddress", SHAPE_STR},
    {"OnBuild", SHAPE_STRV, "null"},
    {"Labels", SHAPE_MAP, "{}"},
    {"StopSignal", SHAPE_STR},
    {"StopTimeout", SHAPE_INT},
    {"Shell", SHAPE_STRV},
    {NULL},
};

static const struct shape host_members[] = {
    {"Binds", SHAPE_STRV, "null"},
    {"ContainerIDFile", SHAPE_STR, "\"\""},
    {"LogConfig", SHAPE_OBJ, "{\"Type\":\"json-file\",\"Config\":{}}"},
    {"NetworkMode", SHAPE_STR, "\"default\""},
    {"PortBindings", SHAPE_OBJ, "{}"},
    {"RestartPolicy", SHAPE_OBJ, "{\"Name\":\"no\",\"MaximumRetryCount\":0}"},
    {"AutoRemove", SHAPE_BOOL, "false"},
    {"VolumeDriver", SHAPE_STR, "\"\""},
    {"VolumesFrom", SHAPE_STRV, "null"},
    {"ConsoleSize", SHAPE_LIST, "[0,0]"},
    {"Annotations", SHAPE_MAP},
    {"CapAdd", SHAPE_WORDS, "null"},
    {"CapDrop", SHAPE_WORDS, "null"},
    {"CgroupnsMode", SHAPE_STR, "\"private\""},
    {"Dns", SHAPE_STRV, "[]"},
    {"DnsOptions", SHAPE_STRV, "[]"},
    {"DnsSearch", SHAPE_STRV, "[]"},
    {"ExtraHosts", SHAPE_STRV, "null"},
    {"GroupAdd", SHAPE_STRV, "null"},
    {"IpcMode", SHAPE_STR, "\"private\""},
    {"Cgroup", SHAPE_STR, "\"\""},
    {"Links", SHAPE_STRV, "null"},
    {"OomScoreAdj", SHAPE_INT, "0"},
    {"PidMode", SHAPE_STR, "\"\""},
    {"Privileged", SHAPE_BOOL, "false"},
    {"PublishAllPorts", SHAPE_BOOL, "false"},
    {"ReadonlyRootfs", SHAPE_BOOL, "false"},
    {"SecurityOpt", SHAPE_STRV, "null"},
    {"StorageOpt", SHAPE_MAP},
    {"Tmpfs", SHAPE_MAP},
    {"UTSMode", SHAPE_STR, "\"\""},
    {"UsernsMode", SHAPE_STR, "\"\""},
    {"ShmSize", SHAPE_INT, "67108864"},
    {"Sysctls", SHAPE_MAP},
    {"Runtime", SHAPE_STR, "\"berth\""},
    {"Isolation", SHAPE_STR, "\"\""},
    {"CpuShares", SHAPE_INT, "0"},
    {"Memory", SHAPE_INT, "0"},
    {"NanoCpus", SHAPE_INT, "0"},
    {"CgroupParent", SHAPE_STR, "\"\""},
    {"BlkioWeight", SHAPE_INT, "0"},
    {"BlkioWeightDevice", SHAPE_LIST, "[]"},
    {"BlkioDeviceReadBps", SHAPE_LIST, "[]"},
    {"BlkioDeviceWriteBps", SHAPE_LIST, "[]"},
    {"BlkioDeviceReadIOps", SHAPE_LIST, "[]"},
    {"BlkioDeviceWriteIOps", SHAPE_LIST, "[]"},
    {"CpuPeriod", SHAPE_INT, "0"},
    {"CpuQuota", SHAPE_INT, "0"},
    {"CpuRealtimePeriod", SHAPE_INT, "0"},
    {"CpuRealtimeRuntime", SHAPE_INT, "0"},
    {"CpusetCpus", SHAPE_STR, "\"\""},
    {"CpusetMems", SHAPE_STR, "\"\""},
    {"Devices", SHAPE_LIST, "[]"},
    {"DeviceCgroupRules", SHAPE_STRV, "null"},
    {"DeviceRequests", SHAPE_LIST, "null"},
    {"KernelMemory", SHAPE_INT},
    {"KernelMemoryTCP", SHAPE_INT},
    {"MemoryReservation", SHAPE_INT, "0"},
    {"MemorySwap", SHAPE_INT, "0"},
    {"MemorySwappiness", SHAPE_INT, "null"},
    {"OomKillDisable", SHAPE_BOOL, "false"},
    {"PidsLimit", SHAPE_INT, "null"},
    {"Ulimits", SHAPE_LIST, "[]"},
    {"CpuCount", SHAPE_INT, "0"},
    {"CpuPercent", SHAPE_INT, "0"},
    {"IOMaximumIOps", SHAPE_INT, "0"},
    {"IOMaximumBandwidth", SHAPE_INT, "0"},
    {"Init", SHAPE_BOOL},
    {"Mounts", SHAPE_LIST},
    {"MaskedPaths", SHAPE_STRV},
    {"ReadonlyPaths", SHAPE_STRV},
    {NULL},
};

static const struct shape networking_members[] = {
    {"EndpointsConfig", SHAPE_OBJ, "{}"},
    {NULL},
};

/* Before 1.44 some members stood at another place; what an image says is in its words, which are almost these. */
static const struct shape image_members[] = {
    {"User", SHAPE_STR},	 {"ExposedPorts", SHAPE_SET},
    {"Env", SHAPE_STRV},	 {"Cmd", SHAPE_WORDS},
    {"Healthcheck", SHAPE_OBJ},	 {"Volumes", SHAPE_SET},
    {"WorkingDir", SHAPE_STR},	 {"Entrypoint", SHAPE_WORDS},
    {"OnBuild", SHAPE_STRV},	 {"Labels", SHAPE_MAP},
    {"StopSignal", SHAPE_STR},	 {"Shell", SHAPE_STRV},
    {"ArgsEscaped", SHAPE_BOOL}, {NULL},
};

static void replace(yyjson_mut_doc *d, yyjson_mut_val *obj, const char *key, yyjson_mut_val *value)
{
	yyjson_mut_obj_put(obj, yyjson_mut_str(d, key), value);
}

/* Entries of a map of the image that the container has not. */
static void merge_map(yyjson_mut_doc *d, yyjson_mut_val *config, const char *key, yyjson_mut_val *image)
{
	yyjson_mut_val *of_image = yyjson_mut_obj_get(image, key), *own = yyjson_mut_obj_get(config, key);
	yyjson_mut_obj_iter it = yyjson_mut_obj_iter_with(of_image);
	yyjson_mut_val *name;

	if (!of_image)
		return;
	if (!yyjson_mut_is_obj(own)) {
		own = yyjson_mut_obj(d);
		replace(d, config, key, own);
	}
	while ((name = yyjson_mut_obj_iter_next(&it))) {
		yyjson_mut_val *value = yyjson_mut_obj_iter_get_val(name);

		if (!yyjson_mut_obj_get(own, yyjson_mut_get_str(name)))
			yyjson_mut_obj_add(own, yyjson_mut_val_mut_copy(d, name), yyjson_mut_val_mut_copy(d, value));
	}
}

static bool has_variable(yyjson_mut_val *list, const char *entry)
{
	size_t n = strcspn(entry, "="), i, max;
	yyjson_mut_val *v;

	yyjson_mut_arr_foreach (list, i, max, v) {
		const char *own = yyjson_mut_get_str(v);

		if (!strncmp(own, entry, n) && (own[n] == '=' || !own[n]))
			return true;
	}
	return false;
}

static void merge_env(yyjson_mut_doc *d, yyjson_mut_val *config, yyjson_mut_val *image)
{
	yyjson_mut_val *own = yyjson_mut_obj_get(config, "Env"), *v;
	size_t i, n;

	yyjson_mut_arr_foreach (yyjson_mut_obj_get(image, "Env"), i, n, v) {
		if (!has_variable(own, yyjson_mut_get_str(v)))
			yyjson_mut_arr_append(own, yyjson_mut_val_mut_copy(d, v));
	}
}

static size_t words(yyjson_mut_val *config, const char *key)
{
	return yyjson_mut_arr_size(yyjson_mut_obj_get(config, key));
}

static void take(yyjson_mut_doc *d, yyjson_mut_val *config, yyjson_mut_val *image, const char *key)
{
	yyjson_mut_val *v = yyjson_mut_obj_get(image, key);

	if (v)
		replace(d, config, key, yyjson_mut_val_mut_copy(d, v));
}

/* An entrypoint of the container drops the command of the image; [""] is none. */
static void merge_command(yyjson_mut_doc *d, yyjson_mut_val *config, yyjson_mut_val *image)
{
	yyjson_mut_val *entrypoint;

	if (words(config, "Entrypoint") == 0) {
		if (words(config, "Cmd") == 0)
			take(d, config, image, "Cmd");
		if (yyjson_mut_is_null(yyjson_mut_obj_get(config, "Entrypoint")))
			take(d, config, image, "Entrypoint");
	}
	entrypoint = yyjson_mut_obj_get(config, "Entrypoint");
	if (yyjson_mut_arr_size(entrypoint) == 1 && yyjson_mut_equals_str(yyjson_mut_arr_get_first(entrypoint), ""))
		replace(d, config, "Entrypoint", yyjson_mut_null(d));
}

/* "80" is "80/tcp": compose 2 sends what stands under `expose` as it is. */
static void name_ports(yyjson_mut_doc *d, yyjson_mut_val *config)
{
	yyjson_mut_obj_iter it = yyjson_mut_obj_iter_with(yyjson_mut_obj_get(config, "ExposedPorts"));
	yyjson_mut_val *key, *named = it.obj ? yyjson_mut_obj(d) : NULL;

	while ((key = yyjson_mut_obj_iter_next(&it))) {
		const char *port = yyjson_mut_get_str(key);
		mem_cleanup char *name = mem_printf("%s%s", port, strchr(port, '/') ? "" : "/tcp");

		yyjson_mut_obj_put(named, yyjson_mut_strcpy(d, name), yyjson_mut_obj(d));
	}
	if (named)
		replace(d, config, "ExposedPorts", named);
}

/* null and 0 are as good as missing: docker-compose 1 sends them, and wants them not back. */
static void clean_health(yyjson_mut_val *config)
{
	yyjson_mut_obj_iter it = yyjson_mut_obj_iter_with(yyjson_mut_obj_get(config, "Healthcheck"));
	yyjson_mut_val *key;

	while ((key = yyjson_mut_obj_iter_next(&it))) {
		yyjson_mut_val *v = yyjson_mut_obj_iter_get_val(key);

		if (yyjson_mut_is_null(v) || (yyjson_mut_is_uint(v) && yyjson_mut_get_uint(v) == 0))
			yyjson_mut_obj_iter_remove(&it);
	}
}

static void merge_health(yyjson_mut_doc *d, yyjson_mut_val *config, yyjson_mut_val *image)
{
	static const char *const numbers[] = {"Interval", "Timeout", "StartPeriod", "StartInterval", "Retries"};
	yyjson_mut_val *own = yyjson_mut_obj_get(config, "Healthcheck");
	yyjson_mut_val *of_image = yyjson_mut_obj_get(image, "Healthcheck");

	if (!of_image)
		return;
	if (!own) {
		take(d, config, image, "Healthcheck");
		return;
	}
	if (yyjson_mut_arr_size(yyjson_mut_obj_get(own, "Test")) == 0)
		take(d, own, of_image, "Test");
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		if (yyjson_mut_get_sint(yyjson_mut_obj_get(own, numbers[i])) == 0)
			take(d, own, of_image, numbers[i]);
	}
}

static int merge_image(yyjson_mut_doc *d, yyjson_mut_val *config, yyjson_val *image, struct err *err)
{
	static const char *const texts[] = {"User", "WorkingDir", "StopSignal"};
	static const char *const maps[] = {"ExposedPorts", "Volumes", "Labels"};
	yyjson_mut_val *of_image = yyjson_mut_obj(d);

	if (shape_copy(d, of_image, image, image_members, "the image's configuration", err) < 0)
		return -EINVAL;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		const char *own = yyjson_mut_get_str(yyjson_mut_obj_get(config, texts[i]));

		if (!own || !*own)
			take(d, config, of_image, texts[i]);
	}
	for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
		merge_map(d, config, maps[i], of_image);
	merge_env(d, config, of_image);
	merge_command(d, config, of_image);
	merge_health(d, config, of_image);
	if (!yyjson_mut_obj_get(config, "Shell"))
		take(d, config, of_image, "Shell");
	return 0;
}

/* What these objects lack is shown, too. */
static const struct shape log_members[] = {{"Type", SHAPE_STR, "\"json-file\""}, {"Config", SHAPE_MAP, "{}"}, {NULL}};
static const struct shape restart_members[] = {
    {"Name", SHAPE_STR, "\"no\""}, {"MaximumRetryCount", SHAPE_INT, "0"}, {NULL}};

static int shape_part(yyjson_mut_doc *d, yyjson_mut_val *host, yyjson_val *from, const char *key,
		      const struct shape *table, struct err *err)
{
	yyjson_val *v = yyjson_obj_get(from, key), *first;
	yyjson_mut_val *part;

	if (!v || yyjson_is_null(v))
		return 0;
	part = yyjson_mut_obj(d);
	if (shape_copy(d, part, v, table, key, err) < 0)
		return -EINVAL;
	first = yyjson_obj_get(v, table->name);
	if (yyjson_equals_str(first, ""))
		yyjson_mut_obj_put(part, yyjson_mut_str(d, table->name),
				   yyjson_mut_str(d, table == log_members ? "json-file" : "no"));
	replace(d, host, key, part);
	return 0;
}

/* An empty text is shown as what it means. */
static void name_modes(yyjson_mut_doc *d, yyjson_mut_val *host)
{
	static const struct {
		const char *key, *meaning;
	} modes[] = {
	    {"NetworkMode", "default"}, {"IpcMode", "private"}, {"CgroupnsMode", "private"}, {"Runtime", "berth"}};

	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		if (yyjson_mut_equals_str(yyjson_mut_obj_get(host, modes[i].key), ""))
			replace(d, host, modes[i].key, yyjson_mut_str(d, modes[i].meaning));
	}
	if (yyjson_mut_get_sint(yyjson_mut_obj_get(host, "ShmSize")) == 0)
		replace(d, host, "ShmSize", yyjson_mut_sint(d, 64 << 20));
}

static int shape_all(yyjson_mut_doc *d, yyjson_mut_val *root, yyjson_val *body, yyjson_val *image, struct err *err)
{
	yyjson_mut_val *config = yyjson_mut_obj_add_obj(d, root, "Config"), *network;
	yyjson_mut_val *host = yyjson_mut_obj_add_obj(d, root, "HostConfig");
	yyjson_val *inner = yyjson_obj_get(body, "HostConfig");
	/* As Docker: old clients have the members of a HostConfig beside the others. */
	yyjson_val *from = inner ? inner : body;

	if (shape_copy(d, config, body, config_members, "Config", err) < 0)
		return -err->code;
	clean_health(config);
	name_ports(d, config);
	if (image && merge_image(d, config, image, err) < 0)
		return -EINVAL;
	if (shape_copy(d, host, from, host_members, "HostConfig", err) < 0)
		return -err->code;
	if (shape_part(d, host, from, "LogConfig", log_members, err) < 0 ||
	    shape_part(d, host, from, "RestartPolicy", restart_members, err) < 0 ||
	    create_device_shape(d, host, from, err) < 0)
		return -EINVAL;
	name_modes(d, host);
	network = yyjson_mut_obj_add_obj(d, root, "NetworkingConfig");
	return shape_copy(d, network, yyjson_obj_get(body, "NetworkingConfig"), networking_members, "NetworkingConfig",
			  err);
}

yyjson_mut_doc *create_shape(yyjson_val *body, yyjson_val *image, struct err *err)
{
	yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	struct err own = ERR_INIT, *e = err ? err : &own;

	yyjson_mut_doc_set_root(d, yyjson_mut_obj(d));
	if (shape_all(d, yyjson_mut_doc_get_root(d), body, image, e) == 0)
		return d;
	yyjson_mut_doc_free(d);
	return NULL;
}
