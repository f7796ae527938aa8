/* SPDX-License-Identifier: Apache-2.0
 *
 * A file is made canonical with the directory and the variables that hold for it, so that everything afterwards may
 * forget where a value came from. `extends` and `include` therefore switch l->directory (and l->dotenv) while they
 * work.
 */
#include "face/compose/tree.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "face/compose/canon.h"
#include "face/compose/defaults.h"
#include "face/compose/edit.h"
#include "face/compose/env_files.h"
#include "face/compose/interpolate.h"
#include "face/compose/loader.h"
#include "face/compose/model.h"
#include "face/compose/read.h"
#include "face/compose/suggest.h"
#include "face/compose/unite.h"
#include "face/compose/yaml.h"

#include <string.h>
#include <unistd.h>

/* The services or files that wait for each other. */
struct chain {
	const struct chain *up;
	const char *file, *service;
	size_t depth;
};

static void set_file(struct node *n, const char *name)
{
	n->file = name;
	if (n->key)
		n->key->file = name;
	for (size_t i = 0; i < n->n; i++)
		set_file(n->items[i], name);
}

static int read_text(const struct tree_file *f, char **ret, size_t *ret_len, struct err *err)
{
	int r;

	if (f->text) {
		*ret = mem_strdup(f->text);
		*ret_len = strlen(f->text);
		return 0;
	}
	if (strcmp(f->path, "-") != 0)
		return loader_read(f->path, YAML_BYTES_MAX, false, ret, ret_len, err);
	r = fd_read_all(STDIN_FILENO, YAML_BYTES_MAX, ret, ret_len);
	return r < 0 ? err_set(err, -r, "standard input: %s", strerror(-r)) : 0;
}

bool tree_parse(struct tree *t, struct tree_file *f)
{
	struct loader *l = t->l;
	mem_cleanup char *text = NULL;
	struct err err = ERR_INIT;
	size_t len = 0;

	l->file_name = f->name;
	if (++t->n_files > TREE_FILES_MAX) {
		message_place_error(l, 0, 0, "more than %d files", TREE_FILES_MAX);
		return false;
	}
	if (read_text(f, &text, &len, &err) < 0) {
		message_place_error(l, 0, 0, "%s", err.text);
		return false;
	}
	if (!yaml_load(l, text, len))
		return false;
	f->root = l->root;
	set_file(f->root, f->name);
	return true;
}

static char *directory_of(struct loader *l, const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash != path ? arena_strndup(&l->arena, path, (size_t)(slash - path))
				      : arena_strdup(&l->arena, "/");
}

/* Everything within the file. */
static void process(struct tree *t, struct tree_file *f)
{
	struct loader *l = t->l;

	l->file_name = f->name;
	if (!l->no_interpolate)
		interpolate_node(l, f->root);
	canon_object(l, f->root, model_top);
}

/* ---- extends ---- */

static void extend_all(struct tree *t, struct tree_file *f, const struct chain *up);

static bool is_open(const struct chain *c, const char *file, const char *service)
{
	for (; c; c = c->up)
		if (strcmp(c->file, file) == 0 && (!service || strcmp(c->service, service) == 0))
			return true;
	return false;
}

static struct node *find_base(struct loader *l, const struct node *services, const struct node *at, const char *name,
			      const char *file)
{
	struct node *base = node_get(services, name);
	struct suggest s = {.wrong = name};
	char text[SUGGEST_TEXT_MAX];

	if (base)
		return base;
	for (size_t i = 0; services && i < services->n; i++)
		if (services->kind == NODE_MAP)
			suggest_try(&s, services->items[i]->key->text);
	message_error(l, at, "there is no service \"%s\" in %s%s", name, file, suggest_text(&s, text));
	return NULL;
}

/* `service` on top of a copy of `base`. */
static void put_on(struct loader *l, struct node *service, const struct node *base)
{
	struct node *own = edit_map(l, service), *copy = node_copy(&l->arena, base, &l->node_budget);

	if (!copy) {
		message_error(l, service, "the project has more than %d values", YAML_NODES_MAX);
		return;
	}
	edit_take(own, service);
	edit_take(service, copy);
	service->line = own->line;
	service->column = own->column;
	service->file = own->file;
	unite_maps(l, service, own, model_service);
}

static void extend_one(struct tree *t, struct tree_file *f, struct node *service, const struct chain *up);

static struct tree_file *open_base(struct tree *t, char *path)
{
	struct loader *l = t->l;
	struct tree_file *f;

	for (size_t i = 0; i < t->n_bases; i++)
		if (strcmp(t->bases[i]->path, path) == 0)
			return t->bases[i];
	f = arena_new(&l->arena, struct tree_file);
	f->path = f->name = path;
	if (!tree_parse(t, f))
		return NULL;
	l->directory = directory_of(l, path);
	process(t, f);
	arena_grow(&l->arena, &t->bases, &t->cap_bases, t->n_bases);
	t->bases[t->n_bases++] = f;
	return f;
}

/* The base stands in another file, whose paths start at its own directory. */
static struct node *base_of_file(struct tree *t, const struct node *at, const char *path, const char *name,
				 const struct chain *up)
{
	struct loader *l = t->l;
	char *directory = l->directory, *file_name = l->file_name;
	struct tree_file *other;
	struct node *base = NULL;
	char *full = loader_path(l, at, path);

	if (!full)
		return NULL;
	if (is_open(up, full, name)) {
		message_error(l, at, "the services extend each other: %s of %s is its own base", name, path);
		return NULL;
	}
	other = open_base(t, full);
	base = other ? find_base(l, node_get(other->root, "services"), at, name, full) : NULL;
	if (base) {
		l->directory = directory_of(l, full);
		extend_one(t, other, base, up);
	}
	l->directory = directory;
	l->file_name = file_name;
	return base;
}

static void extend_one(struct tree *t, struct tree_file *f, struct node *service, const struct chain *up)
{
	struct loader *l = t->l;
	struct node *extends = node_value(service, "extends"), *base;
	struct chain here = {up, f->path, service->key->text, up ? up->depth + 1 : 1};
	const char *name = read_str(extends, "service", NULL), *file = read_str(extends, "file", NULL);

	if (!extends || !name)
		return;
	edit_remove(service, "extends");
	if (here.depth > TREE_DEPTH_MAX) {
		message_error(l, extends, "more than %d services extend each other", TREE_DEPTH_MAX);
		return;
	}
	if (file) {
		base = base_of_file(t, extends, file, name, &here);
	} else if (is_open(&here, f->path, name)) {
		message_error(l, extends, "the services extend each other: %s is its own base", name);
		return;
	} else {
		base = find_base(l, node_get(f->root, "services"), extends, name, f->name);
		if (base)
			extend_one(t, f, base, &here);
	}
	if (base && base->kind == NODE_MAP)
		put_on(l, service, base);
}

static void extend_all(struct tree *t, struct tree_file *f, const struct chain *up)
{
	struct node *services = node_get(f->root, "services");

	for (size_t i = 0; services && services->kind == NODE_MAP && i < services->n; i++)
		if (services->items[i]->kind == NODE_MAP)
			extend_one(t, f, services->items[i], up);
}

/* ---- include ---- */

static struct node *load(struct tree *t, struct tree_file *files, size_t n, const struct chain *up);

static void import_names(struct loader *l, struct node *into, struct node *from, const struct node *at)
{
	for (size_t i = 0; i < from->n; i++) {
		struct node *n = from->items[i], *old = node_get(into, n->key->text);

		if (!old)
			node_add(&l->arena, into, n->key, n);
		else if (!edit_equal(old, n))
			message_error(l, at, "%s \"%s\" is in the included file, too, with another content",
				      from->key->text, n->key->text);
	}
}

static void import(struct loader *l, struct node *into, struct node *from, const struct node *at)
{
	for (size_t i = 0; i < from->n; i++) {
		struct node *n = from->items[i], *old;
		const struct model *m = model_find(model_top, n->key->text);

		if (!m || m->type != MODEL_NAMED || n->kind != NODE_MAP)
			continue;
		old = node_get(into, n->key->text);
		if (!old || node_is_null(old))
			edit_put(l, into, n->key->text, n);
		else if (old->kind == NODE_MAP)
			import_names(l, old, n, at);
	}
}

/* The .env of the included project, or the files that are named; what the project has wins. */
static void include_env(struct loader *l, const struct node *entry, const char *directory)
{
	const struct node *named = read_list(entry, "env_file");
	struct strings paths = {0};
	char *base = l->directory, *path;

	for (size_t i = 0; named && i < named->n; i++) {
		/* what is no text was told already */
		path = named->items[i]->kind == NODE_SCALAR ? loader_path(l, named->items[i], named->items[i]->text)
							    : NULL;
		if (path)
			strings_add(&l->arena, &paths, path);
	}
	if (!named || !named->n) {
		l->directory = (char *)directory;
		path = env_files_default(l);
		l->directory = base;
		if (path)
			strings_add(&l->arena, &paths, path);
	}
	env_files_load(l, paths.v);
}

static void include_files(struct tree *t, struct node *into, const struct node *entry, struct tree_file *files,
			  size_t n, const struct chain *here)
{
	struct loader *l = t->l;
	const struct node *named = node_value(entry, "project_directory");
	char *directory = l->directory, **dotenv = l->dotenv;
	char *own =
	    named && named->kind == NODE_SCALAR ? loader_path(l, named, named->text) : directory_of(l, files[0].path);
	struct node *root;

	if (!own)
		return;
	include_env(l, entry, own);
	l->directory = own;
	root = load(t, files, n, here);
	l->directory = directory;
	l->dotenv = dotenv;
	if (root)
		import(l, into, root, entry);
}

static void include_one(struct tree *t, struct node *into, const struct node *entry, const struct chain *up)
{
	struct loader *l = t->l;
	const struct node *paths = read_list(entry, "path");
	size_t n = paths ? paths->n : 0;
	struct tree_file *files = arena_new_n(&l->arena, struct tree_file, n + 1);
	struct chain here = {up, NULL, NULL, up ? up->depth + 1 : 1};
	char *file_name = l->file_name;
	bool ok = n > 0 && here.depth <= TREE_DEPTH_MAX;

	if (here.depth > TREE_DEPTH_MAX)
		message_error(l, entry, "more than %d files include each other", TREE_DEPTH_MAX);
	for (size_t i = 0; ok && i < n; i++) {
		if (paths->items[i]->kind != NODE_SCALAR) {
			message_error(l, paths->items[i], "the path of a file is needed here");
			return;
		}
		files[i].name = files[i].path = loader_path(l, paths->items[i], paths->items[i]->text);
		if (files[i].path && is_open(up, files[i].path, NULL)) {
			message_error(l, entry, "the files include each other: %s is one of those above it",
				      files[i].path);
			ok = false;
		}
		ok = ok && files[i].path && tree_parse(t, &files[i]);
	}
	if (ok) {
		here.file = files[0].path;
		include_files(t, into, entry, files, n, &here);
	}
	l->file_name = file_name;
}

static void include_all(struct tree *t, struct tree_file *f, const struct chain *up)
{
	const struct node *list = read_list(f->root, "include");

	edit_remove(f->root, "include");
	for (size_t i = 0; list && i < list->n; i++)
		if (list->items[i]->kind == NODE_MAP)
			include_one(t, f->root, list->items[i], up);
}

/* ---- all files ---- */

static struct node *load(struct tree *t, struct tree_file *files, size_t n, const struct chain *up)
{
	struct loader *l = t->l;
	struct node *all = NULL;

	for (size_t i = 0; i < n; i++) {
		struct chain here = {up, files[i].path, "", up ? up->depth : 0};

		process(t, &files[i]);
		extend_all(t, &files[i], NULL);
		include_all(t, &files[i], &here);
		if (all)
			unite_maps(l, all, files[i].root, model_top);
		else
			all = files[i].root;
	}
	if (!all)
		return NULL;
	unite_finish(l, all, model_top);
	defaults_set(l, all);
	return all;
}

struct node *tree_load(struct tree *t, struct tree_file *files, size_t n)
{
	return load(t, files, n, NULL);
}
