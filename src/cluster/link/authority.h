/* SPDX-License-Identifier: Apache-2.0
 *
 * authority: the files of the cluster's own authority at the server: ca.key, ca.crt, server.key and server.crt in one folder that is root's alone. What is
 * missing is made.
 */
#pragma once

#include "base/core/sha256.h"
#include "cluster/link/cert.h"

struct err;

struct authority {
	char *ca, *ca_key, *cert, *key; /* PEM texts */
	char pin[SHA256_HEX_MAX];	/* of ca */
};

int authority_open(const char *path, struct authority *ret, struct err *err);
void authority_free(struct authority *a); /* zeroes it; fine with zeroes */
/* A member's certificate, as cert_sign(). */
int authority_sign(const struct authority *a, const char *request, const char *node, const char *member,
		   int64_t seconds, char **ret, struct err *err);
