/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/docker_private.h"
#include "node/registry/base64.h"
#include "node/registry/name.h"

#include <stdlib.h>
#include <string.h>

#define BUILD_MEMORY_MIN (6 << 20)
#define AUTH_BYTES_MAX 65536u
#define MAP_BYTES_MAX (1u << 20)

/* What a tool needs of our environment; it has none of its own. */
static const char *const passed_on[] = {"http_proxy", "https_proxy", "no_proxy",       "all_proxy",
					"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",       "ALL_PROXY",
					"HOME",	      "PATH",	     "XDG_CONFIG_HOME"};

yyjson_mut_doc *docker_tool_request(const char *op)
{
	yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(d), *env;

	yyjson_mut_doc_set_root(d, root);
	yyjson_mut_obj_add_str(d, root, "op", op);
	env = yyjson_mut_obj_add_arr(d, root, "env");
	for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++) {
		const char *value = getenv(passed_on[i]);
		mem_cleanup char *both = value ? mem_printf("%s=%s", passed_on[i], value) : NULL;

		if (both)
			yyjson_mut_arr_add_strcpy(d, env, both);
	}
	return d;
}

const char *docker_local_name(const char *name)
{
	static const char *const hosts[] = {"docker.io/", "index.docker.io/"};

	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		size_t n = strlen(hosts[i]);

		if (!strncmp(name, hosts[i], n))
			return strncmp(name + n, "library/", 8) ? name + n : name + n + 8;
	}
	return name;
}

bool docker_image_is_repo(const char *name)
{
	const char *slash = strrchr(name, '/');

	return !strchr(name, '@') && !strchr(slash ? slash : name, ':');
}

char *docker_image_name(const char *name, const char *tag)
{
	name = docker_local_name(name);
	if (!tag || !*tag || !docker_image_is_repo(name))
		return mem_strdup(name);
	return mem_printf("%s%c%s", name, strchr(tag, ':') ? '@' : ':', tag);
}

/* ---- credentials ---- */

/* RFC 4648 sections 4 and 5. */
yyjson_doc *docker_auth_decode(const char *text)
{
	size_t n = text ? strlen(text) : 0;
	mem_cleanup char *plain = NULL, *bytes = NULL;
	size_t len;

	if (n == 0 || n > AUTH_BYTES_MAX)
		return NULL;
	plain = mem_printf("%s%s", text, n % 4 == 2 ? "==" : n % 4 == 3 ? "=" : "");
	for (char *p = plain; *p; p++)
		*p = *p == '-' ? '+' : *p == '_' ? '/' : *p;
	bytes = base64_bytes(plain, &len);
	return bytes ? json_parse(bytes, len, AUTH_BYTES_MAX, "credentials", NULL) : NULL;
}

static void add_auth(yyjson_mut_doc *request, yyjson_mut_val *auths, const char *host, yyjson_val *one)
{
	static const char *const kept[] = {"username", "password", "auth", "identitytoken", "registrytoken"};
	yyjson_mut_val *o = yyjson_mut_obj(request);

	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
		const char *value = yyjson_get_str(yyjson_obj_get(one, kept[i]));

		if (value && *value)
			yyjson_mut_obj_add_strcpy(request, o, kept[i], value);
	}
	if (yyjson_mut_obj_size(o) > 0)
		yyjson_mut_obj_add(auths, yyjson_mut_strcpy(request, host), o);
}

void docker_request_auth(yyjson_mut_doc *request, const struct http_req *r, const char *image)
{
	yyjson_mut_val *config = yyjson_mut_obj_add_obj(request, yyjson_mut_doc_get_root(request), "docker_config");
	yyjson_mut_val *auths = yyjson_mut_obj_add_obj(request, config, "auths");
	json_doc_cleanup yyjson_doc *one = docker_auth_decode(http_req_header(r, "x-registry-auth"));
	json_doc_cleanup yyjson_doc *all = docker_auth_decode(http_req_header(r, "x-registry-config"));
	cleanup_with(name_free) struct name name = NAME_INIT;
	size_t i, n;
	yyjson_val *key, *value;

	if (image && yyjson_is_obj(yyjson_doc_get_root(one)) && name_parse(image, &name, NULL) == 0)
		add_auth(request, auths, name.host, yyjson_doc_get_root(one));
	yyjson_obj_foreach (yyjson_doc_get_root(all), i, n, key, value) {
		mem_cleanup char *host = NULL;

		if (yyjson_is_obj(value) && name_host(yyjson_get_str(key), &host, NULL) == 0)
			add_auth(request, auths, host, value);
	}
}

/* ---- a build ---- */

static int parse_param(const struct http_req *r, const char *name, yyjson_doc **ret, struct err *err)
{
	const char *text = http_req_query(r, name);

	*ret = NULL;
	if (!text || !*text)
		return 0;
	*ret = json_parse(text, strlen(text), MAP_BYTES_MAX, name, err);
	return *ret ? 0 : -EINVAL;
}

/* {"A": "1", "B": null} -> ["A=1"]: what has no value is not given. */
static int add_map(yyjson_mut_doc *request, const struct http_req *r, const char *name, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(request, yyjson_mut_doc_get_root(request), name);
	size_t i, n;
	yyjson_val *key, *value;

	if (parse_param(r, name, &doc, err) < 0)
		return -EINVAL;
	if (doc && !yyjson_is_obj(yyjson_doc_get_root(doc)))
		return err_set(err, EINVAL, "%s: a map is needed", name);
	yyjson_obj_foreach (yyjson_doc_get_root(doc), i, n, key, value) {
		mem_cleanup char *both = NULL;

		if (!yyjson_is_str(value))
			continue;
		both = mem_printf("%s=%s", yyjson_get_str(key), yyjson_get_str(value));
		yyjson_mut_arr_add_strcpy(request, list, both);
	}
	return 0;
}

static int add_cache_from(yyjson_mut_doc *request, const struct http_req *r, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(request, yyjson_mut_doc_get_root(request), "cache_from");
	size_t i, n;
	yyjson_val *v;

	if (parse_param(r, "cachefrom", &doc, err) < 0)
		return -EINVAL;
	yyjson_arr_foreach (yyjson_doc_get_root(doc), i, n, v) {
		if (yyjson_is_str(v))
			yyjson_mut_arr_add_strcpy(request, list, yyjson_get_str(v));
	}
	return 0;
}

/* A parameter that comes as often as there are values; commas separate, too, where Docker has it so. */
static void add_list(yyjson_mut_doc *request, const struct http_req *r, const char *param, const char *key, bool commas)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(request, yyjson_mut_doc_get_root(request), key);
	const char *value;

	for (size_t i = 0; (value = http_req_query_at(r, param, i)); i++) {
		while (commas && strchr(value, ',')) {
			size_t n = strcspn(value, ",");

			if (n > 0)
				yyjson_mut_arr_add_strncpy(request, list, value, n);
			value += n + 1;
		}
		if (*value)
			yyjson_mut_arr_add_strcpy(request, list, value);
	}
}

/* [{"Name": "nofile", "Soft": 1, "Hard": 2}] -> ["nofile=1:2"] */
static int add_ulimits(yyjson_mut_doc *request, const struct http_req *r, struct err *err)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(request, yyjson_mut_doc_get_root(request), "ulimits");
	json_doc_cleanup yyjson_doc *doc = NULL;
	size_t i, n;
	yyjson_val *v;

	if (parse_param(r, "ulimits", &doc, err) < 0)
		return -EINVAL;
	yyjson_arr_foreach (yyjson_doc_get_root(doc), i, n, v) {
		const char *name = yyjson_get_str(yyjson_obj_get(v, "Name"));
		mem_cleanup char *text = NULL;

		if (!name)
			return err_set(err, EINVAL, "ulimits: the Name of entry %zu is missing", i + 1);
		text = mem_printf("%s=%lld:%lld", name, (long long)yyjson_get_sint(yyjson_obj_get(v, "Soft")),
				  (long long)yyjson_get_sint(yyjson_obj_get(v, "Hard")));
		yyjson_mut_arr_add_strcpy(request, list, text);
	}
	return 0;
}

/* One that is missing, or not a number, is 0, as with Docker. */
static int64_t number(const struct http_req *r, const char *name)
{
	const char *text = http_req_query(r, name);

	return text ? strtoll(text, NULL, 10) : 0;
}

static int add_limits(yyjson_mut_doc *request, const struct http_req *r, struct err *err)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(request);
	int64_t memory = number(r, "memory"), swap = number(r, "memswap"), shm = number(r, "shmsize");
	int64_t quota = number(r, "cpuquota"), period = number(r, "cpuperiod");
	const char *cpus = http_req_query(r, "cpusetcpus");

	if (memory < 0 || (memory > 0 && memory < BUILD_MEMORY_MIN))
		return err_set(err, EINVAL, "Minimum memory limit allowed is 6MB");
	if (memory > 0 && swap > 0 && swap < memory)
		return err_set(err, EINVAL, "Minimum memoryswap limit should be larger than memory limit, see usage");
	if (shm < 0)
		return err_set(err, EINVAL, "SHM size can not be less than 0");
	if (period != 0 && (period < 1000 || period > 1000000))
		return err_set(err, EINVAL,
			       "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
	if (quota > 0 && quota < 1000)
		return err_set(err, EINVAL, "CPU cfs quota can not be less than 1ms (i.e. 1000)");
	yyjson_mut_obj_add_int(request, root, "memory", memory);
	yyjson_mut_obj_add_int(request, root, "shm_size", shm);
	if (quota > 0)
		yyjson_mut_obj_add_int(request, root, "cpu_milli", quota * 1000 / (period ? period : 100000));
	if (cpus && *cpus)
		yyjson_mut_obj_add_strcpy(request, root, "cpus", cpus);
	return add_ulimits(request, r, err);
}

int docker_build_request(yyjson_mut_doc *request, const struct http_req *r, struct err *err)
{
	static const struct {
		const char *param, *key;
	} texts[] = {
	    {"dockerfile", "dockerfile"}, {"remote", "remote"}, {"target", "target"}, {"platform", "platform"}};
	static const char *const flags[] = {"nocache", "pull", "q"};
	yyjson_mut_val *root = yyjson_mut_doc_get_root(request);
	const char *network = http_req_query(r, "networkmode");

	if (docker_flag(r, "squash", false))
		return err_set(err, EINVAL, "squash is not supported");
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		const char *value = http_req_query(r, texts[i].param);

		if (value && *value)
			yyjson_mut_obj_add_strcpy(request, root, texts[i].key, value);
	}
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		yyjson_mut_obj_add_bool(request, root, flags[i], docker_flag(r, flags[i], false));
	if (network && *network)
		yyjson_mut_obj_add_strcpy(request, root, "network", network);
	add_list(request, r, "t", "tags", false);
	add_list(request, r, "extrahosts", "hosts", true);
	if (add_map(request, r, "buildargs", err) < 0 || add_map(request, r, "labels", err) < 0 ||
	    add_limits(request, r, err) < 0)
		return -EINVAL;
	return add_cache_from(request, r, err);
}
