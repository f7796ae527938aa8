/* SPDX-License-Identifier: Apache-2.0
 *
 * artifact: node/image/artifact.h to and from a registry. Mirrors are not asked: what they have may be old.
 */
#pragma once

#include "node/image/artifact.h"

/* "lab.example/app:cache". *ret_from: where its blobs are, for registry_fetch_blob(); the caller's. */
int registry_artifact_read(const char *text, const struct platform *want, struct artifact *ret, char **ret_from,
			   struct err *err);
/* Blobs that the registry has already are not sent. */
int registry_artifact_write(struct image_store *s, const char *text, const struct artifact_draft *d, struct err *err);
