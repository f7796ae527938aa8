/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/server/jobspec_probe.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/core/sha256.h"
#include "base/wire/json.h"
#include "cluster/sched/sched.h"

#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 10000
#define TIMEOUT_MOST_MS 60000
#define AGE_MS 600000
#define AGE_MOST_MS ((int64_t)30 * 24 * 3600 * 1000)
#define LOG_BYTES (64 << 10)
#define KEY_DIGITS 32 /* of the digest */

/* What the probe has of the service. */
static const char *const shared[] = {"image",	     "user",	   "working_dir", "limit_cpu_milli",
				     "limit_memory", "limit_pids", NULL};

/* Nothing is made on the node for it: what a bind mount names must be there. */
static void add_mounts(yyjson_mut_doc *d, yyjson_val *mounts)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(d, yyjson_mut_doc_get_root(d), "mounts");
	yyjson_val *mount;
	size_t i, n;

	yyjson_arr_foreach (mounts, i, n, mount) {
		const char *type = yyjson_get_str(yyjson_obj_get(mount, "type"));
		yyjson_mut_val *copy;

		if (!type || strcmp(type, "bind") != 0)
			continue;
		copy = yyjson_val_mut_copy(d, mount);
		yyjson_mut_obj_remove_key(copy, "read_only");
		yyjson_mut_obj_remove_key(copy, "create");
		yyjson_mut_obj_add_bool(d, copy, "read_only", true);
		yyjson_mut_obj_add_bool(d, copy, "create", false);
		yyjson_mut_arr_append(list, copy);
	}
}

static void add_rights(yyjson_mut_doc *d)
{
	yyjson_mut_val *o = yyjson_mut_doc_get_root(d), *log;

	yyjson_mut_obj_add_bool(d, o, "read_only", true);
	yyjson_mut_obj_add_str(d, o, "network_mode", "none");
	yyjson_mut_arr_add_str(d, yyjson_mut_obj_add_arr(d, o, "cap_drop"), "ALL");
	log = yyjson_mut_obj_add_obj(d, o, "log");
	yyjson_mut_obj_add_int(d, log, "max_size", LOG_BYTES);
	yyjson_mut_obj_add_int(d, log, "max_files", 1);
}

static char *container(yyjson_val *service, yyjson_val *command)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(d);

	yyjson_mut_doc_set_root(d, o);
	for (const char *const *key = shared; *key; key++) {
		yyjson_val *value = yyjson_obj_get(service, *key);

		if (value)
			yyjson_mut_obj_add_val(d, o, *key, yyjson_val_mut_copy(d, value));
	}
	yyjson_mut_obj_add_arr(d, o, "entrypoint");
	yyjson_mut_obj_add_val(d, o, "command", yyjson_val_mut_copy(d, command));
	add_mounts(d, yyjson_obj_get(service, "mounts"));
	add_rights(d);
	return json_text(d, false, NULL);
}

static int read_probe(yyjson_val *o, yyjson_val **ret_command, int64_t *ret_timeout_ms, int64_t *ret_age_ms,
		      struct err *err)
{
	char **words = NULL;
	size_t n;
	int r =
	    yyjson_is_obj(o) ? json_opt_strv(o, "command", &words, err) : err_set(err, EINVAL, "an object is needed");

	n = words ? mem_strv_len(words) : 0;
	mem_strv_free(words);
	if (r == 0 && !n)
		r = err_set(err, EINVAL, "command: a list of words is needed");
	*ret_timeout_ms = TIMEOUT_MS;
	*ret_age_ms = AGE_MS;
	if (r == 0)
		r = json_opt_int(o, "timeout_ms", 1, TIMEOUT_MOST_MS, ret_timeout_ms, err);
	if (r == 0)
		r = json_opt_int(o, "max_age_ms", 1000, AGE_MOST_MS, ret_age_ms, err);
	*ret_command = yyjson_obj_get(o, "command");
	return r;
}

int jobspec_probe_read(yyjson_val *service, struct sched_task_spec *t, struct err *err)
{
	yyjson_val *o = yyjson_obj_get(service, "probe"), *command;
	mem_cleanup char *text = NULL, *all = NULL;
	char hex[SHA256_HEX_MAX];
	int64_t timeout_ms;
	int r;

	if (!o)
		return 0;
	r = read_probe(o, &command, &timeout_ms, &t->probe_age_ms, err);
	if (r < 0)
		return err_wrap(err, "probe");
	text = container(service, command);
	all = mem_printf("%lld %s", (long long)timeout_ms, text);
	sha256_of(all, strlen(all), hex);
	t->probe = mem_strndup(hex, KEY_DIGITS);
	return 0;
}

void jobspec_probe_free(struct sched_task_spec *t)
{
	free((char *)t->probe);
	t->probe = NULL;
}

char *jobspec_probe_container(yyjson_val *service, uint32_t *ret_timeout_ms)
{
	yyjson_val *o = yyjson_obj_get(service, "probe"), *command;
	int64_t timeout_ms, age_ms;

	if (!o || read_probe(o, &command, &timeout_ms, &age_ms, NULL) < 0)
		return NULL;
	*ret_timeout_ms = (uint32_t)timeout_ms;
	return container(service, command);
}
