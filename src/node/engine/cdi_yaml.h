/* SPDX-License-Identifier: Apache-2.0
 *
 * cdi_yaml: files of devices in YAML (cdi.h), of which their makers' tools write the plain part. Read are: maps and lists by indentation, lists and maps in one
 * line ([a, b], {a: b}), words with and without quotes, whole numbers (010 is octal and 0x10 is not, as those tools have it), true, false, null, comments and "---"
 * before the first line. Everything else is refused with its line: anchors, aliases, tags, texts of several lines, a second document, the same key twice, tabs
 * as indentation. So nothing here can grow beyond what stands in the text, and the daemon needs no library of YAML (docs/DEPENDENCIES.md 3.5).
 */
#pragma once

#include <stddef.h>
#include <yyjson.h>

struct err;

#define CDI_YAML_DEPTH_MAX 32
#define CDI_YAML_NODES_MAX 50000
#define CDI_YAML_KEYS_MAX 1024 /* of one map */

/* The same as JSON, the caller's. NULL: "WHAT, line N: ..."; E2BIG over a limit, else EINVAL. `text` has a NUL behind its n bytes. */
yyjson_doc *cdi_yaml_parse(const char *text, size_t n, const char *what, struct err *err);
