/* SPDX-License-Identifier: Apache-2.0
 *
 * template: --format of lists, events and figures, in the words that docker's users know: a text with {{.Name}} in it. Pure.
 *
 * Between the braces stands a member of the row (".Names", ".Actor.ID", "." is all of it), after one of `json`, `upper`, `lower` and `len` if wanted, or a text in
 * quotes. Outside of them \t and \n are a tab and a new line. "json" alone is a JSON object a row; what begins with "table " gets columns, at each tab, and
 * titles.
 */
#pragma once

#include <yyjson.h>

struct buf;
struct err;

/* Adds what one row, an object, is by the template, without a new line at the end. -EINVAL: what it does not know; a member that a row does not have is an
 * error, too. */
int template_add(struct buf *out, const char *format, yyjson_val *row, struct err *err);

/* Prints a list of rows on stdout, one a line. `rows`: an array of objects. */
int template_print(const char *format, yyjson_val *rows, struct err *err);
