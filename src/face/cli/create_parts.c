/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/create_parts.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/run_options.h"
#include "face/cli/run_request.h"
#include "face/cli/units.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define PORT_MAX 65535

yyjson_mut_val *create_parts_obj(yyjson_mut_doc *d, yyjson_mut_val *obj, const char *key)
{
	yyjson_mut_val *v = yyjson_mut_obj_get(obj, key);

	return v ? v : yyjson_mut_obj_add_obj(d, obj, key);
}

yyjson_mut_val *create_parts_list(yyjson_mut_doc *d, yyjson_mut_val *obj, const char *key)
{
	yyjson_mut_val *v = yyjson_mut_obj_get(obj, key);

	return v ? v : yyjson_mut_obj_add_arr(d, obj, key);
}

static yyjson_mut_val *host_of(yyjson_mut_doc *d, yyjson_mut_val *root)
{
	return create_parts_obj(d, root, "HostConfig");
}

static void put(yyjson_mut_doc *d, yyjson_mut_val *obj, const char *key, yyjson_mut_val *value)
{
	yyjson_mut_obj_put(obj, yyjson_mut_strcpy(d, key), value);
}

static void add_pair(yyjson_mut_doc *d, yyjson_mut_val *obj, const char *pair)
{
	size_t n = strcspn(pair, "=");
	mem_cleanup char *key = mem_strndup(pair, n);

	put(d, obj, key, yyjson_mut_strcpy(d, pair[n] ? pair + n + 1 : ""));
}

int create_parts_pairs(yyjson_mut_doc *d, yyjson_mut_val *obj, const char *key, const char *option, char *const *pairs,
		       struct err *err)
{
	for (; pairs && *pairs; pairs++) {
		if (**pairs == '=' || !**pairs)
			return err_set(err, EINVAL, "--%s \"%s\": write NAME=VALUE", option, *pairs);
		add_pair(d, create_parts_obj(d, obj, key), *pairs);
	}
	return 0;
}

/* ---- ports ---- */

struct range {
	unsigned first, last; /* 0, 0: none was given */
};

/* "80" or "80-90", the whole text. */
static bool read_range(const char *text, struct range *ret)
{
	uint64_t v[2];
	mem_cleanup char *copy = mem_strdup(text);
	char *dash = strchr(copy, '-');

	if (dash)
		*dash = '\0';
	if (units_count(copy, &v[0], NULL) < 0 || units_count(dash ? dash + 1 : copy, &v[1], NULL) < 0)
		return false;
	if (v[0] < 1 || v[0] > v[1] || v[1] > PORT_MAX)
		return false;
	*ret = (struct range){(unsigned)v[0], (unsigned)v[1]};
	return true;
}

struct published {
	struct range port, host;
	const char *protocol, *ip;
};

/* Cuts the copy of the text at its colons, from the right: an IPv6 address has some of its own, in brackets. */
static bool read_published(char *copy, struct published *ret)
{
	char *slash = strrchr(copy, '/'), *port, *host;

	*ret = (struct published){.protocol = "tcp", .ip = ""};
	if (slash) {
		*slash = '\0';
		ret->protocol = slash + 1;
	}
	port = strrchr(copy, ':');
	if (!port)
		return read_range(copy, &ret->port);
	*port++ = '\0';
	host = strrchr(copy, ':');
	if (host && !strchr(host, ']')) {
		*host++ = '\0';
		ret->ip = copy;
	} else if (strchr(copy, '.') || *copy == '[') {
		ret->ip = copy; /* "127.0.0.1:80": any port of that address */
		host = NULL;
	} else {
		host = copy;
	}
	if (*ret->ip == '[' && ret->ip[strlen(ret->ip) - 1] == ']') {
		copy[strlen(copy) - 1] = '\0';
		ret->ip++;
	}
	return read_range(port, &ret->port) && (!host || !*host || read_range(host, &ret->host));
}

static void add_binding(yyjson_mut_doc *d, yyjson_mut_val *root, const struct published *p, unsigned i)
{
	mem_cleanup char *key = mem_printf("%u/%s", p->port.first + i, p->protocol), *host = mem_strdup("");
	yyjson_mut_val *bindings = create_parts_obj(d, host_of(d, root), "PortBindings"), *list, *o;

	if (p->host.first && p->port.first == p->port.last && p->host.last > p->host.first) {
		free(host);
		host = mem_printf("%u-%u", p->host.first, p->host.last);
	} else if (p->host.first) {
		free(host);
		host = mem_printf("%u", p->host.first + i);
	}
	list = yyjson_mut_obj_get(bindings, key);
	if (!list) {
		list = yyjson_mut_arr(d);
		put(d, bindings, key, list);
	}
	o = yyjson_mut_arr_add_obj(d, list);
	yyjson_mut_obj_add_strcpy(d, o, "HostIp", p->ip);
	yyjson_mut_obj_add_strcpy(d, o, "HostPort", host);
	put(d, create_parts_obj(d, root, "ExposedPorts"), key, yyjson_mut_obj(d));
}

static bool known_protocol(const char *protocol)
{
	return !strcmp(protocol, "tcp") || !strcmp(protocol, "udp") || !strcmp(protocol, "sctp");
}

int create_parts_publish(yyjson_mut_doc *d, yyjson_mut_val *root, const char *text, struct err *err)
{
	mem_cleanup char *copy = mem_strdup(text);
	struct published p;
	unsigned ports, hosts;

	if (!read_published(copy, &p))
		return err_set(
		    err, EINVAL,
		    "--publish \"%s\": write PORT, HOST:PORT or IP:HOST:PORT; ports are 1 to 65535, or a range "
		    "8000-8010",
		    text);
	if (!known_protocol(p.protocol))
		return err_set(err, EINVAL, "--publish \"%s\": the protocol \"%s\" is none of tcp, udp and sctp", text,
			       p.protocol);
	ports = p.port.last - p.port.first;
	hosts = p.host.last - p.host.first;
	if (p.host.first && ports > 0 && hosts != ports)
		return err_set(err, EINVAL, "--publish \"%s\": %u ports of the machine for %u of the container", text,
			       hosts + 1, ports + 1);
	for (unsigned i = 0; i <= ports; i++)
		add_binding(d, root, &p, i);
	return 0;
}

int create_parts_expose(yyjson_mut_doc *d, yyjson_mut_val *root, const char *text, struct err *err)
{
	mem_cleanup char *copy = mem_strdup(text);
	char *slash = strchr(copy, '/');
	const char *protocol = slash ? slash + 1 : "tcp";
	struct range r;

	if (slash)
		*slash = '\0';
	if (!read_range(copy, &r) || !known_protocol(protocol))
		return err_set(err, EINVAL, "--expose \"%s\": write PORT or PORT/udp, a port may be a range", text);
	for (unsigned port = r.first; port <= r.last; port++) {
		mem_cleanup char *key = mem_printf("%u/%s", port, protocol);

		put(d, create_parts_obj(d, root, "ExposedPorts"), key, yyjson_mut_obj(d));
	}
	return 0;
}

/* ---- mounts ---- */

int create_parts_volume(yyjson_mut_doc *d, yyjson_mut_val *root, const char *text, struct err *err)
{
	const char *colon = strchr(text, ':');
	mem_cleanup char *source = colon ? mem_strndup(text, (size_t)(colon - text)) : NULL, *full = NULL, *bind = NULL;
	int r;

	if (!colon) {
		if (*text != '/')
			return err_set(err, EINVAL,
				       "--volume \"%s\": the path in the container must begin with /; write SRC:DST",
				       text);
		put(d, create_parts_obj(d, root, "Volumes"), text, yyjson_mut_obj(d));
		return 0;
	}
	if (!*source)
		return err_set(err, EINVAL, "--volume \"%s\": write SRC:DST or SRC:DST:ro", text);
	/* "/place:ro" is a new volume with an option. */
	r = colon[1] == '/' ? run_request_is_path(source, text, err) : 0;
	if (r > 0)
		r = run_request_absolute(source, &full, err);
	if (r < 0)
		return r;
	if (colon[1] != '/' && *source != '/')
		return err_set(err, EINVAL, "--volume \"%s\": the path in the container, \"%s\", must begin with /",
			       text, colon + 1);
	bind = mem_printf("%s%s", full ? full : source, colon);
	yyjson_mut_arr_add_strcpy(d, create_parts_list(d, host_of(d, root), "Binds"), bind);
	return 0;
}

int create_parts_tmpfs(yyjson_mut_doc *d, yyjson_mut_val *root, const char *text, struct err *err)
{
	size_t n = strcspn(text, ":");
	mem_cleanup char *target = mem_strndup(text, n);

	if (*target != '/')
		return err_set(err, EINVAL, "--tmpfs \"%s\": the path must begin with /", text);
	put(d, create_parts_obj(d, host_of(d, root), "Tmpfs"), target,
	    yyjson_mut_strcpy(d, text[n] ? text + n + 1 : ""));
	return 0;
}

/* Where a word of --mount goes: an object below the mount (NULL: itself) and what its value is. */
enum word_kind { WORD_TEXT, WORD_TRUE, WORD_SIZE, WORD_MODE, WORD_PAIR, WORD_PATH };
static const struct mount_word {
	const char *word, *object, *key;
	enum word_kind kind;
} mount_words[] = {
    {"type", NULL, "Type", WORD_TEXT},
    {"source", NULL, "Source", WORD_PATH},
    {"src", NULL, "Source", WORD_PATH},
    {"target", NULL, "Target", WORD_TEXT},
    {"destination", NULL, "Target", WORD_TEXT},
    {"dst", NULL, "Target", WORD_TEXT},
    {"readonly", NULL, "ReadOnly", WORD_TRUE},
    {"ro", NULL, "ReadOnly", WORD_TRUE},
    {"consistency", NULL, "Consistency", WORD_TEXT},
    {"bind-propagation", "BindOptions", "Propagation", WORD_TEXT},
    {"bind-nonrecursive", "BindOptions", "NonRecursive", WORD_TRUE},
    {"bind-create-src", "BindOptions", "CreateMountpoint", WORD_TRUE},
    {"volume-nocopy", "VolumeOptions", "NoCopy", WORD_TRUE},
    {"volume-subpath", "VolumeOptions", "Subpath", WORD_TEXT},
    {"volume-label", "VolumeOptions", "Labels", WORD_PAIR},
    {"volume-driver", "DriverConfig", "Name", WORD_TEXT},
    {"volume-opt", "DriverConfig", "Options", WORD_PAIR},
    {"tmpfs-size", "TmpfsOptions", "SizeBytes", WORD_SIZE},
    {"tmpfs-mode", "TmpfsOptions", "Mode", WORD_MODE},
};

static int set_word(yyjson_mut_doc *d, yyjson_mut_val *to, const struct mount_word *w, const char *value,
		    struct err *err)
{
	mem_cleanup char *full = NULL;
	uint64_t size;
	char *end;

	switch (w->kind) {
	case WORD_TRUE:
		if (value && strcmp(value, "true") != 0 && strcmp(value, "1") != 0 && strcmp(value, "false") != 0 &&
		    strcmp(value, "0") != 0)
			return err_set(err, EINVAL, "%s: \"%s\" is not true or false", w->word, value);
		put(d, to, w->key, yyjson_mut_bool(d, !value || *value == 't' || *value == '1'));
		return 0;
	case WORD_PAIR:
		add_pair(d, create_parts_obj(d, to, w->key), value ? value : "");
		return 0;
	case WORD_SIZE:
		if (units_size(value ? value : "", &size, err) < 0)
			return err_wrap(err, "%s", w->word);
		put(d, to, w->key, yyjson_mut_uint(d, size));
		return 0;
	case WORD_MODE:
		size = strtoul(value ? value : "", &end, 8);
		if (!value || !isdigit((unsigned char)*value) || *end || size > 07777)
			return err_set(err, EINVAL, "%s: \"%s\" is not an octal mode", w->word, value ? value : "");
		put(d, to, w->key, yyjson_mut_uint(d, size));
		return 0;
	case WORD_PATH:
		if (value && *value == '.' && run_request_absolute(value, &full, err) < 0)
			return -err->code;
		break;
	case WORD_TEXT:
		break;
	}
	if (!value || !*value)
		return err_set(err, EINVAL, "%s needs a value", w->word);
	put(d, to, w->key, yyjson_mut_strcpy(d, full ? full : value));
	return 0;
}

static int mount_word(yyjson_mut_doc *d, yyjson_mut_val *mount, char *field, struct err *err)
{
	char *value = strchr(field, '=');

	if (value)
		*value++ = '\0';
	for (size_t i = 0; i < sizeof mount_words / sizeof *mount_words; i++) {
		const struct mount_word *w = &mount_words[i];
		yyjson_mut_val *to = mount;

		if (strcmp(w->word, field) != 0)
			continue;
		if (w->object && !strcmp(w->object, "DriverConfig"))
			to = create_parts_obj(d, create_parts_obj(d, mount, "VolumeOptions"), "DriverConfig");
		else if (w->object)
			to = create_parts_obj(d, mount, w->object);
		return set_word(d, to, w, value, err);
	}
	return err_set(err, EINVAL, "\"%s\" is not known; type, source, target, readonly ... are", field);
}

/* The next field of a line of comma-separated values, in place; *rest NULL: it was the last. A quoted one may have commas, and "" for a quote. */
static char *next_field(char **rest)
{
	char *field = *rest, *from = field, *to = field;
	bool quoted = *from == '"';

	from += quoted;
	for (; *from && !(*from == ',' && !quoted); from++) {
		if (quoted && *from == '"' && from[1] == '"')
			from++;
		else if (quoted && *from == '"') {
			quoted = false;
			continue;
		}
		*to++ = *from;
	}
	*rest = *from ? from + 1 : NULL;
	*to = '\0';
	return field;
}

int create_parts_mount(yyjson_mut_doc *d, yyjson_mut_val *root, const char *text, struct err *err)
{
	mem_cleanup char *copy = mem_strdup(text);
	yyjson_mut_val *mount = yyjson_mut_arr_add_obj(d, create_parts_list(d, host_of(d, root), "Mounts"));
	struct err why = ERR_INIT;
	char *rest = copy;

	while (rest) {
		if (mount_word(d, mount, next_field(&rest), &why) < 0)
			return err_set(err, EINVAL, "--mount \"%s\": %s", text, why.text);
	}
	if (!yyjson_mut_obj_get(mount, "Target"))
		return err_set(err, EINVAL, "--mount \"%s\": target is missing", text);
	if (!yyjson_mut_obj_get(mount, "Type"))
		yyjson_mut_obj_add_str(d, mount, "Type", "volume");
	return 0;
}

/* ---- devices and limits ---- */

static bool is_permissions(const char *text)
{
	return *text && strlen(text) <= 3 && strspn(text, "rwm") == strlen(text);
}

int create_parts_device(yyjson_mut_doc *d, yyjson_mut_val *root, const char *text, struct err *err)
{
	mem_cleanup char *copy = mem_strdup(text);
	char *rest = copy, *source = strsep(&rest, ":"), *target = strsep(&rest, ":"), *permissions = rest;
	yyjson_mut_val *o;

	if (target && !permissions && is_permissions(target)) {
		permissions = target;
		target = NULL;
	}
	if (*source != '/' || (target && *target != '/') || (permissions && !is_permissions(permissions)))
		return err_set(err, EINVAL,
			       "--device \"%s\": write SRC, SRC:DST or SRC:DST:rwm with paths that begin with /", text);
	o = yyjson_mut_arr_add_obj(d, create_parts_list(d, host_of(d, root), "Devices"));
	yyjson_mut_obj_add_strcpy(d, o, "PathOnHost", source);
	yyjson_mut_obj_add_strcpy(d, o, "PathInContainer", target ? target : source);
	yyjson_mut_obj_add_strcpy(d, o, "CgroupPermissions", permissions ? permissions : "rwm");
	return 0;
}

static bool read_limit(const char *text, int64_t *ret)
{
	uint64_t n = 0;

	if (!strcmp(text, "-1") || !strcmp(text, "unlimited")) {
		*ret = -1;
		return true;
	}
	if (units_count(text, &n, NULL) < 0 || n > INT64_MAX)
		return false;
	*ret = (int64_t)n;
	return true;
}

int create_parts_ulimit(yyjson_mut_doc *d, yyjson_mut_val *root, const char *text, struct err *err)
{
	mem_cleanup char *copy = mem_strdup(text);
	char *rest = copy, *name = strsep(&rest, "="), *soft = strsep(&rest, ":"), *hard = rest ? rest : soft;
	int64_t limits[2];
	yyjson_mut_val *o;

	if (!soft || !*name || !read_limit(soft, &limits[0]) || !read_limit(hard, &limits[1]))
		return err_set(err, EINVAL, "--ulimit \"%s\": write NAME=SOFT or NAME=SOFT:HARD, -1 for no limit",
			       text);
	o = yyjson_mut_arr_add_obj(d, create_parts_list(d, host_of(d, root), "Ulimits"));
	yyjson_mut_obj_add_strcpy(d, o, "Name", name);
	yyjson_mut_obj_add_int(d, o, "Soft", limits[0]);
	yyjson_mut_obj_add_int(d, o, "Hard", limits[1]);
	return 0;
}

int create_parts_gpus(yyjson_mut_doc *d, yyjson_mut_val *root, const char *text, struct err *err)
{
	const char *ids = strncmp(text, "device=", 7) == 0 ? text + 7 : NULL;
	mem_cleanup char *copy = mem_strdup(ids ? ids : "");
	yyjson_mut_val *o, *list;
	uint64_t n = 0;

	if (!ids && strcmp(text, "all") != 0 && units_count(text, &n, NULL) < 0)
		return err_set(err, EINVAL, "--gpus \"%s\": write all, a number, or device=ID,ID", text);
	o = yyjson_mut_arr_add_obj(d, create_parts_list(d, host_of(d, root), "DeviceRequests"));
	if (ids) {
		list = yyjson_mut_obj_add_arr(d, o, "DeviceIDs");
		for (char *rest = copy, *id; (id = strsep(&rest, ","));)
			yyjson_mut_arr_add_strcpy(d, list, id);
	} else {
		yyjson_mut_obj_add_int(d, o, "Count", strcmp(text, "all") ? (int64_t)n : -1);
	}
	list = yyjson_mut_arr_add_arr(d, yyjson_mut_obj_add_arr(d, o, "Capabilities"));
	yyjson_mut_arr_add_str(d, list, "gpu");
	return 0;
}

int create_parts_restart(yyjson_mut_doc *d, yyjson_mut_val *host, const char *text, struct err *err)
{
	size_t n = strcspn(text, ":");
	mem_cleanup char *name = mem_strndup(text, n);
	yyjson_mut_val *o = yyjson_mut_obj(d);
	uint64_t retries = 0;

	if (text[n] && (units_count(text + n + 1, &retries, NULL) < 0 || retries > INT32_MAX))
		return err_set(err, EINVAL, "--restart \"%s\": \"%s\" is not a number of tries", text, text + n + 1);
	yyjson_mut_obj_add_strcpy(d, o, "Name", name);
	yyjson_mut_obj_add_uint(d, o, "MaximumRetryCount", retries);
	put(d, host, "RestartPolicy", o);
	return 0;
}

/* ---- networks ---- */

struct endpoint {
	const char *name, *ip, *ip6, *mac;
	char **aliases, **link_local;
};

static int read_endpoint(char *copy, struct endpoint *e, const char *text, struct err *err)
{
	const struct {
		const char *word, **value;
	} words[] = {{"name", &e->name}, {"ip", &e->ip}, {"ip6", &e->ip6}, {"mac-address", &e->mac}};
	char *rest = copy;

	while (rest) {
		char *field = next_field(&rest), *value = strchr(field, '=');
		size_t i = 0;

		if (value)
			*value++ = '\0';
		while (i < 4 && strcmp(words[i].word, field) != 0)
			i++;
		if (value && i < 4)
			*words[i].value = value;
		else if (value && !strcmp(field, "alias"))
			mem_strv_add(&e->aliases, value);
		else if (value && !strcmp(field, "link-local-ip"))
			mem_strv_add(&e->link_local, value);
		else
			return err_set(err, EINVAL,
				       "--network \"%s\": \"%s\" is none of name=, alias=, ip=, ip6=, link-local-ip= "
				       "and mac-address=",
				       text, field);
	}
	return e->name ? 0 : err_set(err, EINVAL, "--network \"%s\": name= is missing", text);
}

static void add_endpoint(yyjson_mut_doc *d, yyjson_mut_val *root, const struct endpoint *e)
{
	yyjson_mut_val *all = create_parts_obj(d, create_parts_obj(d, root, "NetworkingConfig"), "EndpointsConfig");
	yyjson_mut_val *o = yyjson_mut_obj(d), *ipam;

	put(d, all, e->name, o);
	json_add_strv(d, o, "Aliases", e->aliases);
	if (e->mac)
		yyjson_mut_obj_add_strcpy(d, o, "MacAddress", e->mac);
	if (!e->ip && !e->ip6 && !e->link_local)
		return;
	ipam = yyjson_mut_obj_add_obj(d, o, "IPAMConfig");
	if (e->link_local)
		json_add_strv(d, ipam, "LinkLocalIPs", e->link_local);
	if (e->ip)
		yyjson_mut_obj_add_strcpy(d, ipam, "IPv4Address", e->ip);
	if (e->ip6)
		yyjson_mut_obj_add_strcpy(d, ipam, "IPv6Address", e->ip6);
}

/* --ip and the like belong to the first network. */
static void add_general(struct endpoint *e, const struct run_options *o)
{
	e->ip = e->ip ? e->ip : o->ip;
	e->ip6 = e->ip6 ? e->ip6 : o->ip6;
	e->mac = e->mac ? e->mac : o->mac;
	for (char **alias = o->aliases; alias && *alias; alias++)
		mem_strv_add(&e->aliases, *alias);
	for (char **address = o->link_local; address && *address; address++)
		mem_strv_add(&e->link_local, *address);
}

static bool is_mode(const char *name)
{
	return !strcmp(name, "host") || !strcmp(name, "none") || !strncmp(name, "container:", 10);
}

static int add_network(yyjson_mut_doc *d, yyjson_mut_val *root, const struct run_options *o, const char *text,
		       bool first, struct err *err)
{
	mem_cleanup char *copy = mem_strdup(text);
	struct endpoint e = {.name = NULL};
	int r = 0;

	if (strchr(text, '='))
		r = read_endpoint(copy, &e, text, err);
	else
		e.name = text;
	if (r == 0 && first) {
		add_general(&e, o);
		yyjson_mut_obj_add_strcpy(d, host_of(d, root), "NetworkMode", e.name);
	}
	if (r == 0 && (e.aliases || e.link_local || e.ip || e.ip6 || e.mac) && is_mode(e.name))
		r = err_set(err, EINVAL, "--network %s has no addresses and aliases of its own", e.name);
	if (r == 0 && !is_mode(e.name))
		add_endpoint(d, root, &e);
	mem_strv_free(e.aliases);
	mem_strv_free(e.link_local);
	return r;
}

int create_parts_networks(yyjson_mut_doc *d, yyjson_mut_val *root, const struct run_options *o, struct err *err)
{
	int r = 0;

	if (!o->networks)
		return add_network(d, root, o, "default", true, err);
	for (char **n = o->networks; r == 0 && *n; n++)
		r = add_network(d, root, o, *n, n == o->networks, err);
	return r;
}
