/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole of config.json, its small parts, and the ownership: an oci_config stands at the head of a struct that also holds the JSON
 * document, where its strings are, and the pool of its lists.
 */
#include "node/oci/config.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/oci/pool.h"
#include "node/oci/config_parts.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WARNINGS_MAX 64u
#define AT(m) offsetof(struct oci_config, m)

struct owner {
	struct oci_config config;
	yyjson_doc *doc;
	struct pool pool;
};

static char *const empty_strv[] = {NULL};

/* ---- hooks ---- */

static const struct reader_member hook_members[] = {
    {"path", READER_PATH, .required = true, .at = offsetof(struct rt_hook, path)},
    {"args", READER_STRV, .at = offsetof(struct rt_hook, args), .max = CONFIG_STRV_MAX},
    {"env", READER_STRV, .at = offsetof(struct rt_hook, env), .max = CONFIG_STRV_MAX},
    {NULL},
};

/* "The value of timeout MUST be greater than zero" (config.md, POSIX-platform Hooks). */
struct raw_timeout {
	int64_t seconds;
};

static const struct reader_member timeout_members[] = {
    {"timeout", READER_INT, .at = offsetof(struct raw_timeout, seconds), .min = 1, .max = INT_MAX},
    {NULL},
};

static int read_hook(struct reader *rd, yyjson_val *v, void *to)
{
	struct raw_timeout timeout = {0};
	struct rt_hook *hook = to;
	int r;

	hook->env = empty_strv;
	r = reader_object(rd, v, hook_members, hook);
	if (r == 0)
		r = reader_object(rd, v, timeout_members, &timeout);
	if (r < 0)
		return r;
	hook->timeout_s = (int)timeout.seconds;
	if (!hook->args || !hook->args[0]) {
		const char **args = pool_new_n(rd->pool, const char *, 2);

		args[0] = hook->path;
		hook->args = (char *const *)args;
	}
	return 0;
}

#define HOOKS(name, type)                                                                                              \
	{                                                                                                              \
		name, READER_LIST, CONFIG_ITEMS(struct oci_config, hooks[type].v, hooks[type].n),                      \
		    .max = CONFIG_LIST_MAX, .fn = read_hook                                                            \
	}
static const struct reader_member hooks_members[] = {
    HOOKS("prestart", RT_HOOK_PRESTART),
    HOOKS("createRuntime", RT_HOOK_CREATE_RUNTIME),
    HOOKS("createContainer", RT_HOOK_CREATE_CONTAINER),
    HOOKS("startContainer", RT_HOOK_START_CONTAINER),
    HOOKS("poststart", RT_HOOK_POSTSTART),
    HOOKS("poststop", RT_HOOK_POSTSTOP),
    {NULL},
};
#undef HOOKS

/* ---- the small parts ---- */

static int read_annotation(struct reader *rd, const char *key, yyjson_val *v, void *to)
{
	struct oci_annotation *a = to;

	if (!*key)
		return reader_fail(rd, EINVAL, "the key is empty");
	a->key = key;
	return reader_str(rd, v, &a->value);
}

static int version_number(const char **s)
{
	size_t n = strspn(*s, "0123456789");
	int first = **s - '0';

	if (n == 0 || n > 9 || (n > 1 && first == 0))
		return -1;
	*s += n;
	return n == 1 ? first : INT_MAX;
}

/* Dot-separated words after "-" or "+". */
static bool version_words(const char **s)
{
	do {
		size_t n;

		++*s;
		n = strspn(*s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-");
		if (n == 0)
			return false;
		*s += n;
	} while (**s == '.');
	return true;
}

/* SemVer 2.0.0; within a major version all are compatible. */
static int read_version(struct reader *rd, yyjson_val *v, void *to)
{
	const char *s, *text;
	int r = reader_str(rd, v, &text), major;

	if (r < 0)
		return r;
	s = text;
	major = version_number(&s);
	for (unsigned i = 0; i < 2; i++) {
		if (major < 0 || *s++ != '.' || version_number(&s) < 0)
			return reader_fail(rd, EINVAL, "\"%.100s\" is not a version like \"1.2.0\"", text);
	}
	if ((*s == '-' && !version_words(&s)) || (*s == '+' && !version_words(&s)) || *s)
		return reader_fail(rd, EINVAL, "\"%.100s\" is not a version like \"1.2.0\"", text);
	if (major != 1)
		return reader_fail(rd, EINVAL, "version \"%.100s\" is not known: 1.x is", text);
	*(const char **)to = text;
	return 0;
}

static int read_process(struct reader *rd, yyjson_val *v, void *to)
{
	struct oci_config *c = to;

	c->has_process = true;
	return config_read_process(rd, v, &c->process);
}

static const struct reader_member root_members[] = {
    {"path", READER_STR, .required = true, .at = AT(root)},
    {"readonly", READER_BOOL, .at = AT(root_read_only)},
    {NULL},
};

/* Members for other platforms (windows, solaris, vm, zos) are not ours to read. */
static const struct reader_member config_members[] = {
    {"ociVersion", READER_CUSTOM, .required = true, .at = AT(version), .fn = read_version},
    {"root", READER_TABLE, .required = true, .table = root_members},
    {"process", READER_CUSTOM, .fn = read_process},
    {"hostname", READER_STR, .at = AT(hostname)},
    {"domainname", READER_STR, .at = AT(box.domainname)},
    {"mounts", READER_LIST, CONFIG_ITEMS(struct oci_config, box.mounts, box.n_mounts), .max = CONFIG_LIST_MAX,
     .fn = config_read_mount},
    {"hooks", READER_TABLE, .table = hooks_members},
    {"annotations", READER_MAP, CONFIG_ITEMS(struct oci_config, annotations, n_annotations), .max = CONFIG_MAP_MAX,
     .entry_fn = read_annotation},
    {"linux", READER_TABLE, .table = config_linux_members},
    {NULL},
};

/* ---- the whole ---- */

static struct owner *new_owner(void)
{
	struct owner *o = mem_new(struct owner);
	struct oci_config *c = &o->config;

	c->resources = (struct rt_resources)RT_RESOURCES_INIT;
	c->process.args = c->process.env = empty_strv;
	c->box.listener = c->box.gate = -1;
	for (unsigned i = 0; i < RT_NS_TYPES; i++)
		c->box.ns[i].fd = -1;
	return o;
}

struct oci_config *oci_config_free(struct oci_config *c)
{
	struct owner *o = (struct owner *)(void *)c; /* config is its first member */

	if (o) {
		yyjson_doc_free(o->doc);
		pool_free(&o->pool);
		free(o);
	}
	return NULL;
}

static void freep(struct owner **o)
{
	if (*o)
		oci_config_free(&(*o)->config);
}

static int read_config(struct reader *rd, yyjson_val *v)
{
	int r = reader_object(rd, v, config_members, rd->config);

	return r == 0 ? config_check(rd) : r;
}

static int read_process_alone(struct reader *rd, yyjson_val *v)
{
	return read_process(rd, v, rd->config);
}

static int read_resources_alone(struct reader *rd, yyjson_val *v)
{
	return config_read_resources(rd, v, &rd->config->resources);
}

static int parse(const char *text, size_t n, const char *what, int (*read)(struct reader *rd, yyjson_val *v),
		 struct oci_config **ret, struct err *err)
{
	cleanup_with(freep) struct owner *o = new_owner();
	struct err own = ERR_INIT; /* json_parse() says its number in an error alone */
	struct reader rd = {.pool = &o->pool, .err = err ? err : &own, .config = &o->config};
	yyjson_val *root;
	int r;

	o->doc = json_parse(text, n, OCI_CONFIG_MAX, what, rd.err);
	if (!o->doc)
		return -rd.err->code;
	root = yyjson_doc_get_root(o->doc);
	r = reader_check(&rd, root);
	if (r == 0)
		r = read(&rd, root);
	if (r < 0)
		return r;
	*ret = &mem_take(o)->config;
	return 0;
}

int oci_config_parse(const char *text, size_t n, struct oci_config **ret, struct err *err)
{
	return parse(text, n, "config.json", read_config, ret, err);
}

int oci_config_parse_process(const char *text, size_t n, struct oci_config **ret, struct err *err)
{
	return parse(text, n, "the process", read_process_alone, ret, err);
}

int oci_config_parse_resources(const char *text, size_t n, struct oci_config **ret, struct err *err)
{
	return parse(text, n, "the resources", read_resources_alone, ret, err);
}

/* ---- for the parts ---- */

void config_warn(struct reader *rd, const char *fmt, ...)
{
	struct oci_config *c = rd->config;
	char text[512];
	va_list ap;

	if (c->n_warnings == WARNINGS_MAX)
		return;
	va_start(ap, fmt);
	if (vsnprintf(text, sizeof text, fmt, ap) < 0)
		*text = '\0';
	va_end(ap);
	if (!c->warnings)
		c->warnings = pool_new_n(rd->pool, const char *, WARNINGS_MAX + 1);
	((const char **)c->warnings)[c->n_warnings++] =
	    pool_printf(rd->pool, "%s%s%s", rd->place, rd->len ? ": " : "", text);
}

static const struct reader_member id_map_members[] = {
    {"containerID", READER_U32, .required = true, .at = offsetof(struct rt_id_map, inside), .max = UINT32_MAX},
    {"hostID", READER_U32, .required = true, .at = offsetof(struct rt_id_map, outside), .max = UINT32_MAX},
    {"size", READER_U32, .required = true, .at = offsetof(struct rt_id_map, count), .min = 1, .max = UINT32_MAX},
    {NULL},
};

int config_read_id_map(struct reader *rd, yyjson_val *v, void *to)
{
	struct rt_id_map *map = to;
	int r = reader_object(rd, v, id_map_members, map);

	if (r < 0)
		return r;
	/* The last id, 4294967295, is the kernel's "none". */
	if ((uint64_t)map->inside + map->count > UINT32_MAX || (uint64_t)map->outside + map->count > UINT32_MAX)
		return reader_fail(rd, EINVAL, "%u ids from %u and %u go past 4294967294", map->count, map->inside,
				   map->outside);
	return 0;
}

/* A number, or -1; *s moves behind it and the blanks around it. */
static long cpu_number(const char **s, char **out)
{
	size_t n;
	long value = 0;

	*s += strspn(*s, " ");
	n = strspn(*s, "0123456789");
	if (n == 0 || n > 6)
		return -1;
	for (size_t i = 0; i < n; i++)
		value = 10 * value + ((*s)[i] - '0');
	memcpy(*out, *s, n);
	*out += n;
	*s += n;
	*s += strspn(*s, " ");
	return value;
}

static bool cpu_range(const char **s, char **out)
{
	long first = cpu_number(s, out), last = first;

	if (first >= 0 && **s == '-') {
		*(*out)++ = *(*s)++;
		last = cpu_number(s, out);
	}
	return first >= 0 && last >= first;
}

/* config-linux.md: "a comma-separated list, with dashes to represent ranges". */
int config_read_cpu_list(struct reader *rd, yyjson_val *v, void *to)
{
	const char *text, *s;
	int r = reader_str(rd, v, &text);
	char *copy, *out;
	bool more = true;

	if (r < 0 || !*text)
		return r;
	s = text;
	copy = out = pool_alloc(rd->pool, strlen(text) + 1, 1);
	while (more) {
		if (!cpu_range(&s, &out) || (*s && *s != ','))
			return reader_fail(rd, EINVAL, "\"%.200s\" is not a list like \"0-3,7\"", text);
		more = *s == ',';
		if (more)
			*out++ = *s++;
	}
	*(const char **)to = copy;
	return 0;
}
