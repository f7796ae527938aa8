/* SPDX-License-Identifier: Apache-2.0
 *
 * refs.json of any content, for a store that has the documents of one image. What was read is whole, can be asked for, and is the same when it was
 * written and read again. Needs image_dep.
 */
#include "node/image/store.h"

#include "base/core/mem.h"
#include "base/core/sha256.h"
#include "node/image/blob.h"
#include "node/image/manifest.h"
#include "node/image/ref.h"
#include "place.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Its digest is in the seeds. */
static void write_documents(struct image_store *s)
{
	static const char config[] =
	    "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":["
	    "\"sha256:0000000000000000000000000000000000000000000000000000000000000000\"]}}";
	char hex[65];
	mem_cleanup char *manifest = NULL;

	if (image_blob_write(s, config, sizeof config - 1, hex, NULL) < 0)
		abort();
	manifest = mem_printf(
	    "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" MANIFEST_CONFIG "\",\"digest\":\"sha256:%s\","
	    "\"size\":%zu},\"layers\":[{\"mediaType\":\"" MANIFEST_LAYER "\",\"digest\":\"sha256:%064d\","
	    "\"size\":1}]}",
	    hex, sizeof config - 1, 0);
	if (image_blob_write(s, manifest, strlen(manifest), hex, NULL) < 0)
		abort();
}

static struct image_store *store(void)
{
	static struct image_store *s;

	if (s)
		return s;
	if (image_store_open(place_dir(), &s, NULL) < 0)
		abort();
	write_documents(s);
	return s;
}

static void check_image(struct image_store *s, const struct store_image *i)
{
	struct image_info *found = NULL;

	if (!ref_is_hex(i->manifest, 64) || (*i->index && !ref_is_hex(i->index, 64)) || !i->info == !i->why)
		abort();
	if (i->info && (strcmp(i->info->name, i->name) != 0 || strcmp(i->info->digest + 7, i->manifest) != 0))
		abort();
	if (i->info && image_find(s, i->info->id, &found, NULL) == -ENOENT)
		abort();
	found = image_info_free(found);
	(void)image_find(s, i->name, &found, NULL);
	image_info_free(found);
}

static char *names(const struct image_store *s)
{
	char *all = mem_strdup("");

	for (size_t i = 0; i < s->n; i++) {
		char *more = mem_printf("%s%s %s %s %d\n", all, s->images[i].name, s->images[i].manifest,
					s->images[i].index, s->images[i].detached);

		free(all);
		all = more;
	}
	return all;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct image_store *s = store();
	mem_cleanup char *before = NULL, *after = NULL;
	struct err err = ERR_INIT;

	if (fs_write_atomic(s->root, "refs.json", data, n, 0600, false, NULL) < 0)
		abort();
	s->seen.inode = 0;
	if (store_refresh(s, &err) < 0) {
		if (err.code == 0 || !err.text[0])
			abort();
		return 0;
	}
	for (size_t i = 0; i < s->n; i++)
		check_image(s, &s->images[i]);
	before = names(s);
	s->version = STORE_VERSION;
	if (store_save(s, NULL) < 0)
		abort();
	s->seen.inode = 0;
	if (store_refresh(s, NULL) < 0)
		abort();
	after = names(s);
	if (strcmp(before, after) != 0)
		abort();
	return 0;
}
