/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/secret.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The value of a key in "key=value,key=value"; the caller's, NULL when it is not there. */
static char *field(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (const char *p = text; *p;) {
		size_t len = strcspn(p, ",");

		if (len > n && !strncmp(p, key, n) && p[n] == '=')
			return mem_strndup(p + n + 1, len - n - 1);
		p += len + (p[len] == ',');
	}
	return NULL;
}

int secret_check(const char *text, struct err *err)
{
	static const char *const known[] = {"id=", "src=", "source=", "env=", "type="};
	mem_cleanup char *id = field(text, "id");

	if (!id || !*id)
		return err_set(err, EINVAL, "--secret \"%s\": id=ID is missing, as in id=token,src=token.txt", text);
	for (const char *p = text; *p;) {
		size_t i = 0, n = sizeof known / sizeof *known;

		while (i < n && strncmp(p, known[i], strlen(known[i])) != 0)
			i++;
		if (i == n)
			return err_set(err, EINVAL, "--secret: unknown part \"%.*s\"; id, src and env are known",
				       (int)strcspn(p, ","), p);
		p += strcspn(p, ",");
		p += *p == ',';
	}
	return 0;
}

static int read_file(const char *path, char **ret, size_t *ret_n, struct err *err)
{
	fd_cleanup int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int r;

	if (fd < 0)
		return err_sys(err, errno == ENOENT ? EINVAL : errno, "open the secret \"%s\"", path);
	r = fd_read_all(fd, SECRET_BYTES_MAX, ret, ret_n);
	if (r == -E2BIG)
		return err_set(err, E2BIG, "the secret \"%s\" is larger than %u bytes", path, SECRET_BYTES_MAX);
	return r < 0 ? err_sys(err, -r, "read the secret \"%s\"", path) : 0;
}

static int from_env(const char *name, char **ret, size_t *ret_n, struct err *err)
{
	const char *value = getenv(name);

	if (!value)
		return err_set(err, EINVAL, "the secret's environment variable %s is not set", name);
	*ret = mem_strdup(value);
	*ret_n = strlen(value);
	return 0;
}

static int read_one(const char *text, const char *id, char **ret, size_t *ret_n, struct err *err)
{
	mem_cleanup char *src = field(text, "src"), *env = field(text, "env");

	if (!src)
		src = field(text, "source");
	if (env)
		return from_env(env, ret, ret_n, err);
	if (src)
		return read_file(src, ret, ret_n, err);
	return getenv(id) ? from_env(id, ret, ret_n, err) : read_file(id, ret, ret_n, err);
}

int secret_read(char *const *secrets, const char *id, char **ret, size_t *ret_n, struct err *err)
{
	for (char *const *s = secrets; s && *s; s++) {
		mem_cleanup char *own = field(*s, "id");

		if (own && !strcmp(own, id))
			return read_one(*s, id, ret, ret_n, err);
	}
	return err_set(err, ENOENT, "the step needs the secret \"%s\"; give it with --secret id=%s,src=FILE", id, id);
}

int secret_agent(char *const *ssh, const char *id, char **ret, struct err *err)
{
	size_t n = strlen(id);

	for (char *const *s = ssh; s && *s; s++) {
		if (strncmp(*s, id, n) != 0 || ((*s)[n] && (*s)[n] != '='))
			continue;
		*ret = mem_strdup((*s)[n] ? *s + n + 1 : getenv("SSH_AUTH_SOCK"));
		if (*ret && **ret)
			return 0;
		free(*ret);
		*ret = NULL;
		return err_set(err, EINVAL, "--ssh %s: SSH_AUTH_SOCK is not set; start ssh-agent, or name its socket",
			       *s);
	}
	return err_set(err, ENOENT, "the step needs an ssh agent; give it with --ssh %s", id);
}
