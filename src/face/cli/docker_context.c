/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/docker_context.h"

#include "base/core/err.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/sha256.h"
#include "base/wire/json.h"
#include "face/cli/show.h"
#include "node/registry/docker_config.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define META_MAX (1u << 20)
#define NAME_LENGTH_MAX 255

void docker_context_free(struct docker_context *c)
{
	free(c->name);
	free(c->description);
	free(c->host);
	free(c->ca);
	free(c->cert);
	free(c->key);
	free(c->folder);
	*c = (struct docker_context)DOCKER_CONTEXT_NULL;
}

/* ---- one ---- */

static int fill(const char *path, const char *text, size_t n, struct docker_context *c, struct err *err)
{
	yyjson_doc *doc json_doc_cleanup = json_parse(text, n, META_MAX, path, err);
	yyjson_val *root = yyjson_doc_get_root(doc), *docker;
	const char *host;

	if (!doc)
		return -EINVAL;
	docker = yyjson_obj_get(yyjson_obj_get(root, "Endpoints"), "docker");
	host = show_str(docker, "Host", "");
	if (!*host || !*show_str(root, "Name", ""))
		return err_set(err, EINVAL, "%s: a Name and Endpoints.docker.Host are needed", path);
	c->name = mem_strdup(show_str(root, "Name", ""));
	c->description = mem_strdup(show_str(yyjson_obj_get(root, "Metadata"), "Description", ""));
	c->host = mem_strdup(host);
	c->unverified = show_bool(docker, "SkipTLSVerify");
	return 0;
}

static char *existing(const char *config, const char *id, const char *file)
{
	char *path = mem_printf("%s/contexts/tls/%s/docker/%s", config, id, file);

	if (access(path, F_OK) == 0)
		return path;
	free(path);
	return NULL;
}

static int read_id(const char *config, const char *id, struct docker_context *ret, struct err *err)
{
	cleanup_with(docker_context_free) struct docker_context c = DOCKER_CONTEXT_NULL;
	mem_cleanup char *path = NULL;
	mem_cleanup char *text = NULL;
	size_t n = 0;
	int r;

	c.folder = mem_printf("%s/contexts/meta/%s", config, id);
	path = mem_printf("%s/meta.json", c.folder);
	r = fs_read(AT_FDCWD, path, META_MAX, &text, &n, err);
	if (r == 0)
		r = fill(path, text, n, &c, err);
	if (r < 0)
		return r;
	c.ca = existing(config, id, "ca.pem");
	c.cert = existing(config, id, "cert.pem");
	c.key = existing(config, id, "key.pem");
	*ret = c;
	c = (struct docker_context)DOCKER_CONTEXT_NULL;
	return 0;
}

int docker_context_read(const char *name, struct docker_context *ret, struct err *err)
{
	mem_cleanup char *config = NULL;
	char id[SHA256_HEX_MAX];
	int r = docker_config_folder(&config, err);

	if (r < 0)
		return r;
	sha256_of(name, strlen(name), id);
	r = read_id(config, id, ret, err);
	if (r == -ENOENT || r == -ENOTDIR)
		return err_set(err, ENOENT, "there is no context \"%.255s\" below %s/contexts (see: berth context ls)",
			       name, config);
	return r;
}

/* ---- all ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add_id(const char *config, const char *id, char ***list)
{
	cleanup_with(docker_context_free) struct docker_context c = DOCKER_CONTEXT_NULL;

	if (*id != '.' && mem_strv_len(*list) < DOCKER_CONTEXT_MAX && read_id(config, id, &c, NULL) == 0)
		mem_strv_add(list, c.name);
}

int docker_context_list(char ***ret, struct err *err)
{
	mem_cleanup char *config = NULL;
	mem_cleanup char *path = NULL;
	int r = docker_config_folder(&config, err);
	DIR *dir;

	*ret = NULL;
	if (r < 0)
		return r;
	path = mem_printf("%s/contexts/meta", config);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : err_sys(err, errno, "open %s", path);
	for (const struct dirent *e; (e = readdir(dir));)
		add_id(config, e->d_name, ret);
	closedir(dir);
	if (*ret)
		qsort(*ret, mem_strv_len(*ret), sizeof **ret, by_name);
	return 0;
}

/* ---- the one in use ---- */

static char *unless_default(const char *name)
{
	return *name && strcmp(name, DOCKER_CONTEXT_DEFAULT) != 0 ? mem_strndup(name, NAME_LENGTH_MAX) : NULL;
}

int docker_context_current(char **ret, struct err *err)
{
	const char *variable = getenv("DOCKER_CONTEXT");
	mem_cleanup char *text = NULL;
	yyjson_doc *doc json_doc_cleanup = NULL;
	size_t n = 0;
	int r;

	*ret = NULL;
	if (variable && *variable) {
		*ret = unless_default(variable);
		return 0;
	}
	r = docker_config_text(&text, &n, err);
	if (r == -ENOENT) {
		err_clear(err);
		return 0;
	}
	if (r < 0)
		return r;
	doc = json_parse(text, n, n + 1, "docker's config.json", err);
	if (!doc)
		return -EINVAL;
	*ret = unless_default(show_str(yyjson_doc_get_root(doc), "currentContext", ""));
	return 0;
}
