/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/project.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/compose/dotenv.h"
#include "face/compose/interpolate.h"
#include "face/compose/job.h"
#include "face/compose/loader.h"
#include "face/compose/read.h"
#include "face/compose/scalar.h"

#include <ctype.h>
#include <string.h>

#define NAME_MAX_BYTES 48

static const char *dotenv_lookup(void *ctx, const char *name)
{
	return loader_variable(ctx, name);
}

struct collected {
	struct loader *l;
	struct strings entries;
};

static const char *collected_lookup(void *ctx, const char *name)
{
	return dotenv_lookup(((struct collected *)ctx)->l, name);
}

static void collect(void *ctx, const char *name, const char *value)
{
	struct collected *c = ctx;

	if (value)
		strings_add(&c->l->arena, &c->entries, arena_printf(&c->l->arena, "%s=%s", name, value));
}

/* A later line of the same name wins: the list is searched from its start, so it is turned round. */
static void reverse(struct strings *s)
{
	for (size_t i = 0; i < s->n / 2; i++) {
		char *t = s->v[i];

		s->v[i] = s->v[s->n - 1 - i];
		s->v[s->n - 1 - i] = t;
	}
}

static void read_dotenv(struct loader *l)
{
	struct collected c = {.l = l};
	struct dotenv d = {.lookup = collected_lookup, .set = collect, .ctx = &c};
	mem_cleanup char *text = NULL;
	struct err err = ERR_INIT;
	size_t len;
	char *path = arena_printf(&l->arena, "%s/.env", l->directory);

	if (loader_read(path, DOTENV_BYTES_MAX, true, &text, &len, &err) < 0) {
		if (err.code != ENOENT)
			message_place_error(l, 0, 0, "%s", err.text);
		return;
	}
	if (strlen(text) != len)
		message_place_error(l, 0, 0, "%s: the file contains a NUL character", path);
	else if (dotenv_parse(&d, text) < 0)
		message_place_error(l, 0, 0, "%s: %s", path, d.why);
	reverse(&c.entries);
	l->dotenv = c.entries.v;
}

void project_locate(struct loader *l)
{
	const char *file = l->options->file;
	bool is_stdin = strcmp(file, "-") == 0;
	char *slash;
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
	read_dotenv(l);
}

/* The directory's name as Compose makes a project of it: lower case, what is not allowed left out. */
static char *from_directory(struct loader *l)
{
	const char *base = strrchr(l->directory, '/') + 1;
	char *name = arena_alloc(&l->arena, strlen(base) + 8), *end = name;

	for (; *base && end - name < NAME_MAX_BYTES; base++) {
		int c = tolower((unsigned char)*base);

		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (end > name && (c == '-' || c == '_')))
			*end++ = (char)c;
	}
	return end > name ? name : arena_strdup(&l->arena, "job");
}

static bool name_ok(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n <= NAME_MAX_BYTES && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n &&
	       name[0] != '-' && name[0] != '_';
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
		name = from_directory(l);
	} else if (!name_ok(name)) {
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
	for (char *p = strtok_r(text, ",", &save); p; p = strtok_r(NULL, ",", &save))
		strings_add(&l->arena, &profiles, p);
	l->profiles = profiles.v;
}
