/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's half of an import: an image of one layer, whose documents are made here.
 */
#include "node/image/import.h"

#include "base/core/clock.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/sha256.h"
#include "node/image/config.h"
#include "node/image/layer.h"
#include "node/image/lease.h"
#include "node/image/ref.h"
#include "node/image/store.h"

#include <fcntl.h>
#include <string.h>

struct import {
	struct import *next;
	struct image_lease *lease;
	char tmp_name[64];
};

int image_import_begin(struct image_store *s, int *ret_tmp_dir, char ret_tmp_name[static 64], struct err *err)
{
	struct import *i = mem_new(struct import);
	int r = image_lease_new(s, "import", &i->lease, err);

	if (r == 0)
		r = image_lease_tmp(i->lease, ret_tmp_dir, i->tmp_name, err);
	if (r < 0) {
		image_lease_free(i->lease);
		free(i);
		return r;
	}
	memcpy(ret_tmp_name, i->tmp_name, sizeof i->tmp_name);
	i->next = s->imports;
	s->imports = i;
	return 0;
}

static struct import **find(struct image_store *s, const char *tmp_name)
{
	struct import **at = &s->imports;

	while (*at && strcmp((*at)->tmp_name, tmp_name) != 0)
		at = &(*at)->next;
	return at;
}

static void finish(struct import **at)
{
	struct import *i = *at;

	*at = i->next;
	image_lease_free(i->lease);
	free(i);
}

void import_free_all(struct image_store *s)
{
	while (s->imports)
		finish(&s->imports);
}

void image_import_abort(struct image_store *s, const char *tmp_name)
{
	struct import **at = find(s, tmp_name);

	if (!*at)
		return;
	(void)fs_remove_tree(s->tmp, tmp_name, NULL);
	finish(at);
}

/* The numbers come from the worker, which hostile bytes may have taken over: only their form is believed. */
static int check_unpacked(struct image_store *s, const char *tmp_name, const struct image_unpacked *u, struct err *err)
{
	fd_cleanup int tmp = -1, fs = -1;

	if (!fs_name_ok(tmp_name) || memchr(u->diff_id, '\0', sizeof u->diff_id) == NULL || !ref_is_hex(u->diff_id, 64))
		return err_set(err, EINVAL, "the unpacker reported what cannot be");
	tmp = fs_open_in(s->tmp, tmp_name, O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	if (tmp < 0)
		return tmp;
	fs = fs_open_in(tmp, "fs", O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	return fs < 0 ? fs : 0;
}

static int commit(struct image_store *s, struct image_lease *lease, const char *tmp_name, const char *name,
		  const struct image_unpacked *u, const struct image_import_options *o, struct image_info **ret,
		  struct err *err)
{
	mem_cleanup char *config = NULL, *manifest = NULL;
	struct image_docs docs = {.manifest = NULL};
	char hex[65];
	int r = config_text(u, o, clock_wall_ms(), &config, &docs.n_config, err);

	if (r == 0)
		r = image_layer_place(s, lease, tmp_name, u, NULL, err);
	if (r < 0)
		return r;
	sha256_of(config, docs.n_config, hex);
	manifest = config_manifest_text(hex, docs.n_config, u, &docs.n_manifest);
	docs.config = config;
	docs.manifest = manifest;
	/* The worker wrote the files to the disk. */
	if (fsync(s->layers) < 0)
		return err_sys(err, errno, "write images/layers");
	return store_commit(s, lease, &docs, name, IMAGE_REPLACE_YES, false, ret, err);
}

int image_import_commit(struct image_store *s, const char *tmp_name, const char *ref, const struct image_unpacked *u,
			const struct image_import_options *o, struct image_info **ret, struct err *err)
{
	struct import **at = find(s, tmp_name);
	mem_cleanup char *name = NULL;
	int r = ref ? image_ref_normalise(ref, &name, err) : 0;

	if (r < 0)
		return r;
	if (name && strchr(name, '@'))
		return err_set(err, EINVAL, "\"%s\": an import makes its digest itself; give a name and a tag", ref);
	if (!*at)
		return err_set(err, EINVAL, "there is no import \"%.63s\"", tmp_name);
	r = check_unpacked(s, tmp_name, u, err);
	if (r == 0)
		r = commit(s, (*at)->lease, tmp_name, name, u, o, ret, err);
	if (r < 0)
		return err ? err_wrap(err, "import \"%s\"", name ? name : "") : r;
	finish(at);
	return 0;
}
