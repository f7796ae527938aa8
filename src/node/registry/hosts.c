/* SPDX-License-Identifier: Apache-2.0 */
#include "node/registry/hosts.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/registry/name.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX (1u << 20)
#define CERTS_MAX (4u << 20)
#define MIRRORS_MAX 16
#define CHUNK_MAX (256 << 20)

/* What is so without anybody's saying: docker.io is served by another name, and some token servers by another host. */
static const struct {
	const char *registry, *server, *realm;
} known[] = {
    {NAME_DEFAULT_HOST, "https://registry-1.docker.io", "https://auth.docker.io"},
    {"registry.gitlab.com", NULL, "https://gitlab.com"},
};

void hosts_free(struct hosts *h)
{
	for (size_t i = 0; i < h->n; i++) {
		free(h->items[i].name);
		free(h->items[i].realm);
		mem_strv_free(h->items[i].mirrors);
	}
	free(h->items);
	mem_strv_free(h->folders);
	*h = (struct hosts)HOSTS_INIT;
}

static struct host *find(const struct hosts *h, const char *name)
{
	for (size_t i = 0; i < h->n; i++) {
		if (strcmp(h->items[i].name, name) == 0)
			return &h->items[i];
	}
	return NULL;
}

static int check_host(const struct host *one, struct err *err)
{
	cleanup_with(url_free) struct url realm = URL_INIT;
	int r = 0;

	if (mem_strv_len(one->mirrors) > MIRRORS_MAX)
		return err_set(err, E2BIG, "more than %d mirrors", MIRRORS_MAX);
	for (char **m = one->mirrors; r == 0 && m && *m; m++) {
		cleanup_with(url_free) struct url u = URL_INIT;

		r = url_parse(*m, &u, err);
	}
	return r == 0 && one->realm ? url_parse(one->realm, &realm, err) : r;
}

static int add_host(struct hosts *h, const char *name, yyjson_val *val, struct err *err)
{
	struct host one = {.name = NULL};
	const char *realm = NULL;
	int r;

	if (!yyjson_is_obj(val))
		return err_set(err, EINVAL, "%s: an object is needed", name);
	if (find(h, name))
		return 0;
	r = json_opt_strv(val, "mirrors", &one.mirrors, err);
	if (r == 0)
		r = json_opt_bool(val, "insecure", &one.insecure, err);
	if (r == 0)
		r = json_opt_str(val, "realm", &realm, err);
	one.realm = mem_strdup(realm);
	if (r == 0)
		r = check_host(&one, err);
	if (r < 0) {
		mem_strv_free(one.mirrors);
		free(one.realm);
		return err_wrap(err, "%s", name);
	}
	one.name = mem_strdup(name);
	mem_grow(&h->items, &h->cap, h->n);
	h->items[h->n++] = one;
	return 0;
}

static int add_number(yyjson_val *root, const char *key, int64_t max, int *place, struct err *err)
{
	int64_t value = *place;
	int r = json_opt_int(root, key, 1, max, &value, err);

	if (r == 0 && *place == 0)
		*place = (int)value;
	return r;
}

int hosts_add(struct hosts *h, const char *text, size_t n, const char *what, struct err *err)
{
	yyjson_doc *doc json_doc_cleanup = json_parse(text, n, FILE_MAX, what, err);
	yyjson_val *root = yyjson_doc_get_root(doc), *all, *key;
	yyjson_obj_iter i;
	int64_t chunk = 0;
	int r = 0;

	if (!doc)
		return -EINVAL;
	if (!yyjson_is_obj(root))
		return err_set(err, EINVAL, "%s: an object is needed", what);
	all = yyjson_obj_get(root, "registries");
	if (all && !yyjson_is_obj(all))
		return err_set(err, EINVAL, "%s: registries: an object is needed", what);
	yyjson_obj_iter_init(all, &i);
	while (r == 0 && (key = yyjson_obj_iter_next(&i)))
		r = add_host(h, yyjson_get_str(key), yyjson_obj_iter_get_val(key), err);
	if (r == 0)
		r = add_number(root, "downloads", 16, &h->downloads, err);
	if (r == 0)
		r = add_number(root, "attempts", 100, &h->attempts, err);
	if (r == 0)
		r = add_number(root, "retry_delay_ms", 60000, &h->retry_delay_ms, err);
	if (r == 0)
		r = json_opt_int(root, "chunk", 0, CHUNK_MAX, &chunk, err);
	if (r == 0 && h->chunk == 0)
		h->chunk = (size_t)chunk;
	return r < 0 ? err_wrap(err, "%s", what) : 0;
}

static void set_default(int *place, int value)
{
	if (*place == 0)
		*place = value;
}

static char *user_folder(void)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (config && *config == '/')
		return mem_printf("%s/berth", config);
	return home && *home == '/' ? mem_printf("%s/.config/berth", home) : NULL;
}

int hosts_load(struct hosts *ret, struct err *err)
{
	cleanup_with(hosts_free) struct hosts h = HOSTS_INIT;
	mem_cleanup char *user = user_folder();

	if (user)
		mem_strv_add(&h.folders, user);
	mem_strv_add(&h.folders, "/etc/berth");
	for (char **f = h.folders; *f; f++) {
		mem_cleanup char *path = mem_printf("%s/" HOSTS_FILE, *f);
		mem_cleanup char *text = NULL;
		size_t n = 0;
		int r = fs_read(AT_FDCWD, path, FILE_MAX, &text, &n, err);

		if (r == -ENOENT || r == -ENOTDIR)
			continue;
		if (r < 0)
			return r;
		r = hosts_add(&h, text, n, path, err);
		if (r < 0)
			return r;
	}
	mem_strv_add(&h.folders, "/etc/docker");
	set_default(&h.downloads, 3);
	set_default(&h.attempts, 5);
	set_default(&h.retry_delay_ms, 500);
	err_clear(err);
	*ret = h;
	h = (struct hosts)HOSTS_INIT;
	return 0;
}

/* ---- certificates ---- */

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n > m && strcmp(name + n - m, end) == 0;
}

static int add_ca(int dir, const char *folder, const char *name, struct buf *ca, struct err *err)
{
	mem_cleanup char *text = NULL;
	size_t n = 0;
	int r = fs_read(dir, name, CERTS_MAX, &text, &n, err);

	if (r < 0)
		return err_wrap(err, "certificate %s/%s", folder, name);
	buf_add(ca, text, n);
	return buf_addc(ca, '\n');
}

static int pair(int dir, const char *folder, const char *name, struct transport_trust *trust, struct err *err)
{
	mem_cleanup char *key = mem_printf("%.*s.key", (int)(strlen(name) - strlen(".cert")), name);

	if (trust->cert_file)
		return 0;
	if (faccessat(dir, key, R_OK, 0) < 0)
		return err_sys(err, errno, "the key %s/%s for the certificate %s", folder, key, name);
	trust->cert_file = mem_printf("%s/%s", folder, name);
	trust->key_file = mem_printf("%s/%s", folder, key);
	return 0;
}

/* 1 = the folder is there. */
static int read_folder(const char *folder, struct transport_trust *trust, struct err *err)
{
	struct buf ca buf_cleanup = BUF_LIMIT(CERTS_MAX);
	struct dirent *e;
	DIR *d = opendir(folder);
	int r = 0;

	if (!d)
		return 0;
	while (r == 0 && (e = readdir(d))) {
		if (ends_with(e->d_name, ".crt"))
			r = add_ca(dirfd(d), folder, e->d_name, &ca, err);
		else if (ends_with(e->d_name, ".cert"))
			r = pair(dirfd(d), folder, e->d_name, trust, err);
	}
	closedir(d);
	if (r == 0 && ca.len > 0)
		trust->ca = buf_take(&ca);
	return r < 0 ? r : 1;
}

static int find_trust(const struct hosts *h, const char *name, const struct url *server, struct transport_trust *trust,
		      struct err *err)
{
	mem_cleanup char *authority = url_authority(server);
	const char *const names[] = {name, authority};
	int r = 0;

	for (size_t i = 0; r == 0 && i < 2; i++) {
		for (char **f = h->folders; r == 0 && f && *f; f++) {
			mem_cleanup char *folder = mem_printf("%s/certs.d/%s", *f, names[i]);

			r = read_folder(folder, trust, err);
		}
	}
	return r < 0 ? r : 0;
}

int hosts_trust(const struct hosts *h, const struct url *server, struct transport_trust *ret, struct err *err)
{
	mem_cleanup char *authority = url_authority(server);
	const struct host *set = find(h, authority);

	*ret = (struct transport_trust){.unchecked = set && set->insecure};
	return find_trust(h, authority, server, ret, err);
}

void hosts_trust_free(struct transport_trust *t)
{
	free(t->ca);
	free(t->cert_file);
	free(t->key_file);
	*t = (struct transport_trust){.ca = NULL};
}

/* ---- endpoints ---- */

static const char *realm_of(const struct host *set, const char *name)
{
	if (set && set->realm)
		return set->realm;
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (strcmp(known[i].registry, name) == 0)
			return known[i].realm;
	}
	return NULL;
}

static int fill(const struct hosts *h, const char *address, struct endpoint *e, struct err *err)
{
	const struct host *set = find(h, e->name);
	const char *realm = realm_of(set, e->name);
	int r = url_parse(address, &e->base, err);

	if (r == 0 && realm)
		r = url_parse(realm, &e->realm, err);
	if (r < 0)
		return r;
	e->trust.unchecked = set && set->insecure;
	e->plain_too = (set && set->insecure) || url_is_loopback(e->base.host);
	return find_trust(h, e->name, &e->base, &e->trust, err);
}

static const char *server_of(const char *registry)
{
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (strcmp(known[i].registry, registry) == 0 && known[i].server)
			return known[i].server;
	}
	return NULL;
}

static int add_mirror(const struct hosts *h, const char *address, struct endpoint *e, struct err *err)
{
	cleanup_with(url_free) struct url u = URL_INIT;
	size_t n = strlen(address);
	mem_cleanup char *whole = mem_printf("%s%s", address, n && address[n - 1] == '/' ? "" : "/");
	int r = url_parse(whole, &u, err);

	if (r < 0)
		return r;
	e->mirror = true;
	e->name = url_authority(&u);
	return fill(h, whole, e, err);
}

int hosts_endpoints(const struct hosts *h, const char *registry, bool mirrors, struct endpoint **ret, size_t *ret_n,
		    struct err *err)
{
	const struct host *set = find(h, registry);
	size_t most = 1 + (set && mirrors ? mem_strv_len(set->mirrors) : 0), n = 0;
	struct endpoint *e = mem_new_n(struct endpoint, most);
	const char *server = server_of(registry);
	mem_cleanup char *address = mem_printf("%s%s/", server ? "" : "https://", server ? server : registry);
	int r = 0;

	for (; r == 0 && n + 1 < most; n++)
		r = add_mirror(h, set->mirrors[n], &e[n], err);
	if (r == 0) {
		e[n].name = mem_strdup(registry);
		r = fill(h, address, &e[n++], err);
	}
	if (r < 0) {
		hosts_endpoints_free(e, most);
		return r;
	}
	*ret = e;
	*ret_n = n;
	return 0;
}

void hosts_endpoints_free(struct endpoint *e, size_t n)
{
	for (size_t i = 0; e && i < n; i++) {
		url_free(&e[i].base);
		url_free(&e[i].realm);
		free(e[i].name);
		hosts_trust_free(&e[i].trust);
	}
	free(e);
}
