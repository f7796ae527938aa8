/* SPDX-License-Identifier: Apache-2.0
 *
 * msg: a message of the link as JSON, and back (docs/formats/link.md). What a peer sends is believed in nothing: each kind has its members, its ranges and the
 * side that may send it; members that are not known are left alone, so that the next release may have more of them.
 */
#pragma once

#include "cluster/link/link.h"

#include <yyjson.h>

struct buf;
struct err;

#define MSG_MAX (32u << 20)
#define MSG_TEXT_MAX (MSG_MAX / 2 - (64u << 10)) /* of JSON within a message: as a string it is at most twice as long */

enum msg_side { MSG_BY_SERVER, MSG_BY_AGENT };

void msg_encode(const struct link_msg *m, struct buf *out);
/* The strings of *ret point into *ret_doc, which the caller frees. 1: a kind that this release does not know, which is no error. */
int msg_decode(const char *text, size_t n, enum msg_side by, struct link_msg *ret, yyjson_doc **ret_doc,
	       struct err *err);
