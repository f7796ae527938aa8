/* SPDX-License-Identifier: Apache-2.0
 *
 * image_word: whose word counts when an image goes by its name from one node to another (docs/CLUSTER.md, "Whose image it is"). A node with a certificate may
 * say of itself what it likes; others get an image of it only by these rules, and exactly the one that it was taken for (copy.c):
 *
 *   1. what the server's own machine has counts
 *   2. when a node of the cluster is labelled WORD_LABEL=WORD_TRUSTED, what such nodes have counts, and nothing else
 *   3. otherwise what nodes have counts as long as all that were asked have the same
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct answer;
struct err;
struct onehost;

#define WORD_NODE_MAX 64
#define WORD_ID_MAX 72 /* "sha256:" and 64 digits */
#define WORD_LABEL "berth.images"
#define WORD_TRUSTED "trusted"

enum word_rank { WORD_OF_ANY, WORD_OF_TRUSTED, WORD_OF_OURS };

struct image_word {
	char node[WORD_NODE_MAX], id[WORD_ID_MAX];
	enum word_rank rank;
};

/* The one that counts among `n`, or NULL and *err: -ENOENT nobody whose word counts has it, -EEXIST they have different ones. labelled: rule 2 holds. */
const struct image_word *image_word_choose(const struct image_word *words, size_t n, bool labelled, const char *image,
					   struct err *err);
/* Of the answers to GET /images/NAME/json; what is no answer with an id is left out. */
int image_word(const struct onehost *h, const struct answer *answers, size_t n, const char *image,
	       struct image_word *ret, struct err *err);

/* Whether rule 2 holds, and whether a node with these labels (JSON, or NULL) is one of those. */
bool image_word_is_labelled(const struct onehost *h);
bool image_word_is_trusted(const char *labels);
