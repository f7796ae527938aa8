/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/project.h"

#include "face/compose/env_files.h"
#include "face/compose/interpolate.h"
#include "face/compose/job.h"
#include "face/compose/loader.h"
#include "face/compose/read.h"
#include "face/compose/scalar.h"

#include <ctype.h>
#include <string.h>

#define NAME_MAX_BYTES 48

void project_locate(struct loader *l)
{
	const char *file = l->options->file;
	bool is_stdin = strcmp(file, "-") == 0;
	char *slash, *defaults[2] = {NULL, NULL};
	size_t at;

	l->file_name = arena_strdup(&l->arena, is_stdin ? "<stdin>" : file);
	l->directory = loader_cwd_path(l, is_stdin ? "." : file);
	if (is_stdin) {
		l->file = l->file_name;
	} else {
		l->file = arena_strdup(&l->arena, l->directory);
		slash = strrchr(l->directory, '/');
		slash[slash == l->directory] = '\0';
	}
	if (!scalar_utf8(l->file, strlen(l->file), &at))
		message_place_error(l, 0, 0, "the path of the file is not UTF-8 text");
	defaults[0] = env_files_default(l);
	env_files_load(l, defaults);
}

char *project_name_of_directory(struct loader *l, size_t max)
{
	const char *base = strrchr(l->directory, '/') + 1;
	char *name = arena_alloc(&l->arena, strlen(base) + 8), *end = name;

	for (; *base && (size_t)(end - name) < max; base++) {
		int c = tolower((unsigned char)*base);

		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (end > name && (c == '-' || c == '_')))
			*end++ = (char)c;
	}
	return end > name ? name : NULL;
}

bool project_name_ok(const char *name, size_t max)
{
	size_t n = strlen(name);

	return n > 0 && n <= max && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n && name[0] != '-' &&
	       name[0] != '_';
}

void project_name(struct loader *l)
{
	struct node *at = node_value(l->root, "name");
	const char *name = l->options->project, *from = "--project";

	if (at)
		interpolate_node(l, at);
	if (!name || !*name) {
		name = loader_variable(l, "COMPOSE_PROJECT_NAME");
		from = "COMPOSE_PROJECT_NAME";
	}
	if ((!name || !*name) && at && at->kind == NODE_SCALAR) {
		name = at->text;
		from = NULL;
	}
	if (!name || (!*name && from)) {
		name = project_name_of_directory(l, NAME_MAX_BYTES);
		name = name ? name : "job";
	} else if (!project_name_ok(name, NAME_MAX_BYTES)) {
		const char *why =
		    "is no name of a project: a-z, 0-9, \"_\" and \"-\", at most 48, a letter or digit first";

		if (from)
			message_place_error(l, 0, 0, "%s \"%s\" %s", from, name, why);
		else
			message_error(l, at, "\"%s\" %s", name, why);
	}
	l->job->name = l->variables = name;
}

void project_profiles(struct loader *l)
{
	const char *names = loader_variable(l, "COMPOSE_PROFILES");
	struct strings profiles = {0};
	char *text, *save = NULL;

	if (l->options->profiles && l->options->profiles[0]) {
		l->profiles = l->options->profiles;
		return;
	}
	text = arena_strdup(&l->arena, names ? names : "");
	for (char *p = strtok_r(text, ", ", &save); p; p = strtok_r(NULL, ", ", &save))
		strings_add(&l->arena, &profiles, p);
	l->profiles = profiles.v;
}
