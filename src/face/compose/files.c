/* SPDX-License-Identifier: Apache-2.0
 *
 * The content goes with the job, so a file that changes later does not change a job that waits.
 */
#include "face/compose/files.h"

#include "base/core/err.h"
#include "face/compose/check.h"
#include "face/compose/job.h"
#include "face/compose/loader.h"
#include "face/compose/read.h"
#include "face/compose/suggest.h"

#include <string.h>

#define FILE_BYTES_MAX (1u << 20)
#define SERVICE_BYTES_MAX (3u << 20) /* 4 MiB in base64, the limit of a container */
#define FILES_MAX 256
#define MODE_DEFAULT 0444

struct family {
	const char *key, *noun, *directory;
};

static const struct family families[] = {{"secrets", "secret", "/run/secrets/"}, {"configs", "config", "/"}};

static bool keep_data(struct loader *l, const struct node *at, struct job_file *f, const char *data, size_t len,
		      size_t *budget)
{
	if (len > FILE_BYTES_MAX) {
		message_error(l, at, "%zu bytes; a secret or config may have %u (1 MiB)", len, FILE_BYTES_MAX);
		return false;
	}
	if (len > l->file_budget || len > *budget) {
		message_error(l, at,
			      "the secrets and configs are too large together: 3 MiB for a service, 11 MiB for a job");
		return false;
	}
	l->file_budget -= len;
	*budget -= len;
	f->data = data;
	f->len = len;
	return true;
}

static bool read_source_file(struct loader *l, const struct node *at, struct job_file *f, size_t *budget)
{
	struct err err = ERR_INIT;
	char *path = loader_path(l, at, at->text), *data = NULL;
	size_t len = 0;

	if (!path)
		return false;
	if (loader_read(path, FILE_BYTES_MAX, true, &data, &len, &err) < 0) {
		message_error(l, at, "%s", err.text);
		return false;
	}
	arena_own(&l->arena, data);
	return keep_data(l, at, f, data, len, budget);
}

static bool read_source_environment(struct loader *l, const struct node *at, struct job_file *f, size_t *budget)
{
	const char *value = loader_variable(l, at->text);

	if (!value) {
		message_error(l, at, "the variable %s is not set", at->text);
		return false;
	}
	return keep_data(l, at, f, value, strlen(value), budget);
}

static bool read_source_content(struct loader *l, const struct node *at, struct job_file *f, size_t *budget)
{
	return keep_data(l, at, f, at->text, strlen(at->text), budget);
}

static bool read_source(struct loader *l, const struct node *source, struct job_file *f, size_t *budget)
{
	static const struct {
		const char *key;
		bool (*read)(struct loader *l, const struct node *at, struct job_file *f, size_t *budget);
	} kinds[] = {
	    {"file", read_source_file}, {"environment", read_source_environment}, {"content", read_source_content}};
	const struct node *at = NULL, *n;
	size_t found = 0, kind = 0;

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		n = node_value(source, kinds[i].key);
		if (n && n->kind == NODE_SCALAR) {
			found++;
			at = n;
			kind = i;
		}
	}
	if (found == 1)
		return kinds[kind].read(l, at, f, budget);
	message_error(l, source,
		      found ? "only one of file, environment and content can be there"
			    : "one of file, environment and content is needed; for example {file: ./key.txt}");
	return false;
}

static const struct node *find_source(struct loader *l, const struct family *family, const struct node *at,
				      const char *name)
{
	const struct node *all = read_map(l->root, family->key), *source = node_get(all, name);
	struct suggest s = {.wrong = name};
	char text[SUGGEST_TEXT_MAX];

	if (source)
		return source;
	for (size_t i = 0; all && i < all->n; i++)
		suggest_try(&s, all->items[i]->key->text);
	message_error(l, at, "no %s \"%s\" is declared at the top of the file%s", family->noun, name,
		      suggest_text(&s, text));
	return NULL;
}

static void add(struct loader *l, struct job_service *s, const struct family *family, const struct node *at,
		const char *name, size_t *budget)
{
	const struct node *source = find_source(l, family, at, name);
	const char *target = read_str(at, "target", NULL);
	struct job_file f = {.mode = read_mode(l, at, "mode", MODE_DEFAULT),
			     .uid = read_int(at, "uid", 0),
			     .gid = read_int(at, "gid", 0)};

	job_where_add(l, s, at);
	if (!source || source->kind != NODE_MAP || !read_source(l, source, &f, budget))
		return;
	if (!target)
		target = name;
	f.target = target[0] == '/' ? target : arena_printf(&l->arena, "%s%s", family->directory, target);
	if (!check_container_path(l, at, f.target))
		return;
	for (size_t i = 0; i < s->n_files; i++)
		if (strcmp(s->files[i].target, f.target) == 0)
			message_error(l, at, "two files at %s", f.target);
	if (s->n_files == FILES_MAX) {
		message_error(l, at, "more than %d secrets and configs", FILES_MAX);
		return;
	}
	arena_grow(&l->arena, &s->files, &s->cap_files, s->n_files);
	s->files[s->n_files++] = f;
}

static void read_family(struct loader *l, struct job_service *s, const struct family *family, size_t *budget)
{
	const struct node *list = read_list(s->node, family->key), *item;

	for (size_t i = 0; list && i < list->n; i++) {
		item = list->items[i];
		if (item->kind == NODE_SCALAR)
			add(l, s, family, item, item->text, budget);
		else if (read_str(item, "source", NULL))
			add(l, s, family, item, read_str(item, "source", NULL), budget);
		else if (item->kind == NODE_MAP)
			message_error(l, item, "source is missing");
	}
}

void files_read(struct loader *l, struct job_service *s)
{
	size_t budget = SERVICE_BYTES_MAX;

	for (size_t i = 0; i < sizeof families / sizeof *families; i++)
		read_family(l, s, &families[i], &budget);
}
