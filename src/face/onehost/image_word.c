/* SPDX-License-Identifier: Apache-2.0 */
#include "face/onehost/image_word.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "cluster/server/server.h"
#include "face/onehost/onehost_private.h"

#include <stdio.h>
#include <string.h>

static const struct image_word *first_of(const struct image_word *words, size_t n, enum word_rank rank)
{
	for (size_t i = 0; i < n; i++) {
		if (words[i].rank == rank)
			return &words[i];
	}
	return NULL;
}

const struct image_word *image_word_choose(const struct image_word *words, size_t n, bool labelled, const char *image,
					   struct err *err)
{
	enum word_rank rank = labelled ? WORD_OF_TRUSTED : WORD_OF_ANY;
	const struct image_word *own = first_of(words, n, WORD_OF_OURS), *first = first_of(words, n, rank);

	if (own)
		return own;
	if (!first) {
		err_set(err, ENOENT, "No such image: %.300s%s", image,
			n ? " (nodes have it, but none of those labelled " WORD_LABEL "=" WORD_TRUSTED ")" : "");
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		if (words[i].rank != rank || !strcmp(words[i].id, first->id))
			continue;
		err_set(err, EEXIST,
			"node %s has the image %.300s as %.19s, node %s as %.19s: pull or load it at the server, or "
			"say whose counts "
			"(berth node label NODE " WORD_LABEL "=" WORD_TRUSTED ")",
			first->node, image, first->id, words[i].node, words[i].id);
		return NULL;
	}
	return first;
}

/* ---- labels ---- */

bool image_word_is_trusted(const char *labels)
{
	json_doc_cleanup yyjson_doc *doc = NULL;

	if (!labels || !strstr(labels, WORD_LABEL))
		return false;
	doc = yyjson_read(labels, strlen(labels), 0);
	return yyjson_equals_str(yyjson_obj_get(yyjson_doc_get_root(doc), WORD_LABEL), WORD_TRUSTED);
}

struct standing {
	struct map trusted; /* names of nodes */
	char own[WORD_NODE_MAX];
	bool labelled;
};

static void stand(void *ctx, const struct server_node *n)
{
	struct standing *s = ctx;

	if (n->here)
		snprintf(s->own, sizeof s->own, "%s", n->name);
	if (!image_word_is_trusted(n->labels))
		return;
	s->labelled = true;
	map_put(&s->trusted, n->name, s);
}

bool image_word_is_labelled(const struct onehost *h)
{
	struct standing s = {.trusted = MAP_INIT};

	server_nodes_each(h->server, stand, &s);
	map_free(&s.trusted);
	return s.labelled;
}

/* ---- answers ---- */

static bool is_id(const char *id)
{
	return id && !strncmp(id, "sha256:", 7) && strlen(id) == 7 + 64 && strspn(id + 7, "0123456789abcdef") == 64;
}

static enum word_rank rank_of(struct standing *s, const char *node)
{
	if (!strcmp(node, ONEHOST_SELF) || !strcmp(node, s->own))
		return WORD_OF_OURS;
	return map_get(&s->trusted, node) ? WORD_OF_TRUSTED : WORD_OF_ANY;
}

int image_word(const struct onehost *h, const struct answer *answers, size_t n, const char *image,
	       struct image_word *ret, struct err *err)
{
	mem_cleanup struct image_word *words = mem_new_n(struct image_word, n + 1);
	struct standing s = {.trusted = MAP_INIT};
	const struct image_word *chosen;
	size_t count = 0;

	server_nodes_each(h->server, stand, &s);
	for (size_t i = 0; i < n; i++) {
		const char *id = yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(answers[i].doc), "Id"));
		struct image_word *w = &words[count];

		if (answers[i].status != 200 || !is_id(id))
			continue;
		snprintf(w->node, sizeof w->node, "%s", answers[i].node);
		snprintf(w->id, sizeof w->id, "%s", id);
		w->rank = rank_of(&s, w->node);
		count++;
	}
	map_free(&s.trusted);
	chosen = image_word_choose(words, count, s.labelled, image, err);
	if (!chosen)
		return -err->code;
	*ret = *chosen;
	return 0;
}
