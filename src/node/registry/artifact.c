/* SPDX-License-Identifier: Apache-2.0 */
#include "node/registry/artifact.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/core/sha256.h"
#include "node/registry/remote.h"
#include "node/registry/send_layer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- reading ---- */

static int read_manifest(struct remote *r, const struct name *name, const char *reference, const struct platform *want,
			 struct manifest *ret, struct err *err)
{
	cleanup_with(remote_document_free) struct remote_document d = {.text = NULL};
	cleanup_with(manifest_free) struct manifest m = MANIFEST_INIT;
	const struct manifest_descriptor *chosen;
	mem_cleanup char *digest = NULL;
	int code = remote_manifest(r, name->repo, reference, &d, err);

	if (code == 0)
		code = manifest_parse(d.text, d.n, d.media_type, &m, err);
	if (code == 0 && m.is_index && !want)
		code = err_set(err, EINVAL, "an index inside of an index is not understood");
	if (code == 0 && m.is_index) {
		code = manifest_choose(&m, want, &chosen, err);
		digest = code < 0 ? NULL : mem_printf("sha256:%s", chosen->digest);
		return code < 0 ? code : read_manifest(r, name, digest, NULL, ret, err);
	}
	if (code < 0)
		return code;
	*ret = m;
	m = (struct manifest)MANIFEST_INIT;
	return 0;
}

int registry_artifact_read(const char *text, const struct platform *want, struct artifact *ret, char **ret_from,
			   struct err *err)
{
	cleanup_with(name_free) struct name name = NAME_INIT;
	cleanup_with(remote_close) struct remote r = REMOTE_INIT;
	cleanup_with(remote_document_free) struct remote_document config = {.text = NULL};
	struct artifact a = ARTIFACT_INIT;
	int code = name_parse(text, &name, err);

	if (code == 0)
		code = remote_open(name.host, false, &r, err);
	if (code == 0)
		code = read_manifest(&r, &name, name_reference(&name), want, &a.manifest, err);
	if (code == 0)
		code = remote_blob(&r, name.repo, a.manifest.config.digest, a.manifest.config.size, MANIFEST_BYTES_MAX,
				   &config, err);
	if (code < 0) {
		artifact_free(&a);
		return code;
	}
	a.config = mem_take(config.text);
	a.n_config = config.n;
	*ret = a;
	*ret_from = mem_printf("%s/%s", name.host, name.repo);
	return 0;
}

/* ---- writing ---- */

struct writing {
	struct image_store *store;
	const struct artifact_draft *draft;
	struct name name;
	struct remote remote;
	char *scope;
};

static void writing_free(struct writing *w)
{
	remote_close(&w->remote);
	name_free(&w->name);
	free(w->scope);
}

static struct send send_of(const struct writing *w, const char *id)
{
	return (struct send){.session = w->remote.sessions[0], .repo = w->name.repo, .scope = w->scope, .id = id};
}

static int write_new(struct writing *w, struct send *s, const char *diff_hex, const struct artifact_forms *forms,
		     struct oci_blob *ret, struct err *err)
{
	const struct packer_job j = {.store = w->store,
				     .diff_hex = diff_hex,
				     .hex = forms->packed.hex,
				     .size = forms->packed.size,
				     .way = *forms->packed.hex ? PACKER_AGAIN : PACKER_NEW,
				     .kind = w->draft->kind,
				     .level = w->draft->level};
	struct compressed c;
	int r = send_layer(s, &j, w->remote.hosts.chunk, &c, err);

	if (r < 0)
		return r;
	*ret = (struct oci_blob){.media_type = artifact_layer_type(w->draft->kind), .size = c.size};
	memcpy(ret->hex, c.hex, sizeof ret->hex);
	return 0;
}

static int write_layer(struct writing *w, const char *diff_hex, struct oci_blob *ret, struct err *err)
{
	struct artifact_forms forms;
	struct send s = send_of(w, diff_hex);
	int r = artifact_forms(w->store, diff_hex, w->draft->kind, &forms, err);

	*ret = forms.came;
	if (r == 0 && *forms.came.hex)
		r = send_exists(&s, forms.came.hex, NULL, err);
	if (r == 0 && *forms.packed.hex) {
		*ret = forms.packed;
		r = send_exists(&s, forms.packed.hex, NULL, err);
	}
	if (r == 0)
		r = write_new(w, &s, diff_hex, &forms, ret, err);
	send_free(&s);
	return r < 0 ? err_wrap(err, "layer sha256:%.12s", diff_hex) : 0;
}

/* What is streamed cannot be sent twice: a layer whose connection broke is begun again. */
static int write_layers(struct writing *w, struct oci_blob *blobs, size_t n, struct err *err)
{
	int r = 0, tries = 0;

	for (size_t i = 0; r == 0 && i < n;) {
		r = write_layer(w, w->draft->layers[i], &blobs[i], err);
		if (r == -ECONNRESET && ++tries < w->remote.hosts.attempts) {
			err_clear(err);
			r = transport_step(w->remote.transport, NULL, 0, w->remote.hosts.retry_delay_ms * tries, err);
			continue;
		}
		tries = 0;
		i++;
	}
	return r;
}

static int write_documents(struct writing *w, const struct oci_blob *blobs, size_t n_blobs, struct err *err)
{
	struct send s = send_of(w, name_reference(&w->name));
	char hex[SHA256_HEX_MAX];
	size_t n;
	mem_cleanup char *manifest = artifact_manifest(w->draft, blobs, n_blobs, &n);
	int r;

	sha256_of(w->draft->config, w->draft->n_config, hex);
	r = send_exists(&s, hex, NULL, err);
	if (r == 0)
		r = send_text(&s, hex, w->draft->config, w->draft->n_config, err);
	if (r >= 0)
		r = send_manifest(&s, name_reference(&w->name), MANIFEST_OCI, manifest, n, err);
	send_free(&s);
	return r;
}

int registry_artifact_write(struct image_store *s, const char *text, const struct artifact_draft *d, struct err *err)
{
	cleanup_with(writing_free) struct writing w = {.store = s, .draft = d, .remote = REMOTE_INIT};
	size_t n = mem_strv_len(d->layers);
	mem_cleanup struct oci_blob *blobs = mem_new_n(struct oci_blob, n + 1);
	int r = name_parse(text, &w.name, err);

	if (r == 0 && w.name.digest)
		r = err_set(err, EINVAL, "\"%s\": what is pushed is named by a tag, the registry makes the digest",
			    text);
	if (r == 0)
		r = remote_open(w.name.host, false, &w.remote, err);
	if (r < 0)
		return r;
	w.scope = remote_scope(w.name.repo, "pull,push");
	r = write_layers(&w, blobs, n, err);
	return r < 0 ? r : write_documents(&w, blobs, n, err);
}
