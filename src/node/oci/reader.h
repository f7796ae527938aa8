/* SPDX-License-Identifier: Apache-2.0
 *
 * reader: a JSON document of a known form, read into structs by tables.
 *
 * One table describes one object: the name of each member, what it must be, and where in the struct it goes. A reader knows the place
 * where it stands, so that every error starts with it ("linux.namespaces[2].type: ..."). null counts as missing, and so does an empty
 * string that stands for a name or a path: both are how other programs write "not given".
 *
 * Strings point into the document, lists stand in the pool: both must outlive the struct.
 */
#pragma once

#include "base/wire/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool;
struct err;
struct oci_config;

struct reader {
	struct pool *pool;
	struct err *err;
	struct oci_config *config; /* for what one member has to tell another */
	size_t len;		   /* of place */
	char place[256];
};

/* Reads one value into what `to` points at. */
typedef int reader_fn(struct reader *rd, yyjson_val *v, void *to);
/* The same for a member of a map. */
typedef int reader_entry_fn(struct reader *rd, const char *key, yyjson_val *v, void *to);

enum reader_kind {
	READER_STR,    /* const char * */
	READER_PATH,   /* const char *, absolute */
	READER_BOOL,   /* bool */
	READER_INT,    /* int64_t, min..max */
	READER_U32,    /* uint32_t, 0..max */
	READER_U64,    /* uint64_t */
	READER_STRV,   /* char *const *, NULL-terminated; max entries */
	READER_CUSTOM, /* fn(rd, v, base + at) */
	READER_TABLE,  /* an object of its own, read by `table` into base + at */
	READER_LIST,   /* a list of n_at elements of `size` bytes, each read by fn; max entries */
	READER_MAP,    /* the same for an object whose keys are data, with entry_fn */
	READER_REFUSE  /* -ENOTSUP unless empty: known, but not possible here */
};

struct reader_member {
	const char *name;
	enum reader_kind kind;
	bool required;
	size_t at, n_at, size;
	int64_t min, max;
	reader_fn *fn;
	reader_entry_fn *entry_fn;
	const struct reader_member *table;
};

/* Sets the error with the place in front; returns -code. */
#define reader_fail(rd, code, ...) ERR_NEGATIVE(reader_fail_at((rd), (code), __FILE__, __LINE__, __VA_ARGS__))
int reader_fail_at(struct reader *rd, int code, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* Steps into a member, a list's element, a map's entry; reader_leave() goes back to where the call found the reader. After an error nobody
 * needs to leave. */
size_t reader_enter(struct reader *rd, const char *name);
size_t reader_enter_index(struct reader *rd, size_t i);
size_t reader_enter_key(struct reader *rd, const char *key);
void reader_leave(struct reader *rd, size_t mark);

/* What can be said of a document before it is understood: no member appears twice (one program reads the first, the next the last), and no
 * string holds a NUL (it would end there for the kernel, and not for whoever checked it). */
int reader_check(struct reader *rd, yyjson_val *v);

/* Reads an object by its table into the struct at base. A member that the table does not know is ignored, unless it is one that the table
 * knows in other letters' case: some readers of JSON would take it for that. */
int reader_object(struct reader *rd, yyjson_val *v, const struct reader_member *table, void *base);

int reader_str(struct reader *rd, yyjson_val *v, const char **ret); /* as it is, also empty */
int reader_strv(struct reader *rd, yyjson_val *v, size_t max, char *const **ret);
int reader_list(struct reader *rd, yyjson_val *v, size_t max, size_t size, reader_fn *fn, void **ret, size_t *ret_n);
int reader_map(struct reader *rd, yyjson_val *v, size_t max, size_t size, reader_entry_fn *fn, void **ret,
	       size_t *ret_n);

/* A place in a list of names that ends with NULL, or -1. */
int reader_index_of(const char *const *names, const char *name);
