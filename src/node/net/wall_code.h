/* SPDX-License-Identifier: Apache-2.0
 *
 * wall_code: messages for nftables: a batch is begun, filled, ended and sent by nl_batch(). Inside of the wall only.
 */
#pragma once

#include "node/net/wall_rules.h"

#include <stdbool.h>

struct buf;
struct nl;

struct wall_batch {
	struct buf *b;
	uint32_t seq;
	const char *table, *owner;
	struct nl *present; /* not NULL: elements to be removed that are not there are left out, asked by this */
	size_t n_elements;
};

void wall_begin(struct wall_batch *w, struct buf *b, const char *table, const char *owner);
void wall_end(struct wall_batch *w);

/* Tables, sets, chains and rules, all empty of elements. exclusive: fails when a table is there. */
void wall_put_all(struct wall_batch *w, bool exclusive);
/* Removes both tables in a batch where they may not be there. */
void wall_put_away(struct wall_batch *w);
/* One element; data only for maps. */
void wall_put_element(struct wall_batch *w, enum wall_set_id set, const void *key, const void *data, bool add);
/* Whether it is in that table's set. */
bool wall_has_element(struct nl *nl, const char *table, enum wall_set_id set, const void *key);
/* A request about all tables of a family: a dump. */
void wall_put_question_all(struct buf *b, uint8_t family);
/* A request about a table alone: NFT_MSG_GETTABLE, with NLM_F_ACK left out. Not part of a batch. */
void wall_put_question(struct buf *b, uint8_t family, const char *table);
