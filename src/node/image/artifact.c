/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/artifact.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/sha256.h"
#include "base/wire/json.h"
#include "node/image/layer.h"
#include "node/image/packed.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define BLOB_NAME_MAX 80
#define COPY_SIZE (128u << 10)
#define REF_NAME "org.opencontainers.image.ref.name"

void artifact_free(struct artifact *a)
{
	manifest_free(&a->manifest);
	free(a->config);
	*a = (struct artifact)ARTIFACT_INIT;
}

static const char *blob_name(const char *hex, char text[static BLOB_NAME_MAX])
{
	snprintf(text, BLOB_NAME_MAX, "blobs/sha256/%s", hex);
	return text;
}

/* ---- reading ---- */

/* A document whose size and digest are what the descriptor says. */
static int read_document(struct bundle *b, const struct manifest_descriptor *d, char **ret, size_t *ret_len,
			 struct err *err)
{
	char name[BLOB_NAME_MAX], hex[SHA256_HEX_MAX];
	mem_cleanup char *text = NULL;
	int r = bundle_read(b, blob_name(d->digest, name), MANIFEST_BYTES_MAX, &text, ret_len, err);

	if (r < 0)
		return r;
	sha256_of(text, *ret_len, hex);
	if (strcmp(hex, d->digest) != 0 || *ret_len != d->size)
		return err_set(err, EBADMSG, "\"%s\" is damaged: it has %zu bytes, and the digest sha256:%s", name,
			       *ret_len, hex);
	*ret = mem_take(text);
	return 0;
}

static bool has_tag(const struct manifest_descriptor *d, const char *tag)
{
	for (char **a = d->annotations; a && *a; a++) {
		if (!strncmp(*a, REF_NAME "=", sizeof REF_NAME) && !strcmp(*a + sizeof REF_NAME, tag))
			return true;
	}
	return false;
}

static int find_entry(const struct manifest *index, const char *tag, const char *digest,
		      const struct manifest_descriptor **ret, struct err *err)
{
	for (size_t i = 0; i < index->n; i++) {
		const struct manifest_descriptor *d = &index->items[i];

		if (digest ? !strcmp(digest, d->digest) : has_tag(d, tag)) {
			*ret = d;
			return 0;
		}
	}
	return err_set(err, ENOENT, "its " OCI_INDEX_NAME " has nothing %s \"%s\"",
		       digest ? "with the digest" : "tagged", digest ? digest : tag);
}

static int read_manifest(struct bundle *b, const struct manifest_descriptor *d, const struct platform *want,
			 struct manifest *ret, struct err *err)
{
	cleanup_with(manifest_free) struct manifest m = MANIFEST_INIT;
	const struct manifest_descriptor *chosen;
	mem_cleanup char *text = NULL;
	size_t n;
	int r = read_document(b, d, &text, &n, err);

	if (r == 0)
		r = manifest_parse(text, n, d->media_type, &m, err);
	if (r == 0 && m.is_index && !want)
		r = err_set(err, EINVAL, "an index inside of an index is not understood");
	if (r == 0 && m.is_index) {
		r = manifest_choose(&m, want, &chosen, err);
		return r < 0 ? r : read_manifest(b, chosen, NULL, ret, err);
	}
	if (r < 0)
		return r;
	*ret = m;
	m = (struct manifest)MANIFEST_INIT;
	return 0;
}

int artifact_read(struct bundle *b, const char *tag, const char *digest, const struct platform *want,
		  struct artifact *ret, struct err *err)
{
	cleanup_with(manifest_free) struct manifest index = MANIFEST_INIT;
	struct artifact a = ARTIFACT_INIT;
	const char *hex = digest && !strncmp(digest, "sha256:", 7) ? digest + 7 : digest;
	const struct manifest_descriptor *d = NULL;
	mem_cleanup char *text = NULL;
	size_t n;
	int r = bundle_read(b, OCI_INDEX_NAME, MANIFEST_BYTES_MAX, &text, &n, err);

	if (r == 0)
		r = manifest_parse(text, n, MANIFEST_OCI_INDEX, &index, err);
	if (r == 0)
		r = find_entry(&index, tag, hex, &d, err);
	if (r == 0)
		r = read_manifest(b, d, want, &a.manifest, err);
	if (r == 0)
		r = read_document(b, &a.manifest.config, &a.config, &a.n_config, err);
	if (r < 0)
		artifact_free(&a);
	else
		*ret = a;
	return r;
}

int artifact_read_layer(struct bundle *b, const struct manifest_descriptor *d, const struct sink *to, struct err *err)
{
	mem_cleanup char *data = mem_zalloc(1, COPY_SIZE);
	char name[BLOB_NAME_MAX];
	struct bundle_member m;
	uint64_t done = 0;
	int r = bundle_find(b, blob_name(d->digest, name), &m, err);

	if (r == 0 && m.size != d->size)
		r = err_set(err, EBADMSG, "\"%s\" has %llu bytes, but the manifest says %llu", name,
			    (unsigned long long)m.size, (unsigned long long)d->size);
	while (r == 0 && done < m.size) {
		uint64_t left = m.size - done;
		ssize_t n = pread(m.fd, data, left < COPY_SIZE ? left : COPY_SIZE, (off_t)(m.offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_sys(err, n < 0 ? errno : EIO, "read \"%s\"", name);
		r = sink_write(to, data, (size_t)n, err);
		done += (uint64_t)n;
	}
	return r;
}

/* ---- layers on their way out ---- */

static const char *const layer_types[] = {
    [COMPRESS_NONE] = MANIFEST_LAYER, [COMPRESS_GZIP] = MANIFEST_LAYER_GZIP, [COMPRESS_ZSTD] = MANIFEST_LAYER_ZSTD};

const char *artifact_layer_type(enum compress_kind kind)
{
	return layer_types[kind];
}

/* OCI's constant for the media type that a layer came with; NULL = another thing. */
static const char *constant_type(const char *type)
{
	static const struct {
		const char *is, *oci;
	} types[] = {{MANIFEST_LAYER, MANIFEST_LAYER},
		     {MANIFEST_LAYER_GZIP, MANIFEST_LAYER_GZIP},
		     {MANIFEST_LAYER_ZSTD, MANIFEST_LAYER_ZSTD},
		     {MANIFEST_DOCKER_LAYER, MANIFEST_LAYER},
		     {MANIFEST_DOCKER_LAYER_GZIP, MANIFEST_LAYER_GZIP}};

	for (size_t i = 0; type && i < sizeof types / sizeof *types; i++) {
		if (!strcmp(types[i].is, type))
			return types[i].oci;
	}
	return NULL;
}

int artifact_forms(struct image_store *s, const char *diff_hex, enum compress_kind kind, struct artifact_forms *ret,
		   struct err *err)
{
	struct image_layer_meta meta = {.packed = ""};
	struct compressed c;
	const char *type;
	int r = image_layer_meta_read(s, diff_hex, &meta, err);

	*ret = (struct artifact_forms){.came.size = 0};
	if (r < 0)
		return r;
	type = constant_type(meta.media_type);
	if (*meta.packed && type) {
		memcpy(ret->came.hex, meta.packed, sizeof ret->came.hex);
		ret->came.size = meta.packed_size;
		ret->came.media_type = type;
	}
	if (packed_known(s, diff_hex, kind, &c) == 1) {
		snprintf(ret->packed.hex, sizeof ret->packed.hex, "%s", c.hex);
		ret->packed.size = c.size;
		ret->packed.media_type = layer_types[kind];
	}
	image_layer_meta_free(&meta);
	return 0;
}

char *artifact_manifest(const struct artifact_draft *d, const struct oci_blob *layers, size_t n, size_t *ret_len)
{
	struct oci_blob config = {.media_type = d->config_type, .size = d->n_config};

	sha256_of(d->config, d->n_config, config.hex);
	return oci_manifest_text(&config, layers, n, ret_len);
}

/* ---- writing a directory ---- */

struct writing {
	struct image_store *store;
	const struct artifact_draft *draft;
	int dir, blobs;
	char temp[40];
};

static bool is_there(const struct writing *w, const char *hex, uint64_t size)
{
	struct stat st;

	return *hex && fstatat(w->blobs, hex, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_size == size;
}

static int pack_into(const struct writing *w, const char *diff_hex, const struct artifact_forms *forms, int fd,
		     struct compressed *ret, struct err *err)
{
	struct sink_fd file;
	struct sink to = sink_to_fd(&file);

	sink_fd_init(&file, fd, "a blob of the OCI layout");
	if (*forms->packed.hex)
		return packed_write(w->store, diff_hex, forms->packed.hex, &to, ret, err);
	return packed_new(w->store, diff_hex, w->draft->kind, w->draft->level, &to, ret, err);
}

static int write_new(const struct writing *w, const char *diff_hex, const struct artifact_forms *forms,
		     struct oci_blob *ret, struct err *err)
{
	struct compressed c;
	fd_cleanup int fd = openat(w->blobs, w->temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	int r;

	if (fd < 0)
		return err_sys(err, errno, "make a file in the OCI layout");
	r = pack_into(w, diff_hex, forms, fd, &c, err);
	if (r == 0 && (fsync(fd) < 0 || renameat(w->blobs, w->temp, w->blobs, c.hex) < 0))
		r = err_sys(err, errno, "write sha256:%s into the OCI layout", c.hex);
	if (r < 0) {
		(void)unlinkat(w->blobs, w->temp, 0);
		return r;
	}
	*ret = (struct oci_blob){.media_type = layer_types[w->draft->kind], .size = c.size};
	memcpy(ret->hex, c.hex, sizeof ret->hex);
	return 0;
}

static int write_layer(const struct writing *w, const char *diff_hex, struct oci_blob *ret, struct err *err)
{
	struct artifact_forms forms;
	int r = artifact_forms(w->store, diff_hex, w->draft->kind, &forms, err);

	if (r < 0)
		return r;
	if (is_there(w, forms.came.hex, forms.came.size))
		*ret = forms.came;
	else if (is_there(w, forms.packed.hex, forms.packed.size))
		*ret = forms.packed;
	else
		r = write_new(w, diff_hex, &forms, ret, err);
	return r;
}

static int write_text(const struct writing *w, const char *text, size_t n, char ret_hex[static 65], struct err *err)
{
	sha256_of(text, n, ret_hex);
	return is_there(w, ret_hex, n) ? 0 : fs_write_atomic(w->blobs, ret_hex, text, n, 0644, true, err);
}

static bool is_tagged(yyjson_mut_val *entry, const char *tag)
{
	yyjson_mut_val *name = yyjson_mut_obj_get(yyjson_mut_obj_get(entry, "annotations"), REF_NAME);

	return name && yyjson_mut_is_str(name) && !strcmp(yyjson_mut_get_str(name), tag);
}

/* What was in index.json without whatever had our tag. One that cannot be read is begun anew. */
static yyjson_mut_doc *index_without(const struct writing *w, const char *tag)
{
	cleanup_with(manifest_free) struct manifest m = MANIFEST_INIT;
	json_doc_cleanup yyjson_doc *old = NULL;
	mem_cleanup char *text = NULL;
	yyjson_mut_doc *doc;
	yyjson_mut_val *list, *entry;
	size_t n, i = 0;

	if (fs_read(w->dir, OCI_INDEX_NAME, MANIFEST_BYTES_MAX, &text, &n, NULL) < 0 ||
	    manifest_parse(text, n, MANIFEST_OCI_INDEX, &m, NULL) < 0) {
		free(text);
		text = oci_index_text(NULL, 0, &n);
	}
	old = json_parse(text, n, MANIFEST_BYTES_MAX, OCI_INDEX_NAME, NULL);
	doc = yyjson_doc_mut_copy(old, NULL);
	list = yyjson_mut_obj_get(yyjson_mut_doc_get_root(doc), "manifests");
	while ((entry = yyjson_mut_arr_get(list, i))) {
		if (is_tagged(entry, tag))
			yyjson_mut_arr_remove(list, i);
		else
			i++;
	}
	return doc;
}

static int write_index(const struct writing *w, const char *tag, const char *hex, size_t n, struct err *err)
{
	json_mut_cleanup yyjson_mut_doc *doc = index_without(w, tag);
	yyjson_mut_val *list = yyjson_mut_obj_get(yyjson_mut_doc_get_root(doc), "manifests");
	yyjson_mut_val *entry = yyjson_mut_obj(doc), *notes = yyjson_mut_obj(doc);
	mem_cleanup char *digest = mem_printf("sha256:%s", hex), *text = NULL;
	size_t n_text;

	yyjson_mut_obj_add_str(doc, entry, "mediaType", MANIFEST_OCI);
	yyjson_mut_obj_add_str(doc, entry, "digest", digest);
	yyjson_mut_obj_add_uint(doc, entry, "size", n);
	yyjson_mut_obj_add_str(doc, notes, REF_NAME, tag);
	yyjson_mut_obj_add_val(doc, entry, "annotations", notes);
	yyjson_mut_arr_append(list, entry);
	text = json_text(doc, false, &n_text);
	return fs_write_atomic(w->dir, OCI_INDEX_NAME, text, n_text, 0644, true, err);
}

static int write_documents(const struct writing *w, const char *tag, const struct oci_blob *layers, size_t n_layers,
			   struct err *err)
{
	size_t n;
	mem_cleanup char *manifest = artifact_manifest(w->draft, layers, n_layers, &n);
	char hex[65];
	int r = write_text(w, w->draft->config, w->draft->n_config, hex, err);

	if (r == 0)
		r = write_text(w, manifest, n, hex, err);
	if (r == 0)
		r = fs_write_atomic(w->dir, OCI_LAYOUT_NAME, OCI_LAYOUT_TEXT, strlen(OCI_LAYOUT_TEXT), 0644, false,
				    err);
	return r < 0 ? r : write_index(w, tag, hex, n, err);
}

int artifact_write(struct image_store *s, int dir, const char *tag, const struct artifact_draft *d, struct err *err)
{
	size_t n = mem_strv_len(d->layers);
	mem_cleanup struct oci_blob *layers = mem_new_n(struct oci_blob, n + 1);
	fd_cleanup int blobs = fs_mkdirs_in(dir, "blobs/sha256", 0755, FS_NO_SYMLINKS, err);
	struct writing w = {.store = s, .draft = d, .dir = dir, .blobs = blobs};
	int r = blobs < 0 ? blobs : 0;

	snprintf(w.temp, sizeof w.temp, "tmp-%d", (int)getpid());
	for (size_t i = 0; r == 0 && i < n; i++)
		r = write_layer(&w, d->layers[i], &layers[i], err);
	return r < 0 ? r : write_documents(&w, tag, layers, n, err);
}
