/* SPDX-License-Identifier: Apache-2.0
 *
 * login: whether a registry knows somebody, and keeping that for later (docker_config.h).
 */
#pragma once

#include "node/registry/cred_helper.h"

struct err;

struct registry_login {
	char *file;   /* the file that holds the password or token in plain text now; NULL = a helper keeps it */
	int is_token; /* the registry gave a token to keep instead of the password */
	int is_plain; /* it was sent without TLS */
};
void registry_login_free(struct registry_login *l);

/* Asks the registry alone. *ret_token: the token that it gave to keep instead of the password, or NULL; new memory. -EACCES: refused. */
int registry_login_try(const char *registry, const struct cred *c, char **ret_token, struct err *err);

/* Asks the registry ("docker.io", "lab.example:5000") and stores what it accepted. -EACCES: refused. */
int registry_login(const char *registry, const struct cred *c, struct registry_login *ret, struct err *err);
