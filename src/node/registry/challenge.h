/* SPDX-License-Identifier: Apache-2.0
 *
 * challenge: two headers of registries, read strictly: WWW-Authenticate (RFC 9110 section 11.6.1) and Link (RFC 8288), as far as the
 * distribution protocol uses them.
 */
#pragma once

#include <stddef.h>

struct err;

#define CHALLENGE_MAX 4096u /* bytes of a header */

enum challenge_kind { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER };

struct challenge {
	enum challenge_kind kind;	       /* the strongest that we know: Bearer before Basic; NONE: others only */
	char *realm, *service, *scope, *error; /* NULL = not given */
};

/* One header line may hold several challenges. -EINVAL: it breaks the grammar, or a parameter stands twice. */
int challenge_parse(const char *header, struct challenge *ret, struct err *err);
void challenge_free(struct challenge *c);

/* The target of the link with rel="next", new memory; *ret = NULL when there is none. */
int challenge_next_link(const char *header, char **ret, struct err *err);
