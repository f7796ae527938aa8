/* SPDX-License-Identifier: Apache-2.0
 *
 * shape: an object of Docker's API as a table of its members: what clients send in many ways (null, 0 and missing are the same; a command may be a
 * string or a list) becomes one way, which is what inspect shows. Pure. Members that no table names are dropped, as Docker does.
 */
#pragma once

#include "base/wire/json.h"

struct err;

enum shape_kind {
	SHAPE_STR,
	SHAPE_INT,
	SHAPE_BOOL,
	SHAPE_STRV,
	SHAPE_WORDS, /* a list of strings, or one string for a list of one */
	SHAPE_MAP,   /* of strings */
	SHAPE_SET,   /* a map whose values say nothing */
	SHAPE_LIST,  /* of objects, or of whatever its reader checks */
	SHAPE_OBJ,
};

struct shape {
	const char *name; /* NULL ends a table */
	enum shape_kind kind;
	const char *absent; /* JSON of a member that is not set; NULL = it is left out */
	const char *spec;   /* the member of the engine's spec (node/engine/spec.h) that is the same, NULL = none */
};

#define SHAPE_ENTRIES_MAX 4096

/* Adds all members of the table to `into`, from `from` (NULL or null = nothing is set). -EINVAL names the member, after `where` ("HostConfig"). */
int shape_copy(yyjson_mut_doc *d, yyjson_mut_val *into, yyjson_val *from, const struct shape *table, const char *where,
	       struct err *err);

/* Adds what is set in `from` (a copy by shape_copy) to the spec by the names of the table. 0, "", false and what is empty are not set. */
void shape_pass(yyjson_mut_doc *d, yyjson_mut_val *spec, yyjson_val *from, const struct shape *table);

bool shape_is_set(yyjson_val *v);
/* Members of a copy: "" when it is not there. */
const char *shape_text(yyjson_val *obj, const char *name);
int64_t shape_number(yyjson_val *obj, const char *name);
