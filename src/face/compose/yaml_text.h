/* SPDX-License-Identifier: Apache-2.0
 *
 * yaml_text: a JSON value as YAML. Stable: equal values give equal text. Texts stand without quotes when every YAML
 * parser (1.1, 1.2) reads them as the same text, of several lines as literal blocks, else in double quotes.
 */
#pragma once

struct buf;
struct yyjson_val;

/* Ends with a line break. A full buf (buf.full) says that it was too long. */
void yaml_text(struct yyjson_val *root, struct buf *out);
