/* SPDX-License-Identifier: Apache-2.0
 *
 * schema: every key of the Compose specification and of x-berth as data: its shape, how far this version supports it,
 * and where it has keys of its own. schema_check() tells unknown keys, wrong types, keys that come later (errors) and
 * keys without an effect (warnings). docs/formats/compose-keys.md is made from the same rows (test/compose_keys.c).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct loader;
struct node;

enum schema_support {
	SCHEMA_WORKS,
	SCHEMA_LATER,	/* an error, unless the value asks for nothing (false, empty, null) */
	SCHEMA_NOTHING, /* has no effect here: a warning; the service works the same without it */
};

/* What a value may be; alternatives are or-ed. */
enum {
	S_STR = 1,	 /* a string; a plain number or boolean is none */
	S_TEXT = 1 << 1, /* any scalar as text */
	S_INT = 1 << 2,	 /* min..max */
	S_NUM = 1 << 3,	 /* >= min */
	S_BOOL = 1 << 4,
	S_DURATION = 1 << 5,
	S_SIZE = 1 << 6,
	S_CPUS = 1 << 7,
	S_LIST = 1 << 8,   /* of `item` (NULL: of anything) */
	S_MAP = 1 << 9,	   /* with the keys of `fields` */
	S_NAMES = 1 << 10, /* any names, values as `item` (NULL: anything) */
	S_NULL = 1 << 11,  /* nothing is a value too */
	S_ANY = 1 << 12,
	S_SIGNAL = 1 << 13,
};

struct schema {
	const char *name; /* NULL ends a table */
	uint32_t shapes;
	enum schema_support support;
	const struct schema *fields; /* table */
	const struct schema *item;   /* one row */
	int64_t min, max;	     /* max 0 = no limit */
	const char *words;	     /* the strings that are allowed, separated by blanks; NULL = any */
	const char *example;	     /* "image: busybox:1.36" */
	const char *remark;	     /* for the documentation; for SCHEMA_NOTHING also in the warning */
	/* looks at a value whose shape is right */
	void (*check)(struct loader *l, const struct node *n);
};

extern const struct schema schema_top[];
extern const struct schema schema_service[];
extern const struct schema schema_deploy[];
extern const struct schema schema_build[];
extern const struct schema schema_volumes[];
extern const struct schema schema_networks[];
extern const struct schema schema_sources[];	   /* secrets and configs at the top */
extern const struct schema schema_berth_top[];	   /* x-berth at the top */
extern const struct schema schema_berth_service[]; /* x-berth of a service */
extern const struct schema schema_device;	   /* a request for GPUs */
extern const struct schema schema_item_str, schema_item_text;

/* Checks the whole file against schema_top. */
void schema_check(struct loader *l);
/* Checks one value against a row that the caller made; false when an error was told. */
bool schema_check_one(struct loader *l, const struct node *n, const struct schema *s);
/* True for a value that asks for nothing: null, false, [] or {}. */
bool schema_is_empty(const struct node *n);
