/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/env_files.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/compose/dotenv.h"
#include "face/compose/loader.h"

#include <string.h>
#include <sys/stat.h>

struct collected {
	struct loader *l;
	struct strings entries; /* of one file */
};

static const char *lookup(void *ctx, const char *name)
{
	return loader_variable(((struct collected *)ctx)->l, name);
}

static void collect(void *ctx, const char *name, const char *value)
{
	struct collected *c = ctx;

	if (value)
		strings_add(&c->l->arena, &c->entries, arena_printf(&c->l->arena, "%s=%s", name, value));
}

static void read_file(struct loader *l, const char *path, struct collected *c)
{
	struct dotenv d = {.lookup = lookup, .set = collect, .ctx = c};
	mem_cleanup char *text = NULL;
	struct err err = ERR_INIT;
	size_t len;

	if (loader_read(path, DOTENV_BYTES_MAX, true, &text, &len, &err) < 0)
		message_place_error(l, 0, 0, "%s", err.text);
	else if (strlen(text) != len)
		message_place_error(l, 0, 0, "%s: the file contains a NUL character", path);
	else if (dotenv_parse(&d, text) < 0)
		message_place_error(l, 0, 0, "%s: %s", path, d.why);
}

/* The first of a name wins in the whole list: `before`, then this file from its end, then the files before it. */
static char **joined(struct loader *l, char *const *before, const struct strings *file, const struct strings *rest)
{
	struct strings all = {0};

	for (; before && *before; before++)
		strings_add(&l->arena, &all, *before);
	for (size_t i = file->n; i > 0; i--)
		strings_add(&l->arena, &all, file->v[i - 1]);
	for (size_t i = 0; i < rest->n; i++)
		strings_add(&l->arena, &all, rest->v[i]);
	return all.v;
}

void env_files_load(struct loader *l, char *const *paths)
{
	char **before = l->dotenv;
	struct strings rest = {0}, own;

	for (; paths && *paths; paths++) {
		struct collected c = {.l = l};

		read_file(l, *paths, &c);
		l->dotenv = joined(l, before, &c.entries, &rest);
		own = (struct strings){0};
		for (size_t i = c.entries.n; i > 0; i--)
			strings_add(&l->arena, &own, c.entries.v[i - 1]);
		for (size_t i = 0; i < rest.n; i++)
			strings_add(&l->arena, &own, rest.v[i]);
		rest = own;
	}
}

char *env_files_default(struct loader *l)
{
	char *path = arena_printf(&l->arena, "%s/.env", l->directory);
	struct stat st;

	return stat(path, &st) < 0 && (errno == ENOENT || errno == ENOTDIR) ? NULL : path;
}
