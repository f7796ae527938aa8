/* SPDX-License-Identifier: Apache-2.0
 *
 * docker_context: the contexts of docker's client, read from where `docker context create` writes them: contexts/meta/ID/meta.json below $DOCKER_CONFIG
 * or ~/.docker, and contexts/tls/ID/docker/{ca,cert,key}.pem; ID is the SHA-256 of the name. They say where a daemon is and how it is to be spoken to.
 */
#pragma once

#include <stdbool.h>

struct err;

#define DOCKER_CONTEXT_DEFAULT "default" /* the one that no file describes: what there is without contexts */
#define DOCKER_CONTEXT_MAX 256

struct docker_context {
	char *name, *description, *host; /* host: "unix:///run/...", "tcp://rack1:2376" */
	bool unverified;		 /* SkipTLSVerify */
	char *ca, *cert, *key;		 /* paths of files that are there, or NULL */
	char *folder;			 /* of meta.json */
};
#define DOCKER_CONTEXT_NULL                                                                                            \
	{                                                                                                              \
		.name = NULL                                                                                           \
	}
void docker_context_free(struct docker_context *c);

/* -ENOENT: there is none of that name. */
int docker_context_read(const char *name, struct docker_context *ret, struct err *err);
/* All of them by name, the default one not; at most DOCKER_CONTEXT_MAX. *ret is NULL-terminated (mem_strv_free). A file that cannot be read is passed over. */
int docker_context_list(char ***ret, struct err *err);
/* What DOCKER_CONTEXT or currentContext of config.json names; NULL: the default one. New memory. */
int docker_context_current(char **ret, struct err *err);
