/* SPDX-License-Identifier: Apache-2.0
 *
 * build_config: the config document of an image while it is built: all fields of OCI image-spec 1.1 config.md and of docker's image config,
 * read from a base image, changed by instructions, written with sorted keys, so that equal configs are equal texts.
 *
 * Reading is for untrusted text: 4 MiB, 64 levels, numbers of entries and lengths limited (row I9). Fields that nobody here knows are dropped.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node/build/keep.h"

struct err;

#define BUILD_CONFIG_BYTES_MAX (4u << 20)
#define BUILD_CONFIG_LIST_MAX 10000u	   /* entries of any list or map */
#define BUILD_CONFIG_STRING_MAX (1u << 20) /* bytes of any string */

struct build_health {
	char **test;						 /* ["NONE"], ["CMD", ...] or ["CMD-SHELL", "..."] */
	int64_t interval, timeout, start_period, start_interval; /* nanoseconds, 0 = the default */
	int retries;						 /* 0 = the default */
};

struct build_history {
	char *created; /* RFC 3339; NULL: build_config_text() puts its own */
	const char *created_by, *author, *comment;
	bool empty_layer;
	int stage,
	    step; /* of the plan, -1 = from a base image. A step that made no layer is marked by its executor: empty_layer */
};

struct build_pair {
	char *name, *value; /* value NULL in sets (ports, volumes) */
};

struct build_config {
	char *architecture, *os, *variant, *os_version;
	char **os_features;
	char *author, *created;
	/* config */
	char *user, *working_dir, *stop_signal, *hostname, *domainname;
	char **env;				     /* NAME=VALUE, in the order of definition */
	char **entrypoint, **cmd;		     /* NULL = not set; empty = [] */
	char **shell, **on_build;		     /* NULL or a list */
	struct build_pair *labels, *ports, *volumes; /* sorted by name */
	size_t n_labels, n_ports, n_volumes;
	struct build_health *health; /* NULL = not set */
	int64_t stop_timeout;	     /* -1 = not set */
	bool args_escaped;
	/* rootfs */
	char **diff_ids; /* "sha256:<hex>", bottom first */
	struct build_history *history;
	size_t n_history;
};

/* A config without layers for a platform ("linux/arm64/v8"): what FROM scratch gives. */
struct build_config *build_config_empty(struct keep *k, const char *os, const char *architecture, const char *variant);
/* The config blob of an image. Everything lives in `k`. -EINVAL, -E2BIG. */
int build_config_read(struct keep *k, const char *text, size_t n, struct build_config **ret, struct err *err);
/* A deep enough copy: changing one by the functions below leaves the other as it is. */
struct build_config *build_config_dup(struct keep *k, const struct build_config *c);

const char *build_config_env(const struct build_config *c, const char *name); /* the value, or NULL */
void build_config_set_env(struct keep *k, struct build_config *c, const char *name, const char *value);
/* Sets are kept sorted; a label that is there gets the new value. */
void build_config_set_pair(struct keep *k, struct build_pair **pairs, size_t *n, const char *name, const char *value);
void build_config_add_history(struct keep *k, struct build_config *c, const struct build_history *h);

/* The JSON document. `diff_ids`: the layers of the finished image, bottom first (NULL = c->diff_ids). `created`: RFC 3339, for the image and the
 * history entries of this build; with `clamp`, also for those of the base image that are later (SOURCE_DATE_EPOCH). The caller frees it. */
char *build_config_text(const struct build_config *c, char *const *diff_ids, const char *created, bool clamp,
			size_t *ret_len);

/* Seconds since 1970 as RFC 3339 in UTC: "2024-01-02T03:04:05Z"; of malloc. */
char *build_config_time(int64_t seconds);
