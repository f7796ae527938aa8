/* SPDX-License-Identifier: Apache-2.0 */
#include "node/registry/docker_config.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/registry/base64.h"
#include "node/registry/name.h"

#include <fcntl.h>
#include <string.h>

#define FILE_MAX (4u << 20)
#define ALL_MAX 64
/* Under which docker keeps those of docker.io. */
#define DEFAULT_KEY "https://index.docker.io/v1/"

static const char *key_of(const char *registry)
{
	return strcmp(registry, NAME_DEFAULT_HOST) == 0 ? DEFAULT_KEY : registry;
}

static char *only;					     /* docker_config_only */
static int (*asked)(const char *registry, struct cred *ret); /* docker_config_ask */

void docker_config_only(const char *text)
{
	free(only);
	only = mem_strdup(text);
}

void docker_config_ask(int (*get)(const char *registry, struct cred *ret))
{
	asked = get;
}

int docker_config_folder(char **ret, struct err *err)
{
	const char *config = getenv("DOCKER_CONFIG"), *home = getenv("HOME");

	if (config && *config)
		*ret = mem_strdup(config);
	else if (home && *home)
		*ret = mem_printf("%s/.docker", home);
	else
		return err_set(err, ENOENT,
			       "neither DOCKER_CONFIG nor HOME is set, so there is no place for config.json");
	return 0;
}

/* The member of an object of registries; keys may have a scheme and a path, as old versions of docker wrote them. */
static yyjson_val *member(yyjson_val *obj, const char *registry)
{
	yyjson_val *exact = yyjson_obj_get(obj, key_of(registry)), *key;
	yyjson_obj_iter i;

	if (exact || !yyjson_is_obj(obj))
		return exact;
	yyjson_obj_iter_init(obj, &i);
	while ((key = yyjson_obj_iter_next(&i))) {
		mem_cleanup char *host = NULL;

		if (name_host(yyjson_get_str(key), &host, NULL) == 0 && *yyjson_get_str(key) &&
		    strcmp(host, registry) == 0)
			return yyjson_obj_iter_get_val(key);
	}
	return NULL;
}

static int from_auth(const char *auth, struct cred *ret, struct err *err)
{
	size_t n = 0;
	mem_cleanup char *text = base64_bytes(auth, &n);
	char *colon = text ? strchr(text, ':') : NULL;

	if (!colon || colon == text || strlen(text) != n)
		return err_set(err, EINVAL, "auth is not base64 of USER:PASSWORD");
	ret->user = mem_strndup(text, (size_t)(colon - text));
	ret->secret = mem_strdup(colon + 1);
	explicit_bzero(text, n);
	return 0;
}

static int from_auths(yyjson_val *one, struct cred *ret, struct err *err)
{
	const char *auth = "", *user = "", *secret = "", *identity = "", *token = "";
	int r = json_opt_str(one, "auth", &auth, err);

	if (r == 0)
		r = json_opt_str(one, "username", &user, err);
	if (r == 0)
		r = json_opt_str(one, "password", &secret, err);
	if (r == 0)
		r = json_opt_str(one, "identitytoken", &identity, err);
	if (r == 0)
		r = json_opt_str(one, "registrytoken", &token, err);
	if (r < 0)
		return r;
	if (*token)
		ret->registry_token = mem_strdup(token);
	if (*identity)
		ret->identity_token = mem_strdup(identity);
	if (*auth)
		r = from_auth(auth, ret, err);
	else if (*user) {
		ret->user = mem_strdup(user);
		ret->secret = mem_strdup(secret);
	}
	if (r < 0)
		return r;
	return *token || *identity || *auth || *user ? 1 : 0;
}

/* The helper that keeps this registry's, NULL when the file does. */
static int helper_of(yyjson_val *root, const char *registry, char **ret, struct err *err)
{
	yyjson_val *own = member(yyjson_obj_get(root, "credHelpers"), registry);
	const char *all = "";
	int r = json_opt_str(root, "credsStore", &all, err);

	if (r < 0)
		return r;
	*ret = NULL;
	if (own && !yyjson_is_str(own))
		return err_set(err, EINVAL, "credHelpers: %s: a string is needed", registry);
	if (own || *all)
		*ret = mem_strdup(own ? yyjson_get_str(own) : all);
	return 0;
}

int docker_config_find(const char *text, size_t n, const char *registry, struct cred *ret, char **ret_helper,
		       struct err *err)
{
	yyjson_doc *doc json_doc_cleanup = json_parse(text, n, FILE_MAX, "docker's config.json", err);
	cleanup_with(cred_free) struct cred found = {.user = NULL};
	yyjson_val *root = yyjson_doc_get_root(doc), *one;
	int r;

	if (!doc)
		return -EINVAL;
	if (!yyjson_is_obj(root))
		return err_set(err, EINVAL, "docker's config.json: an object is needed");
	r = helper_of(root, registry, ret_helper, err);
	one = member(yyjson_obj_get(root, "auths"), registry);
	if (r == 0 && !*ret_helper && yyjson_is_obj(one))
		r = from_auths(one, &found, err);
	if (r < 0)
		return err_wrap(err, "docker's config.json: auths: %s", registry);
	*ret = found;
	found = (struct cred){.user = NULL};
	return r;
}

/* "{}" when there is none. */
static int load(char **ret_folder, char **ret, size_t *ret_n, struct err *err)
{
	mem_cleanup char *path = NULL;
	int r = docker_config_folder(ret_folder, err);

	if (r < 0)
		return r;
	path = mem_printf("%s/config.json", *ret_folder);
	r = fs_read(AT_FDCWD, path, FILE_MAX, ret, ret_n, err);
	if (r != -ENOENT && r != -ENOTDIR)
		return r;
	err_clear(err);
	*ret = mem_strdup("{}");
	*ret_n = 2;
	return 0;
}

int docker_config_get(const char *registry, struct cred *ret, struct err *err)
{
	mem_cleanup char *dir = NULL;
	mem_cleanup char *text = NULL;
	mem_cleanup char *helper = NULL;
	size_t n = 0;
	int r;

	if (only) {
		r = docker_config_find(only, strlen(only), registry, ret, &helper, err);
		r = r >= 0 && helper ? 0 : r;
		return r == 0 && asked ? asked(registry, ret) : r;
	}
	r = load(&dir, &text, &n, err);
	if (r == -ENOENT && !dir) {
		err_clear(err);
		return 0;
	}
	if (r == 0)
		r = docker_config_find(text, n, registry, ret, &helper, err);
	if (r >= 0 && helper)
		r = cred_helper_get(helper, key_of(registry), ret, err);
	return r;
}

int docker_config_text(char **ret, size_t *ret_n, struct err *err)
{
	mem_cleanup char *dir = NULL;

	return load(&dir, ret, ret_n, err);
}

/* ---- for a daemon that does what we ask ---- */

static void add_text(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, const char *text)
{
	if (text)
		yyjson_mut_obj_add_strcpy(d, o, key, text);
}

static void add_cred(yyjson_mut_doc *d, yyjson_mut_val *o, const struct cred *c)
{
	add_text(d, o, "username", c->user);
	add_text(d, o, "password", c->secret);
	add_text(d, o, "identitytoken", c->identity_token);
	add_text(d, o, "registrytoken", c->registry_token);
}

int docker_config_one(const char *registry, char **ret, struct err *err)
{
	yyjson_mut_doc *d json_mut_cleanup = yyjson_mut_doc_new(NULL);
	cleanup_with(cred_free) struct cred c = {.user = NULL};
	int r = docker_config_get(registry, &c, err);

	if (r < 0)
		return r;
	yyjson_mut_doc_set_root(d, yyjson_mut_obj(d));
	if (r > 0) {
		add_cred(d, yyjson_mut_doc_get_root(d), &c);
		yyjson_mut_obj_add_strcpy(d, yyjson_mut_doc_get_root(d), "serveraddress", key_of(registry));
	}
	*ret = json_text(d, false, NULL);
	return 0;
}

/* What `key` of auths or credHelpers means; old clients wrote addresses there. */
static void add_one(yyjson_mut_doc *d, const char *key)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(d), *one;
	cleanup_with(cred_free) struct cred c = {.user = NULL};
	mem_cleanup char *host = NULL;

	if (yyjson_mut_obj_size(root) >= ALL_MAX || name_host(key, &host, NULL) < 0 ||
	    yyjson_mut_obj_get(root, key_of(host)) || docker_config_get(host, &c, NULL) <= 0)
		return;
	one = yyjson_mut_obj(d);
	add_cred(d, one, &c);
	yyjson_mut_obj_add(root, yyjson_mut_strcpy(d, key_of(host)), one);
}

static void add_all(yyjson_mut_doc *d, yyjson_val *registries)
{
	size_t i, n;
	yyjson_val *key, *val;

	yyjson_obj_foreach (registries, i, n, key, val) {
		add_one(d, yyjson_get_str(key));
	}
}

int docker_config_all(char **ret, struct err *err)
{
	mem_cleanup char *text = NULL;
	yyjson_doc *doc json_doc_cleanup = NULL;
	yyjson_mut_doc *all json_mut_cleanup = yyjson_mut_doc_new(NULL);
	size_t n = 0;
	int r = docker_config_text(&text, &n, err);

	*ret = NULL;
	if (r == -ENOENT) {
		err_clear(err);
		return 0;
	}
	if (r < 0)
		return r;
	doc = json_parse(text, n, FILE_MAX, "docker's config.json", err);
	if (!doc)
		return -EINVAL;
	yyjson_mut_doc_set_root(all, yyjson_mut_obj(all));
	add_all(all, yyjson_obj_get(yyjson_doc_get_root(doc), "auths"));
	add_all(all, yyjson_obj_get(yyjson_doc_get_root(doc), "credHelpers"));
	if (yyjson_mut_obj_size(yyjson_mut_doc_get_root(all)) > 0)
		*ret = json_text(all, false, NULL);
	return 0;
}

/* ---- writing ---- */

struct edit {
	char *dir, *helper;
	yyjson_mut_doc *doc;
	yyjson_mut_val *auths;
};

static void edit_free(struct edit *e)
{
	free(e->dir);
	free(e->helper);
	yyjson_mut_doc_free(e->doc);
}

static int edit_begin(struct edit *e, const char *registry, struct err *err)
{
	mem_cleanup char *text = NULL;
	yyjson_doc *doc json_doc_cleanup = NULL;
	cleanup_with(cred_free) struct cred old = {.user = NULL};
	yyjson_mut_val *root;
	size_t n = 0;
	int r = load(&e->dir, &text, &n, err);

	if (r == 0)
		r = docker_config_find(text, n, registry, &old, &e->helper, err);
	if (r < 0)
		return r;
	doc = json_parse(text, n, FILE_MAX, "docker's config.json", err);
	if (!doc)
		return -EINVAL;
	e->doc = yyjson_doc_mut_copy(doc, NULL);
	root = yyjson_mut_doc_get_root(e->doc);
	e->auths = yyjson_mut_obj_get(root, "auths");
	if (!yyjson_mut_is_obj(e->auths)) {
		yyjson_mut_obj_remove_key(root, "auths");
		e->auths = yyjson_mut_obj_add_obj(e->doc, root, "auths");
	}
	return r;
}

static int edit_save(struct edit *e, struct err *err)
{
	fd_cleanup int dir = fs_mkdirs(e->dir, 0700, err);
	size_t n = 0;
	mem_cleanup char *text = json_text(e->doc, true, &n);

	return dir < 0 ? dir : fs_write_atomic(dir, "config.json", text, n, 0600, false, err);
}

/* Its entry, under whichever key it stands. */
static bool edit_remove(struct edit *e, const char *registry)
{
	bool found = false;
	yyjson_mut_obj_iter i;
	yyjson_mut_val *key;

	yyjson_mut_obj_iter_init(e->auths, &i);
	while ((key = yyjson_mut_obj_iter_next(&i))) {
		mem_cleanup char *host = NULL;

		if (strcmp(yyjson_mut_get_str(key), key_of(registry)) != 0 &&
		    (name_host(yyjson_mut_get_str(key), &host, NULL) < 0 || strcmp(host, registry) != 0))
			continue;
		yyjson_mut_obj_iter_remove(&i);
		found = true;
	}
	return found;
}

static void edit_add(struct edit *e, const char *registry, const struct cred *c)
{
	yyjson_mut_val *one = yyjson_mut_obj(e->doc);
	mem_cleanup char *pair =
	    mem_printf("%s:%s", c->user ? c->user : "", c->secret && !c->identity_token ? c->secret : "");
	mem_cleanup char *auth = base64_text(pair, strlen(pair));

	yyjson_mut_obj_add_strcpy(e->doc, one, "auth", auth);
	if (c->identity_token)
		yyjson_mut_obj_add_strcpy(e->doc, one, "identitytoken", c->identity_token);
	yyjson_mut_obj_add(e->auths, yyjson_mut_strcpy(e->doc, key_of(registry)), one);
	explicit_bzero(pair, strlen(pair));
}

int docker_config_store(const char *registry, const struct cred *c, char **ret_file, struct err *err)
{
	cleanup_with(edit_free) struct edit e = {.dir = NULL};
	int r = edit_begin(&e, registry, err);

	if (r < 0)
		return r;
	edit_remove(&e, registry);
	if (e.helper) {
		r = cred_helper_store(e.helper, key_of(registry), c, err);
		if (r < 0)
			return r;
		/* As docker does: an empty entry says that there is something. */
		yyjson_mut_obj_add(e.auths, yyjson_mut_strcpy(e.doc, key_of(registry)), yyjson_mut_obj(e.doc));
		r = edit_save(&e, err);
	} else {
		edit_add(&e, registry, c);
		r = edit_save(&e, err);
	}
	if (r == 0)
		*ret_file = e.helper ? NULL : mem_printf("%s/config.json", e.dir);
	return r;
}

int docker_config_erase(const char *registry, struct err *err)
{
	cleanup_with(edit_free) struct edit e = {.dir = NULL};
	bool found;
	int r = edit_begin(&e, registry, err);

	if (r < 0)
		return r;
	found = edit_remove(&e, registry);
	if (e.helper)
		r = cred_helper_erase(e.helper, key_of(registry), err);
	if (r >= 0 && found)
		r = edit_save(&e, err);
	return r < 0 ? r : found;
}

int docker_config_set(const char *key, const char *value, struct err *err)
{
	cleanup_with(edit_free) struct edit e = {.dir = NULL};
	mem_cleanup char *text = NULL;
	yyjson_doc *doc json_doc_cleanup = NULL;
	yyjson_mut_val *root;
	size_t n = 0;
	int r = load(&e.dir, &text, &n, err);

	if (r < 0)
		return r;
	doc = json_parse(text, n, FILE_MAX, "docker's config.json", err);
	if (!doc || !yyjson_is_obj(yyjson_doc_get_root(doc)))
		return doc ? err_set(err, EINVAL, "docker's config.json: an object is needed") : -EINVAL;
	e.doc = yyjson_doc_mut_copy(doc, NULL);
	root = yyjson_mut_doc_get_root(e.doc);
	yyjson_mut_obj_remove_key(root, key);
	if (value)
		yyjson_mut_obj_add_strcpy(e.doc, root, key, value);
	return edit_save(&e, err);
}
