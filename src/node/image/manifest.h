/* SPDX-License-Identifier: Apache-2.0
 *
 * manifest: what a registry or an archive says about an image: an OCI manifest or index (image-spec 1.1), a Docker manifest or manifest list
 * (schema 2). Reading is for untrusted text, and strict: 4 MiB, depth 64, no key twice, one grammar of digests, at most 127 layers
 * of an image and 1,000 of anything else, 1,000 entries of an index, sizes that are numbers. The media type inside, the one that the server said and the members must agree, so
 * that one text cannot be two images (GHSA-5j5w-g665-5m35). Layers that are to be fetched from elsewhere ("foreign") are refused.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/image/platform.h"

struct err;

#define MANIFEST_BYTES_MAX (4u << 20)
#define MANIFEST_LAYERS_MAX 127u /* what overlay can stack, and what docker allows */
#define MANIFEST_ENTRIES_MAX 1000u

#define MANIFEST_OCI "application/vnd.oci.image.manifest.v1+json"
#define MANIFEST_OCI_INDEX "application/vnd.oci.image.index.v1+json"
#define MANIFEST_DOCKER "application/vnd.docker.distribution.manifest.v2+json"
#define MANIFEST_DOCKER_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define MANIFEST_CONFIG "application/vnd.oci.image.config.v1+json"
#define MANIFEST_DOCKER_CONFIG "application/vnd.docker.container.image.v1+json"
#define MANIFEST_LAYER "application/vnd.oci.image.layer.v1.tar"
#define MANIFEST_LAYER_GZIP MANIFEST_LAYER "+gzip"
#define MANIFEST_LAYER_ZSTD MANIFEST_LAYER "+zstd"
#define MANIFEST_DOCKER_LAYER_GZIP "application/vnd.docker.image.rootfs.diff.tar.gzip"
#define MANIFEST_DOCKER_LAYER "application/vnd.docker.image.rootfs.diff.tar"
#define MANIFEST_EMPTY "application/vnd.oci.empty.v1+json"

struct manifest_descriptor {
	char *media_type;
	char digest[65]; /* hex */
	uint64_t size;
	bool has_platform;
	struct platform platform;
	char *artifact_type;
	char **annotations; /* "key=value" */
};

struct manifest {
	char *media_type; /* one of the four above */
	bool is_index;
	char *artifact_type;		   /* may be NULL */
	struct manifest_descriptor config; /* of a manifest */
	struct manifest_descriptor *items; /* its layers, bottom first; of an index: its manifests */
	size_t n;
	bool has_subject;
	struct manifest_descriptor subject;
	char **annotations;
};
#define MANIFEST_INIT                                                                                                  \
	{                                                                                                              \
		.media_type = NULL                                                                                     \
	}

/* content_type: what the server said, NULL when nobody said anything (parameters after ';' are passed over). The config may have any media
 * type (an artifact is a manifest too): manifest_is_image() tells. manifest_free() empties *ret; a failure leaves it empty. */
int manifest_parse(const char *text, size_t n, const char *content_type, struct manifest *ret, struct err *err);
void manifest_free(struct manifest *m);

/* 0 when it is the manifest of an image that can be run: its config and layers have the media types for it. */
int manifest_is_image(const struct manifest *m, struct err *err);

/* The entry of an index for the platform, the first of the best; attestations and platforms "unknown" are never chosen. -ENOENT names
 * the platforms that there are. *ret points into index. */
int manifest_choose(const struct manifest *index, const struct platform *want, const struct manifest_descriptor **ret,
		    struct err *err);
