/* SPDX-License-Identifier: Apache-2.0
 *
 * model: the canonical Compose project as data: every key of the Compose specification with its type, in the order in
 * which it is written. canon.h makes the short forms long, unite.h merges files, project_json.h writes it; all by these
 * rows. (schema.h says what jobs support, which is another question.)
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct node;

enum model_type {
	MODEL_STR,
	MODEL_TEXT, /* any scalar, written as a string */
	MODEL_BOOL,
	MODEL_INT,
	MODEL_FLOAT,
	MODEL_SIZE,
	MODEL_DURATION,
	MODEL_COUNT, /* a whole number or "all" */
	MODEL_MODE,
	MODEL_RAW_MODE, /* written as a number */
	MODEL_RESTART,
	MODEL_COMMAND,	/* a string becomes words */
	MODEL_TEST,	/* a string is for the shell */
	MODEL_STRINGS,	/* a string or a list */
	MODEL_ENV,	/* KEY=VALUE list or map; a key alone has the value null */
	MODEL_MAP,	/* the same; a key alone has an empty value */
	MODEL_KEYS,	/* as MODEL_ENV, written as a list */
	MODEL_LISTS,	/* map of lists; a text is a list of one */
	MODEL_HOSTS,	/* "NAME=ADDRESS" list or map */
	MODEL_OBJECT,	/* keys of `fields`; a string is the value of the first field that has MODEL_SHORT */
	MODEL_OBJECTS,	/* list of them */
	MODEL_NAMED,	/* map of names to them; a list names empty ones */
	MODEL_EXTERNAL, /* a boolean, or {name: ...} */
	MODEL_ULIMITS,	/* numbers or {soft, hard} by name */
	MODEL_ANY,
	MODEL_TYPES
};

enum {
	MODEL_KEEP = 1,	    /* an empty value is written, too */
	MODEL_NULL = 2,	    /* written as null when it is missing */
	MODEL_SET = 4,	    /* list: one entry for each text before "=", the last wins in the place of the first */
	MODEL_REPLACE = 8,  /* a later file replaces the value instead of adding to it */
	MODEL_SHORT = 16,   /* the one key that a string in place of the object stands for */
	MODEL_PATH = 32,    /* a path: becomes absolute */
	MODEL_NEEDED = 64,  /* must be there */
	MODEL_UNITE = 128,  /* list: entries that are the same are united */
	MODEL_ALWAYS = 256, /* object: is written when it is missing, too */
	MODEL_NAMES = 512,  /* named: the names become parts of those of containers, networks and volumes */
};

struct loader;
struct model {
	const char *name; /* NULL ends a table */
	enum model_type type;
	uint16_t flags;
	const struct model *fields;
	const char *words;
	int64_t min, max; /* of integers; max 0 = no limit */
	/* makes the short form of the whole value long, in place */
	void (*expand)(struct loader *l, struct node *n);
	/* what makes an entry of a list the same as another, in arena memory; NULL = nothing does */
	const char *(*identity)(struct loader *l, const struct node *n);
	/* the values of two files; NULL = by type. */
	void (*unite)(struct loader *l, struct node *base, struct node *over, const struct model *m);
};

extern const struct model model_top[], model_service[], model_build[], model_deploy[];
extern const struct model model_ulimit[];

/* The row of a key, or NULL. */
const struct model *model_find(const struct model *table, const char *name);
