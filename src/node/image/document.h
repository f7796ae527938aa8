/* SPDX-License-Identifier: Apache-2.0
 *
 * document: members of JSON documents that come from somebody else. JSON allows a key twice, strings with a NUL, and numbers of any size,
 * and two readers may then see two different images (attack class "manifest ambiguity"); these readers refuse all of that.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/wire/json.h"

struct err;

#define DOCUMENT_KEYS_MAX 256u	    /* of one object */
#define DOCUMENT_MAP_MAX 2048u	    /* of one whose keys are data */
#define DOCUMENT_STRINGS_MAX 4096u  /* of one list */
#define DOCUMENT_STRING_MAX 131072u /* of one string: what execve(2) takes (MAX_ARG_STRLEN) */

/* `obj` is an object without a key twice. Names that differ in case alone are one name to readers written in Go, so for them they are twice. */
int document_keys(yyjson_val *obj, const char *what, struct err *err);
/* The same for an object whose keys are data (labels, annotations): case matters. */
int document_map(yyjson_val *obj, const char *what, struct err *err);

/* Keep *ret when the key is missing or null; the string is the document's. */
int document_text(yyjson_val *obj, const char *key, size_t limit, const char **ret, struct err *err);
/* A list of strings, new memory of the caller; for "Env" each is NAME=value. */
int document_list(yyjson_val *obj, const char *key, char ***ret, struct err *err);
/* An object of strings as a list of "key=value", new memory of the caller. */
int document_pairs(yyjson_val *obj, const char *key, char ***ret, struct err *err);
/* Must be there: "sha256:" and 64 lower-case digits; *ret points to the digits. */
int document_digest(yyjson_val *obj, const char *key, const char **ret, struct err *err);
