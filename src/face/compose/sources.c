/* SPDX-License-Identifier: Apache-2.0
 *
 * The files may be named in a .env file, and that stands beside the files: it is read for the directory that is known
 * first, and again for the one that the files gave (what is known already wins).
 */
#include "face/compose/sources.h"

#include "face/compose/compose_project.h"
#include "face/compose/env_files.h"
#include "face/compose/loader.h"
#include "face/compose/scalar.h"
#include "face/compose/tree.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char **split(struct loader *l, const char *text, const char *separator)
{
	char *rest = arena_strdup(&l->arena, text), *found;
	struct strings parts = {0};

	while (rest) {
		found = *separator ? strstr(rest, separator) : NULL;
		if (found)
			*found = '\0';
		if (*rest)
			strings_add(&l->arena, &parts, rest);
		rest = found ? found + strlen(separator) : NULL;
	}
	return parts.v;
}

static char *directory_of_file(struct loader *l, const char *path)
{
	char *full, *slash;

	if (strcmp(path, "-") == 0)
		return loader_cwd_path(l, ".");
	full = loader_cwd_path(l, path);
	slash = strrchr(full, '/');
	slash[slash == full] = '\0';
	return full;
}

/* --project-directory, or where the first file is, or here. */
static void set_directory(struct loader *l, const struct compose_project_options *o, char *const *files)
{
	if (o->directory && *o->directory)
		l->directory = loader_cwd_path(l, o->directory);
	else
		l->directory = files && *files ? directory_of_file(l, *files) : loader_cwd_path(l, ".");
}

static bool is_there(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
}

/* The first of the names in the directory; a warning when there are several. */
static char *find_name(struct loader *l, const char *directory, const char *const *names)
{
	char *path, *found = NULL;

	for (; *names; names++) {
		path = arena_printf(&l->arena, "%s/%s", strcmp(directory, "/") ? directory : "", *names);
		if (!is_there(path))
			continue;
		if (found)
			message_place_warn(l, 0, 0, "%s is there, too; %s is used", path, found);
		else
			found = path;
	}
	return found;
}

/* In the directory and those above it. */
static char **search(struct loader *l)
{
	static const char *const names[] = {"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml",
					    NULL};
	static const char *const overrides[] = {"compose.override.yml", "compose.override.yaml",
						"docker-compose.override.yml", "docker-compose.override.yaml", NULL};
	char *directory = arena_strdup(&l->arena, l->directory), *file, *slash;
	struct strings found = {0};

	while (true) {
		file = find_name(l, directory, names);
		if (file)
			break;
		slash = strrchr(directory, '/');
		if (!slash || !slash[1])
			return NULL;
		slash[slash == directory] = '\0';
	}
	strings_add(&l->arena, &found, file);
	file = find_name(l, directory, overrides);
	if (file)
		strings_add(&l->arena, &found, file);
	return found.v;
}

static bool is_true(const char *text)
{
	bool truth;

	return text && (strcmp(text, "t") == 0 || strcmp(text, "T") == 0 || (scalar_bool(text, true, &truth) && truth));
}

static void read_env(struct loader *l, char *const *named)
{
	char *defaults[2] = {NULL, NULL};
	struct strings paths = {0};

	for (; named && *named; named++)
		strings_add(&l->arena, &paths, loader_cwd_path(l, *named));
	if (!paths.n && !is_true(loader_variable(l, "COMPOSE_DISABLE_ENV_FILE")))
		defaults[0] = env_files_default(l);
	env_files_load(l, paths.n ? paths.v : defaults);
}

static char **choose_files(struct loader *l, const struct compose_project_options *o)
{
	const char *named, *separator;

	if (o->files && *o->files)
		return o->files;
	named = loader_variable(l, "COMPOSE_FILE");
	separator = loader_variable(l, "COMPOSE_PATH_SEPARATOR");
	if (named && *named)
		return split(l, named, separator && *separator ? separator : ":");
	return search(l);
}

/* Paths below the current directory are shown as the user would write them. */
static char *shown(struct loader *l, char *path)
{
	const char *here = loader_cwd_path(l, ".");
	size_t n = strlen(here);

	return strncmp(path, here, n) == 0 && path[n] == '/' ? path + n + 1 : path;
}

static void set_files(struct loader *l, char *const *files, struct sources *ret)
{
	for (size_t n = 0; files && files[n]; n++)
		ret->n++;
	if (ret->n > TREE_FILES_MAX) {
		message_place_error(l, 0, 0, "%zu Compose files; %d are possible", ret->n, TREE_FILES_MAX);
		ret->n = 0;
	}
	ret->files = arena_new_n(&l->arena, struct tree_file, ret->n + 1);
	for (size_t i = 0; i < ret->n && files && files[i]; i++) {
		bool is_stdin = strcmp(files[i], "-") == 0;

		ret->files[i].path = is_stdin ? arena_strdup(&l->arena, "-") : loader_cwd_path(l, files[i]);
		ret->files[i].name = is_stdin ? arena_strdup(&l->arena, "<stdin>") : shown(l, ret->files[i].path);
	}
}

void sources_find(struct loader *l, const struct compose_project_options *o, struct sources *ret)
{
	const char *named = loader_variable(l, "COMPOSE_ENV_FILES");
	char **files, *first;

	*ret = (struct sources){.env_files = o->env_files && *o->env_files ? o->env_files : NULL};
	if (!ret->env_files && named && *named)
		ret->env_files = split(l, named, ",");
	set_directory(l, o, o->files);
	first = l->directory;
	read_env(l, ret->env_files);
	files = choose_files(l, o);
	set_directory(l, o, files);
	if (!ret->env_files && strcmp(first, l->directory) != 0)
		read_env(l, NULL);
	set_files(l, files, ret);
	for (size_t i = 0; o->texts && i < ret->n; i++)
		ret->files[i].text = o->texts[i];
}
