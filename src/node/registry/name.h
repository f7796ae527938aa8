/* SPDX-License-Identifier: Apache-2.0
 *
 * name: the name of an image as a place in a registry. "busybox" is docker.io/library/busybox:latest.
 */
#pragma once

#include "node/image/image.h"

#define NAME_DEFAULT_HOST "docker.io"

struct name {
	char *host;   /* "docker.io", "registry.example:5000" */
	char *repo;   /* "library/busybox" */
	char *tag;    /* NULL when only a digest was given */
	char *digest; /* "sha256:<hex>" or NULL: it decides, whatever the tag says */
	char *local;  /* what the store calls the repository: "busybox", "registry.example:5000/a" */
};
#define NAME_INIT                                                                                                      \
	{                                                                                                              \
		.host = NULL                                                                                           \
	}

/* -EINVAL says which part breaks which rule. */
int name_parse(const char *text, struct name *ret, struct err *err);
/* The name of a registry alone, as `berth login` takes it: "", "docker.io", "https://registry.example/v1/" -> its host. */
int name_host(const char *text, char **ret, struct err *err);
void name_free(struct name *n);

/* "busybox:latest", "busybox@sha256:...": under which the store knows it; new memory. With a digest the tag is left out. */
char *name_local(const struct name *n);
/* What the registry is asked for: the digest, or the tag. */
const char *name_reference(const struct name *n);
