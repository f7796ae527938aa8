/* SPDX-License-Identifier: Apache-2.0
 *
 * cert: the keys and certificates of a cluster, as PEM texts. One authority (P-256) signs a certificate for the server, of the kind that only servers can
 * show, and short-lived ones for the members. Who a member is stands in its certificate: the name of the node (CN), and the number that it was given when
 * it joined (O), so that taking that number off the list ends every certificate that it has ever had.
 */
#pragma once

#include "base/core/sha256.h"

#include <stdbool.h>
#include <stdint.h>

struct err;

#define CERT_MEMBER_MAX 33 /* bytes of a member's number with the NUL */
#define CERT_NAME_MAX 64   /* bytes of a node's name with the NUL */

int cert_key_new(char **ret_key, struct err *err);
/* A key for a place that others can read: encrypted (PKCS #8, AES-256) with a secret of at most PEM_SECRET_MAX bytes, and back. -EACCES: another secret. */
int cert_key_seal(const char *key, const char *secret, char **ret, struct err *err);
int cert_key_unseal(const char *sealed, const char *secret, char **ret_key, struct err *err);
bool cert_key_is_sealed(const char *text);
/* Signed by itself, for 20 years. */
int cert_authority_new(const char *key, char **ret_cert, struct err *err);
/* What a member asks the authority to sign. */
int cert_request_new(const char *key, char **ret_request, struct err *err);

struct cert_wish {
	const char *node;   /* CN */
	const char *member; /* O */
	bool server;
	int64_t seconds; /* that it lives; it has begun an hour ago, for clocks that go wrong */
};
/* Nothing of the request is used but its key, which must be P-256 and its own. -EINVAL. */
int cert_sign(const char *ca, const char *ca_key, const char *request, const struct cert_wish *w, char **ret,
	      struct err *err);

int cert_fingerprint(const char *text, char hex[static SHA256_HEX_MAX], struct err *err);
/* When it begins and ends, in seconds since 1970. */
int cert_times(const char *text, int64_t *ret_begin, int64_t *ret_end, struct err *err);
