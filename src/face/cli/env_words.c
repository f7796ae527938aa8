/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/env_words.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"

#include <fcntl.h>
#include <string.h>

#define ENV_FILE_MAX (1u << 20)

static int add_env(char ***env, const char *word, const char *where, struct err *err)
{
	mem_cleanup char *both = NULL;
	const char *ours;

	if (*word == '=' || *word == '\0')
		return err_set(err, EINVAL, "%s: \"%s\" is not NAME=VALUE", where, word);
	if (!strchr(word, '=')) {
		ours = getenv(word);
		if (!ours)
			return 0;
		both = mem_printf("%s=%s", word, ours);
		word = both;
	}
	mem_strv_add(env, word);
	return 0;
}

static int add_env_file(char ***env, const char *path, struct err *err)
{
	fd_cleanup int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	mem_cleanup char *text = NULL;
	char *rest, *line;
	size_t n;
	int r = fd < 0 ? -errno : fd_read_all(fd, ENV_FILE_MAX, &text, &n);

	if (r < 0)
		return err_sys(err, -r, "--env-file: read \"%s\"", path);
	if (!text || strlen(text) != n)
		return err_set(err, EINVAL, "--env-file: \"%s\" holds a NUL byte", path);
	for (rest = text; r == 0 && (line = strsep(&rest, "\n"));) {
		size_t len = strlen(line);

		if (len > 0 && line[len - 1] == '\r')
			line[len - 1] = '\0';
		line += strspn(line, " \t");
		if (*line && *line != '#')
			r = add_env(env, line, path, err);
	}
	return r;
}

int env_words_read(char *const *files, char *const *words, char ***ret, struct err *err)
{
	int r = 0;

	for (; r == 0 && files && *files; files++)
		r = add_env_file(ret, *files, err);
	for (; r == 0 && words && *words; words++)
		r = add_env(ret, *words, "--env", err);
	return r;
}
