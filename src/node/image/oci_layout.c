/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/oci_layout.h"

#include "base/core/mem.h"
#include "base/wire/json.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define CONTAINERD_NAME "io.containerd.image.name"
#define REF_NAME "org.opencontainers.image.ref.name"
#define HUB "docker.io/"
#define LIBRARY "library/"

static yyjson_mut_val *descriptor(yyjson_mut_doc *doc, const struct oci_blob *b)
{
	yyjson_mut_val *d = yyjson_mut_obj(doc);
	mem_cleanup char *digest = mem_printf("sha256:%s", b->hex);

	yyjson_mut_obj_add_strcpy(doc, d, "mediaType", b->media_type);
	yyjson_mut_obj_add_strcpy(doc, d, "digest", digest);
	yyjson_mut_obj_add_uint(doc, d, "size", b->size);
	return d;
}

static yyjson_mut_doc *document(const char *media_type)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);

	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_add_int(doc, root, "schemaVersion", 2);
	yyjson_mut_obj_add_str(doc, root, "mediaType", media_type);
	return doc;
}

char *oci_manifest_text(const struct oci_blob *config, const struct oci_blob *layers, size_t n, size_t *ret_len)
{
	json_mut_cleanup yyjson_mut_doc *doc = document(MANIFEST_OCI);
	yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *list = yyjson_mut_arr(doc);

	yyjson_mut_obj_add_val(doc, root, "config", descriptor(doc, config));
	for (size_t i = 0; i < n; i++)
		yyjson_mut_arr_append(list, descriptor(doc, &layers[i]));
	yyjson_mut_obj_add_val(doc, root, "layers", list);
	return json_text(doc, false, ret_len);
}

/* A first part that has a dot or a port, or is localhost, is the host of a registry; without one it is the hub's. */
static bool has_host(const char *name)
{
	size_t n = strcspn(name, "/");

	return name[n] && (memchr(name, '.', n) || memchr(name, ':', n) || (n == 9 && !strncmp(name, "localhost", n)));
}

char *oci_name_long(const char *name)
{
	if (has_host(name))
		return mem_strdup(name);
	return mem_printf(HUB "%s%s", strchr(name, '/') ? "" : LIBRARY, name);
}

char *oci_name_short(const char *name)
{
	if (strncmp(name, HUB, strlen(HUB)) != 0)
		return mem_strdup(name);
	name += strlen(HUB);
	if (!strncmp(name, LIBRARY, strlen(LIBRARY)) && !strchr(name + strlen(LIBRARY), '/'))
		name += strlen(LIBRARY);
	return mem_strdup(name);
}

static void add_entry(yyjson_mut_doc *doc, yyjson_mut_val *list, const struct oci_entry *e, const char *name)
{
	yyjson_mut_val *d = descriptor(doc, &e->manifest), *notes;
	const char *tag = name ? strrchr(name, ':') : NULL;
	mem_cleanup char *full = name ? oci_name_long(name) : NULL;

	if (full) {
		notes = yyjson_mut_obj(doc);
		yyjson_mut_obj_add_strcpy(doc, notes, CONTAINERD_NAME, full);
		yyjson_mut_obj_add_strcpy(doc, notes, REF_NAME, tag && !strchr(tag, '/') ? tag + 1 : name);
		yyjson_mut_obj_add_val(doc, d, "annotations", notes);
	}
	yyjson_mut_arr_append(list, d);
}

char *oci_index_text(const struct oci_entry *entries, size_t n, size_t *ret_len)
{
	json_mut_cleanup yyjson_mut_doc *doc = document(MANIFEST_OCI_INDEX);
	yyjson_mut_val *list = yyjson_mut_arr(doc);

	for (size_t i = 0; i < n; i++) {
		for (char **name = entries[i].names; name && *name; name++)
			add_entry(doc, list, &entries[i], *name);
		if (!entries[i].names || !*entries[i].names)
			add_entry(doc, list, &entries[i], NULL);
	}
	yyjson_mut_obj_add_val(doc, yyjson_mut_doc_get_root(doc), "manifests", list);
	return json_text(doc, false, ret_len);
}

static const char *annotation(const struct manifest_descriptor *d, const char *key)
{
	size_t n = strlen(key);

	for (char **a = d->annotations; a && *a; a++) {
		if (!strncmp(*a, key, n) && (*a)[n] == '=')
			return *a + n + 1;
	}
	return NULL;
}

char *oci_entry_name(const struct manifest_descriptor *d)
{
	const char *name = annotation(d, CONTAINERD_NAME);

	if (!name || !*name) {
		name = annotation(d, REF_NAME);
		if (!name || !strpbrk(name, ":/"))
			return NULL;
	}
	return oci_name_short(name);
}

bool oci_entry_is(const struct manifest_descriptor *d, const char *reference)
{
	mem_cleanup char *name = oci_entry_name(d), *asked = oci_name_short(reference);
	const char *tag = annotation(d, REF_NAME);

	if (!strncmp(reference, "sha256:", 7))
		return !strcmp(reference + 7, d->digest);
	return (tag && !strcmp(tag, reference)) || (name && !strcmp(name, asked));
}
