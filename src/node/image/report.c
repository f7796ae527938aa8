/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/report.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/image/blob.h"
#include "node/image/config.h"
#include "node/image/erofs.h"
#include "node/image/layer.h"
#include "node/image/manifest.h"
#include "node/image/usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

void report_image(yyjson_mut_doc *doc, yyjson_mut_val *o, const struct image_info *i)
{
	yyjson_mut_obj_add_strcpy(doc, o, "name", i->name);
	yyjson_mut_obj_add_strcpy(doc, o, "id", i->id);
	yyjson_mut_obj_add_strcpy(doc, o, "digest", i->digest);
	if (i->index)
		yyjson_mut_obj_add_strcpy(doc, o, "index", i->index);
	if (i->platform)
		yyjson_mut_obj_add_strcpy(doc, o, "platform", i->platform);
	yyjson_mut_obj_add_uint(doc, o, "size", i->size);
	yyjson_mut_obj_add_int(doc, o, "created_ms", i->created_ms);
	json_add_strv(doc, o, "layers", i->layers);
}

static void add_erofs(struct image_store *s, yyjson_mut_doc *doc, yyjson_mut_val *o, const struct image_info *i)
{
	uint64_t bytes = image_erofs_bytes(s, i);

	if (bytes > 0)
		yyjson_mut_obj_add_uint(doc, o, "erofs", bytes);
}

static void free_list(struct image_info **list)
{
	for (struct image_info **i = list; *i; i++)
		image_info_free(*i);
	free(list);
}

char *report_images(struct image_store *s, bool all)
{
	json_mut_cleanup yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	struct image_info **list = all ? image_list_all(s) : image_list(s);
	yyjson_mut_val *root = yyjson_mut_arr(doc);

	yyjson_mut_doc_set_root(doc, root);
	for (struct image_info **i = list; *i; i++) {
		yyjson_mut_val *o = yyjson_mut_arr_add_obj(doc, root);

		report_image(doc, o, *i);
		add_erofs(s, doc, o, *i);
	}
	free_list(list);
	return json_text(doc, false, NULL);
}

/* ---- one image ---- */

static int add_document(struct image_store *s, yyjson_mut_doc *doc, const char *key, const char *digest,
			struct err *err)
{
	json_doc_cleanup yyjson_doc *read = NULL;
	mem_cleanup char *text = NULL;
	size_t n;
	int r = image_blob_read(s, digest + 7, CONFIG_BYTES_MAX, &text, &n, err);

	if (r < 0)
		return r;
	read = json_parse(text, n, CONFIG_BYTES_MAX, key, err);
	if (!read)
		return err ? -err->code : -EINVAL;
	yyjson_mut_obj_add_val(doc, yyjson_mut_doc_get_root(doc), key,
			       yyjson_val_mut_copy(doc, yyjson_doc_get_root(read)));
	return 0;
}

static void add_part(struct image_store *s, yyjson_mut_doc *doc, yyjson_mut_val *list, const char *hex)
{
	mem_cleanup char *digest = mem_printf("sha256:%s", hex), *packed = NULL;
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(doc, list);
	struct image_layer_meta m;

	yyjson_mut_obj_add_strcpy(doc, o, "diff_id", digest);
	if (image_layer_meta_read(s, hex, &m, NULL) < 0)
		return;
	yyjson_mut_obj_add_uint(doc, o, "size", m.tar_size);
	yyjson_mut_obj_add_uint(doc, o, "files", m.n_files);
	if (*m.packed) {
		packed = mem_printf("sha256:%s", m.packed);
		yyjson_mut_obj_add_strcpy(doc, o, "packed", packed);
		yyjson_mut_obj_add_uint(doc, o, "packed_size", m.packed_size);
	}
	if (m.media_type)
		yyjson_mut_obj_add_strcpy(doc, o, "media_type", m.media_type);
	if (m.from)
		yyjson_mut_obj_add_strcpy(doc, o, "from", m.from);
	image_layer_meta_free(&m);
}

static void add_names(struct image_store *s, yyjson_mut_doc *doc, const struct image_info *i)
{
	yyjson_mut_val *names = yyjson_mut_obj_add_arr(doc, yyjson_mut_doc_get_root(doc), "names");
	struct image_info **list = image_list(s);

	for (struct image_info **other = list; *other; other++) {
		if (!strcmp((*other)->id, i->id))
			yyjson_mut_arr_add_strcpy(doc, names, (*other)->name);
	}
	free_list(list);
}

int report_inspect(struct image_store *s, const char *name, char **ret, struct err *err)
{
	json_mut_cleanup yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	cleanup_with(image_info_freep) struct image_info *i = NULL;
	yyjson_mut_val *root = yyjson_mut_obj(doc), *parts;
	int r = image_find(s, name, &i, err);

	if (r < 0)
		return r;
	yyjson_mut_doc_set_root(doc, root);
	report_image(doc, root, i);
	add_erofs(s, doc, root, i);
	add_names(s, doc, i);
	parts = yyjson_mut_obj_add_arr(doc, root, "parts");
	for (char **l = i->layers; l && *l; l++)
		add_part(s, doc, parts, *l);
	r = add_document(s, doc, "config", i->id, err);
	if (r == 0)
		r = add_document(s, doc, "manifest", i->digest, err);
	if (r == 0)
		*ret = json_text(doc, false, NULL);
	return r;
}

char *report_pruned(const struct image_pruned *p)
{
	json_mut_cleanup yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc), *images = yyjson_mut_arr(doc);

	yyjson_mut_doc_set_root(doc, root);
	for (char **name = p->images; name && *name; name++)
		yyjson_mut_arr_add_strcpy(doc, images, *name);
	yyjson_mut_obj_add_val(doc, root, "images", images);
	yyjson_mut_obj_add_uint(doc, root, "layers", p->n_layers);
	yyjson_mut_obj_add_uint(doc, root, "bytes", p->bytes);
	return json_text(doc, false, NULL);
}

/* ---- usage ---- */

struct part {
	uint64_t count, bytes, reclaimable;
};
enum {
	PART_LAYERS,
	PART_EROFS,
	PART_DOCUMENTS,
	PART_CONTAINERS,
	PART_LOGS,
	PART_BUILD,
	PART_VOLUMES,
	PART_REST,
	N_PARTS
};
static const char *const part_names[N_PARTS] = {"layers", "EROFS files", "documents", "containers",
						"logs",	  "build cache", "volumes",   "rest"};
/* Directories of the data directory that are a part of their own; containers and images are counted apart. */
static const struct {
	const char *name;
	int part;
} directories[] = {{"build", PART_BUILD}, {"volumes", PART_VOLUMES}};

struct report {
	struct usage_seen seen;
	struct part parts[N_PARTS + REPORT_PARTS_MAX];
	const struct report_part *others;
	size_t n_others;
};

static uint64_t blocks_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}

static bool is_log(const char *name)
{
	return !strcmp(name, "log") || !strncmp(name, "log.", 4);
}

/* For each name in dir/name: fn; the directory's own blocks go to `own`. */
typedef void (*each_fn)(struct report *r, int dir, const char *name);
static void each(struct report *r, int at, const char *name, struct part *own, each_fn fn)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		fd_closep(&fd);
		return;
	}
	own->bytes += blocks_of(fd);
	for (struct dirent *e = readdir(d); e; e = readdir(d)) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			fn(r, fd, e->d_name);
	}
	closedir(d);
}

static void add_file(struct report *r, int dir, const char *name)
{
	struct part *part = &r->parts[is_log(name) ? PART_LOGS : PART_CONTAINERS];

	part->bytes += usage_tree(dir, name, &r->seen);
	part->count += is_log(name);
}

static void add_container(struct report *r, int dir, const char *name)
{
	fd_cleanup int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0) {
		r->parts[PART_REST].bytes += usage_tree(dir, name, &r->seen);
		return;
	}
	r->parts[PART_CONTAINERS].count++;
	each(r, dir, name, &r->parts[PART_CONTAINERS], add_file);
}

static void add_top(struct report *r, int dir, const char *name)
{
	int part = PART_REST;

	if (!strcmp(name, "images"))
		return;
	if (!strcmp(name, "containers")) {
		each(r, dir, name, &r->parts[PART_REST], add_container);
		return;
	}
	for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
		if (!strcmp(name, directories[i].name))
			part = directories[i].part;
	}
	for (size_t i = 0; i < r->n_others; i++) {
		if (!strcmp(name, r->others[i].name))
			part = N_PARTS + (int)i;
	}
	r->parts[part].bytes += usage_tree(dir, name, &r->seen);
}

static void add_images(struct image_store *s, yyjson_mut_doc *doc, const struct image_usage *u)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, yyjson_mut_doc_get_root(doc), "images");
	struct image_info **images = image_list_all(s);

	for (struct image_info **i = images; *i; i++) {
		yyjson_mut_val *o = yyjson_mut_arr_add_obj(doc, list);
		uint64_t unique, bytes = image_usage_of(u, *i, &unique);

		yyjson_mut_obj_add_strcpy(doc, o, "name", (*i)->name);
		yyjson_mut_obj_add_strcpy(doc, o, "id", (*i)->id);
		yyjson_mut_obj_add_uint(doc, o, "bytes", bytes);
		yyjson_mut_obj_add_uint(doc, o, "unique", unique);
	}
	free_list(images);
}

static void add_parts(yyjson_mut_doc *doc, const struct report *r)
{
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *list = yyjson_mut_obj_add_arr(doc, root, "parts");
	uint64_t sum = 0;

	for (size_t i = 0; i < N_PARTS + r->n_others; i++) {
		yyjson_mut_val *o = yyjson_mut_arr_add_obj(doc, list);

		yyjson_mut_obj_add_strcpy(doc, o, "what", i < N_PARTS ? part_names[i] : r->others[i - N_PARTS].name);
		yyjson_mut_obj_add_uint(doc, o, "count", r->parts[i].count);
		yyjson_mut_obj_add_uint(doc, o, "bytes", r->parts[i].bytes);
		yyjson_mut_obj_add_uint(doc, o, "reclaimable", r->parts[i].reclaimable);
		sum += r->parts[i].bytes;
	}
	yyjson_mut_obj_add_uint(doc, root, "bytes", sum);
}

/* When nobody knows more: what can be fetched again can go. */
static const struct report_part depots[] = {{.name = "registry"}, {.name = "mirror", .reclaimable = UINT64_MAX}};

static void add_others(struct report *r)
{
	for (size_t i = 0; i < r->n_others; i++) {
		struct part *part = &r->parts[N_PARTS + i];
		uint64_t reclaimable = r->others[i].reclaimable;

		part->count = r->others[i].count;
		part->reclaimable = reclaimable < part->bytes ? reclaimable : part->bytes;
	}
}

int report_usage(struct image_store *s, int data_dir, const struct report_part *others, size_t n_others, char **ret,
		 struct err *err)
{
	json_mut_cleanup yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	struct report report = {.seen = USAGE_SEEN_INIT, .others = depots, .n_others = sizeof depots / sizeof *depots};
	struct image_usage u;
	int r = image_usage(s, &report.seen, &u, err);

	if (r < 0)
		return r;
	if (others && n_others <= REPORT_PARTS_MAX) {
		report.others = others;
		report.n_others = n_others;
	}
	yyjson_mut_doc_set_root(doc, yyjson_mut_obj(doc));
	report.parts[PART_LAYERS] =
	    (struct part){.count = u.n_layers, .bytes = u.layer_bytes, .reclaimable = u.reclaimable};
	report.parts[PART_EROFS] =
	    (struct part){.count = u.n_erofs, .bytes = u.erofs_bytes, .reclaimable = u.erofs_reclaimable};
	report.parts[PART_DOCUMENTS].bytes = u.document_bytes;
	report.parts[PART_REST].bytes = u.rest_bytes;
	each(&report, data_dir, ".", &report.parts[PART_REST], add_top);
	add_others(&report);
	add_images(s, doc, &u);
	add_parts(doc, &report);
	*ret = json_text(doc, false, NULL);
	image_usage_free(&u);
	usage_seen_free(&report.seen);
	return 0;
}
