/* SPDX-License-Identifier: Apache-2.0
 *
 * docker_config: docker's config.json, as far as it says who we are to registries: auths, credsStore, credHelpers. In $DOCKER_CONFIG, else
 * ~/.docker. What else is in it stays as it is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "node/registry/cred_helper.h"

/* Credentials for a registry ("docker.io", "lab.example:5000"). 1 found, 0 there are none, or a negative errno. */
int docker_config_get(const char *registry, struct cred *ret, struct err *err);
/* *ret_file = the config.json that holds them in plain text now, NULL when a helper keeps them; new memory. */
int docker_config_store(const char *registry, const struct cred *c, char **ret_file, struct err *err);
/* 1 = they were there, 0 = they were not. */
int docker_config_erase(const char *registry, struct err *err);

/* From now on this process knows no credentials but those of `text`, a config.json, and no helper (text is copied; "{}" = none). For a process that
 * works for somebody who sent his own. */
void docker_config_only(const char *text);

/* After docker_config_only(): what `text` does not have is asked for, each time. get: 1 found, 0 there are none. For a process that works for somebody who can be asked. */
void docker_config_ask(int (*get)(const char *registry, struct cred *ret));

/* $DOCKER_CONFIG or ~/.docker; new memory. -ENOENT: neither is known. */
int docker_config_folder(char **ret, struct err *err);
/* The text of config.json, "{}" when there is none; new memory. Errors of docker_config_folder(), and those of reading. */
int docker_config_text(char **ret, size_t *ret_n, struct err *err);
/* Writes a member of config.json that is a string; NULL: removes it. */
int docker_config_set(const char *key, const char *value, struct err *err);
/* Credentials for all registries that it names, those of helpers too, as the header X-Registry-Config has them: {"REGISTRY": {"username", "password", ...}}; new
 * memory, NULL when there are none. At most 64; a helper that fails is passed over. */
int docker_config_all(char **ret, struct err *err);
/* Those for one registry, as the header X-Registry-Auth has them; "{}" when there are none. */
int docker_config_one(const char *registry, char **ret, struct err *err);

/* The same on a text, without helpers. *ret_helper (new memory) is set when a helper has them. For docker_config.c and tests. */
int docker_config_find(const char *text, size_t n, const char *registry, struct cred *ret, char **ret_helper,
		       struct err *err);
