/* SPDX-License-Identifier: Apache-2.0
 *
 * json: the thin face of yyjson. Reading is checked: a document has a size and a depth limit, and each json_get_* says which key of
 * what was missing or of the wrong type. Writing goes through yyjson's mutable documents directly.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yyjson.h>

struct err;
struct buf;

#define JSON_DEPTH_MAX 64

/* yyjson's own counts on from NULL when there is no object. */
#undef yyjson_obj_foreach
#define yyjson_obj_foreach(obj, idx, max, key, val)                                                                    \
	for ((idx) = 0, (max) = yyjson_obj_size(obj), (key) = (max) > 0 ? unsafe_yyjson_get_first(obj) : NULL,         \
	    (val) = (key) ? (key) + 1 : NULL;                                                                          \
	     (idx) < (max); (idx)++, (key) = unsafe_yyjson_get_next(val), (val) = (key) + 1)

#define json_doc_cleanup __attribute__((cleanup(json_doc_freep)))
#define json_mut_cleanup __attribute__((cleanup(json_mut_freep)))
static inline void json_doc_freep(yyjson_doc **doc)
{
	yyjson_doc_free(*doc);
}
static inline void json_mut_freep(yyjson_mut_doc **doc)
{
	yyjson_mut_doc_free(*doc);
}

/* Parses `n` bytes of strict JSON. `what` names the document in the error, which tells line and column. Returns NULL with *err set
 * (EINVAL; E2BIG past JSON_DEPTH_MAX or `limit` bytes). The text need not outlive the call. */
yyjson_doc *json_parse(const char *text, size_t n, size_t limit, const char *what, struct err *err);
/* As json_parse, for a document that is kept: without the room for more values than it has, which is up to twice what they take. */
yyjson_doc *json_parse_kept(const char *text, size_t n, size_t limit, const char *what, struct err *err);

/* Members whose names differ from one of these (NULL-terminated) only in capitals get that name, where it is not there
 * itself: Go's decoders take them, and clients of an API that is written in Go rely on that. */
void json_fold(yyjson_val *obj, const char *const *names);
/* The same for one name: its member, or NULL. */
yyjson_val *json_member(yyjson_val *obj, const char *name);

/* Typed members of an object. `obj` must be an object. A missing key: -ENOENT; null counts as missing; a wrong type or range: -EINVAL.
 * Both set *err ("image: a string is needed, not a number"). */
int json_get_str(yyjson_val *obj, const char *key, const char **ret, struct err *err);
int json_get_int(yyjson_val *obj, const char *key, int64_t min, int64_t max, int64_t *ret, struct err *err);
int json_get_i32(yyjson_val *obj, const char *key, int32_t *ret, struct err *err);
int json_get_u32(yyjson_val *obj, const char *key, uint32_t *ret, struct err *err);
int json_get_u64(yyjson_val *obj, const char *key, uint64_t *ret, struct err *err); /* up to INT64_MAX */
int json_get_num(yyjson_val *obj, const char *key, double *ret, struct err *err);
int json_get_bool(yyjson_val *obj, const char *key, bool *ret, struct err *err);
int json_get_arr(yyjson_val *obj, const char *key, yyjson_val **ret, struct err *err);
int json_get_obj(yyjson_val *obj, const char *key, yyjson_val **ret, struct err *err);
/* A list of strings, as a NULL-terminated array that the caller frees (mem_strv_free). */
int json_get_strv(yyjson_val *obj, const char *key, char ***ret, struct err *err);

/* The same with a default for a missing key: 0 or -EINVAL. The variable keeps its value when the key is missing. */
int json_opt_str(yyjson_val *obj, const char *key, const char **inout, struct err *err);
int json_opt_int(yyjson_val *obj, const char *key, int64_t min, int64_t max, int64_t *inout, struct err *err);
int json_opt_num(yyjson_val *obj, const char *key, double *inout, struct err *err);
int json_opt_bool(yyjson_val *obj, const char *key, bool *inout, struct err *err);
int json_opt_strv(yyjson_val *obj, const char *key, char ***inout, struct err *err);

/* Serialises without white space (or pretty, two blanks) into new memory of the caller. Never fails but for memory. */
char *json_text(yyjson_mut_doc *doc, bool pretty, size_t *ret_len);

/* Adds `s` as a JSON string with its quotes; invalid UTF-8 bytes become U+FFFD. */
void json_quote(struct buf *out, const char *s, size_t n);

/* A list of strings added to a mutable object (copies). NULL adds nothing. */
void json_add_strv(yyjson_mut_doc *doc, yyjson_mut_val *obj, const char *key, char *const *v);
