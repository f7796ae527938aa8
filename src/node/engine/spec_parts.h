/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of spec share: members are read by one table per object, so that the list of known names and the reading cannot differ.
 */
#pragma once

#include "node/engine/spec.h"

#define SPEC_YEAR_MS (365 * 24ll * 3600 * 1000)

enum spec_kind {
	SPEC_STR,
	SPEC_INT,
	SPEC_BOOL,
	SPEC_STRV,  /* max: how many; 0 = no matter */
	SPEC_PAIRS, /* an object of strings, kept as it is; max: how many */
	SPEC_OBJ,   /* an object, kept as it is */
	SPEC_ARR,   /* a list, kept as it is; max: how many */
	SPEC_OTHER, /* read elsewhere */
};

struct spec_member {
	const char *name;
	enum spec_kind kind;
	size_t offset;
	int64_t min, max;
};

/* Reads obj by the table (it ends with a NULL name) into the struct at base; refuses what the table does not know. */
int spec_read_members(yyjson_val *obj, const struct spec_member *table, void *base, struct err *err);

/* The names of a spec's members, from 0; NULL past the last. */
const char *spec_member_at(size_t i);

/* A list of objects: new memory for `size` bytes each, zeroed, read one by one with `fn`. An error starts with "name.position". */
struct spec_list {
	const char *name;
	size_t limit, size;
	int (*fn)(const struct spec *s, yyjson_val *v, void *item, struct err *err);
};
int spec_read_list(yyjson_val *obj, const struct spec_list *l, const struct spec *s, void *ret_items, size_t *ret_n,
		   struct err *err);

/* A path in the container: absolute, not the root itself, without "..". */
int spec_check_target(const char *target, struct err *err);

/* spec_mount.c: mounts and files */
int spec_read_mounts(yyjson_val *obj, struct spec *s, struct err *err);
void spec_free_mounts(struct spec *s);

/* spec_kernel.c: devices, ulimits, sysctls, namespaces, blkio, terminal, capabilities: their form. What the kernel says to them shows at the start. */
int spec_read_kernel(yyjson_val *obj, struct spec *s, struct err *err);
void spec_free_kernel(struct spec *s);
