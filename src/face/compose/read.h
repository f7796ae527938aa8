/* SPDX-License-Identifier: Apache-2.0
 *
 * read: values of a map whose shapes schema_check() has judged. A missing, null or wrong value (told already) leaves
 * the default.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct loader;
struct node;
struct strings;

const char *read_str(const struct node *map, const char *key, const char *otherwise);
int64_t read_int(const struct node *map, const char *key, int64_t otherwise);
double read_num(const struct node *map, const char *key, double otherwise);
bool read_bool(const struct node *map, const char *key, bool otherwise);
int64_t read_duration(const struct node *map, const char *key, int64_t otherwise);
int64_t read_size(const struct node *map, const char *key, int64_t otherwise);
int64_t read_cpus(const struct node *map, const char *key, int64_t otherwise);
/* A file mode: 0440 (octal as in YAML 1.1), "440" (a string is octal), 292. Plain decimal: as it is, with a warning. */
int64_t read_mode(struct loader *l, const struct node *map, const char *key, int64_t otherwise);
/* A list or a map, or NULL when it is missing or something else. */
const struct node *read_list(const struct node *map, const char *key);
const struct node *read_map(const struct node *map, const char *key);
/* A string as a list of one, or a list of strings. */
void read_strings(struct loader *l, const struct node *map, const char *key, struct strings *ret);
