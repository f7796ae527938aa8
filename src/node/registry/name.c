/* SPDX-License-Identifier: Apache-2.0 */
#include "node/registry/name.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/image/ref.h"
#include "node/registry/url.h"

#include <string.h>

/* The length of the host that begins a name, 0 when there is none: the rule of ref.c. */
static size_t host_length(const char *name)
{
	size_t first = strcspn(name, "/");

	if (!name[first])
		return 0;
	if (memchr(name, '.', first) || memchr(name, ':', first) || strncmp(name, "localhost/", 10) == 0)
		return first;
	return 0;
}

static bool is_default(const char *host, size_t n)
{
	static const char *const names[] = {NAME_DEFAULT_HOST, "index.docker.io", "registry-1.docker.io"};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (strlen(names[i]) == n && strncmp(names[i], host, n) == 0)
			return true;
	}
	return false;
}

void name_free(struct name *n)
{
	free(n->host);
	free(n->repo);
	free(n->tag);
	free(n->digest);
	free(n->local);
	*n = (struct name)NAME_INIT;
}

/* "library/NAME" is NAME for docker.io. */
static const char *without_library(const char *path)
{
	const char *slash = strchr(path, '/');
	static const char library[] = "library/";

	return slash && !strncmp(path, library, strlen(library)) && !strchr(slash + 1, '/') ? slash + 1 : path;
}

int name_parse(const char *text, struct name *ret, struct err *err)
{
	cleanup_with(ref_free) struct ref r = {.text = NULL};
	int code = ref_parse(text, &r, err);
	const char *path;
	size_t host;

	if (code < 0)
		return code;
	host = host_length(r.name);
	path = host ? r.name + host + 1 : r.name;
	if (host == 0 || is_default(r.name, host)) {
		path = without_library(path);
		ret->host = mem_strdup(NAME_DEFAULT_HOST);
		ret->repo = mem_printf("%s%s", strchr(path, '/') ? "" : "library/", path);
		ret->local = mem_strdup(path);
	} else {
		ret->host = mem_strndup(r.name, host);
		ret->repo = mem_strdup(path);
		ret->local = mem_strdup(r.name);
	}
	ret->tag = r.tag ? mem_strdup(r.tag) : r.digest ? NULL : mem_strdup("latest");
	ret->digest = mem_strdup(r.digest);
	return 0;
}

int name_host(const char *text, char **ret, struct err *err)
{
	cleanup_with(url_free) struct url u = URL_INIT;
	mem_cleanup char *whole = mem_printf("%s%s", strstr(text, "://") ? "" : "https://", text);
	int r;

	if (!*text) {
		*ret = mem_strdup(NAME_DEFAULT_HOST);
		return 0;
	}
	r = url_parse(whole, &u, err);
	if (r < 0)
		return err_wrap(err, "\"%.200s\" is not the name of a registry", text);
	*ret = is_default(u.host, strlen(u.host)) ? mem_strdup(NAME_DEFAULT_HOST) : url_authority(&u);
	return 0;
}

char *name_local(const struct name *n)
{
	if (n->digest)
		return mem_printf("%s@%s", n->local, n->digest);
	return mem_printf("%s:%s", n->local, n->tag);
}

const char *name_reference(const struct name *n)
{
	return n->digest ? n->digest : n->tag;
}
