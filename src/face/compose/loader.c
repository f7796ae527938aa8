/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/loader.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "face/compose/params.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *find_entry(char *const *env, const char *name)
{
	size_t n = strlen(name);

	for (; env && *env; env++)
		if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
			return *env + n + 1;
	return NULL;
}

const char *loader_variable(const struct loader *l, const char *name)
{
	const char *value;

	for (size_t i = 0; i < l->n_params; i++)
		if (l->params[i].name && l->params[i].value && strcmp(l->params[i].name, name) == 0)
			return l->params[i].value;
	value = find_entry(l->options->env, name);
	if (!value)
		value = find_entry(l->dotenv, name);
	if (!value && strcmp(name, "COMPOSE_PROJECT_NAME") == 0)
		value = l->variables;
	return value;
}

/* "/a/./b//../c" -> "/a/c" */
static char *tidy(struct arena *a, const char *path)
{
	char *out = arena_alloc(a, strlen(path) + 2), *end = out;

	for (const char *p = path; *p;) {
		size_t n;

		p += strspn(p, "/");
		n = strcspn(p, "/");
		if (n == 2 && strncmp(p, "..", 2) == 0) {
			while (end > out && *--end != '/')
				;
		} else if (n > 0 && !(n == 1 && *p == '.')) {
			*end++ = '/';
			memcpy(end, p, n);
			end += n;
		}
		p += n;
	}
	if (end == out)
		*end++ = '/';
	*end = '\0';
	return out;
}

static char *below(struct arena *a, const char *directory, const char *path)
{
	return tidy(a, path[0] == '/' ? path : arena_printf(a, "%s/%s", directory, path));
}

char *loader_path(struct loader *l, const struct node *at, const char *path)
{
	const char *home;

	if (path[0] != '~')
		return below(&l->arena, l->directory, path);
	home = find_entry(l->options->env, "HOME");
	if ((path[1] != '\0' && path[1] != '/') || !home || home[0] != '/') {
		message_error(l, at, "\"%s\": %s", path,
			      home ? "only ~ and ~/ are known, for your own home directory"
				   : "the variable HOME is not set");
		return NULL;
	}
	return below(&l->arena, home, path + 1 + (path[1] == '/'));
}

char *loader_tidy(struct loader *l, const char *path)
{
	return path[0] == '/' ? tidy(&l->arena, path) : tidy(&l->arena, path) + 1;
}

void loader_absolute(struct loader *l, struct node *n)
{
	char *path;

	if (l->no_paths || loader_is_open(l, n) || !n->text[0] || n->text[0] == '/')
		return;
	path = loader_path(l, n, n->text);
	if (path)
		n->text = path;
}

bool loader_is_open(const struct loader *l, const struct node *n)
{
	return l->no_interpolate && n->kind == NODE_SCALAR && strchr(n->text, '$');
}

char *loader_cwd_path(struct loader *l, const char *path)
{
	char *cwd, *full;

	if (path[0] == '/')
		return tidy(&l->arena, path);
	cwd = getcwd(NULL, 0);
	full = below(&l->arena, cwd ? cwd : "/", path);
	free(cwd);
	return full;
}

int loader_read(const char *path, size_t limit, bool regular, char **ret_data, size_t *ret_len, struct err *err)
{
	fd_cleanup int fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC | (regular ? O_NONBLOCK : 0));
	struct stat st;
	int r;

	if (fd < 0 && errno == ENOENT)
		return err_set(err, ENOENT, "%s: there is no such file", path);
	if (fd < 0)
		return err_set(err, errno, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) == 0 && (S_ISDIR(st.st_mode) || (regular && !S_ISREG(st.st_mode))))
		return err_set(err, EINVAL, "%s: this is %s, not a file", path,
			       S_ISDIR(st.st_mode) ? "a directory" : "a device, socket or pipe");
	r = fd_read_all(fd, limit, ret_data, ret_len);
	if (r == -E2BIG)
		return err_set(err, E2BIG, "%s: the file has more than %zu bytes", path, limit);
	return r < 0 ? err_set(err, -r, "%s: %s", path, strerror(-r)) : 0;
}
