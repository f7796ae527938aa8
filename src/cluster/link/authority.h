/* SPDX-License-Identifier: Apache-2.0
 *
 * authority: the cluster's own authority as a server that leads holds it: the certificate and key that all servers of the cluster share (cluster/server/trust.h
 * keeps them), and a certificate of this server, made anew at each start: members look at who has signed it, not at which one it is.
 */
#pragma once

#include "base/core/sha256.h"
#include "cluster/link/cert.h"

struct err;

struct authority {
	char *ca, *ca_key, *cert, *key; /* PEM texts */
	char pin[SHA256_HEX_MAX];	/* of ca */
};

/* A new certificate and its key. */
int authority_new(char **ret_ca, char **ret_key, struct err *err);
/* Of one that has ca and ca_key: makes the rest. What fails is freed. */
int authority_complete(struct authority *a, struct err *err);
void authority_free(struct authority *a); /* zeroes it; fine with zeroes */
/* The files ca.crt and ca.key in which earlier versions kept it. -ENOENT: there are none. */
int authority_read_files(const char *path, char **ret_ca, char **ret_key, struct err *err);
void authority_remove_files(const char *path);
/* A member's certificate, as cert_sign(). */
int authority_sign(const struct authority *a, const char *request, const char *node, const char *member,
		   int64_t seconds, char **ret, struct err *err);
