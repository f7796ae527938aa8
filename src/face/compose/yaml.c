/* SPDX-License-Identifier: Apache-2.0
 *
 * A stack of open lists and maps stands for the place in the text. A finished node goes to the one on top of the
 * stack; in a map the first of two is the key. Aliases become copies at once, so a merge key finds plain maps when
 * its map ends, and whoever refers to that map later gets it merged. Each node made or copied costs one of the
 * budget: that stops the bomb of aliases of aliases.
 */
#include "face/compose/yaml.h"

#include "base/core/map.h"
#include "face/compose/block.h"
#include "face/compose/loader.h"
#include "face/compose/merge.h"
#include "face/compose/quoted.h"
#include "face/compose/scalar.h"

#include <libfyaml.h>
#include <string.h>

struct level {
	struct node *node;
	struct node *key; /* map: the key that waits for its value */
};

struct builder {
	struct loader *l;
	const char *text; /* the whole file */
	size_t len;
	size_t done; /* offset behind the last token */
	struct level stack[YAML_DEPTH_MAX];
	size_t depth;
	struct map anchors; /* name -> struct node */
	struct node *root;
	size_t documents;
};

/* Line and column of the first byte that is no UTF-8 text, NUL included; false when there is none. */
static bool find_bad_byte(const char *text, size_t len, int *line, int *column)
{
	const char *nul = memchr(text, '\0', len);
	size_t at, upto = nul ? (size_t)(nul - text) : len;

	if (scalar_utf8(text, upto, &at) && !nul)
		return false;
	*line = *column = 1;
	for (size_t i = 0; i < at; i++) {
		*column += ((unsigned char)text[i] & 0xc0) != 0x80;
		if (text[i] == '\n') {
			(*line)++;
			*column = 1;
		}
	}
	return true;
}

static void mark_of(struct fy_event *e, int *line, int *column)
{
	const struct fy_mark *m = fy_event_start_mark(e);

	*line = m ? m->line + 1 : 0;
	*column = m ? m->column + 1 : 0;
}

static bool spend_node(struct builder *b, int line, int column)
{
	if (b->l->node_budget == 0) {
		message_place_error(b->l, line, column,
				    "the file has more than %d values once its aliases are replaced", YAML_NODES_MAX);
		return false;
	}
	b->l->node_budget--;
	return true;
}

/* "!!str" and the like tell the type; compose's !reset and !override belong to merging of several files. */
static void set_tag(struct builder *b, struct node *n, struct fy_token *tag)
{
	static const char *const known[] = {"str", "int", "float", "bool", "null", "map", "seq", "timestamp"};
	const char *full = tag ? fy_token_get_text0(tag) : NULL;
	const char *standard = "tag:yaml.org,2002:";
	size_t prefix = strlen(standard);

	if (!tag)
		return;
	if (!full)
		full = "!";
	if (strncmp(full, standard, prefix) == 0) {
		for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
			if (strcmp(full + prefix, known[i]) == 0) {
				n->plain = n->plain || (i > 0 && n->kind == NODE_SCALAR);
				if (i == 0)
					n->plain = false;
				return;
			}
		}
	}
	if (strcmp(full, "!") == 0) {
		n->plain = false;
		return;
	}
	if (b->l->merges && (strcmp(full, "!reset") == 0 || strcmp(full, "!override") == 0)) {
		n->tag = full[1] == 'r' ? NODE_RESET : NODE_OVERRIDE;
		return;
	}
	n->bad = arena_printf(&b->l->arena, "the tag %.60s is not supported", full);
	message_place_error(b->l, n->line, n->column, "%s", n->bad);
}

static void set_anchor(struct builder *b, struct node *n, struct fy_token *anchor)
{
	size_t len = 0;
	const char *name = anchor ? fy_token_get_text(anchor, &len) : NULL;

	if (name)
		map_put(&b->anchors, arena_strndup(&b->l->arena, name, len), n);
}

static bool attach(struct builder *b, struct node *n)
{
	struct level *top = b->depth ? &b->stack[b->depth - 1] : NULL;

	if (!top) {
		b->root = n;
		return true;
	}
	if (top->node->kind == NODE_LIST) {
		node_add(&b->l->arena, top->node, NULL, n);
		return true;
	}
	if (top->key) {
		node_add(&b->l->arena, top->node, top->key, n);
		top->key = NULL;
		return true;
	}
	if (n->kind != NODE_SCALAR) {
		message_place_error(b->l, n->line, n->column, "%s cannot be a key; a key is a word",
				    node_what(&b->l->arena, n));
		return false;
	}
	top->key = n;
	return true;
}

/* The columns that a block's own indentation counts from: those of the map's keys or the list's dashes. */
static size_t parent_indent(const struct builder *b)
{
	int column = b->depth ? b->stack[b->depth - 1].node->column : 1;

	return column > 0 ? (size_t)(column - 1) : 0;
}

static char *block_scalar(struct builder *b, const char *raw, size_t n, bool folded, size_t *ret_len)
{
	struct block block = {.folded = folded};
	size_t at = (size_t)(raw - b->text);

	if (!block_header(&block, b->text + b->done, at > b->done ? at - b->done : 0))
		return NULL;
	if (block.indent)
		block.indent += parent_indent(b);
	return block_text(&b->l->arena, &block, raw, n, ret_len);
}

/* The text of a scalar; NULL when its place in the file cannot be. */
static char *scalar_text(struct builder *b, struct fy_token *t, size_t *ret_len)
{
	const struct fy_mark *start = t ? fy_token_start_mark(t) : NULL, *end = t ? fy_token_end_mark(t) : NULL;
	const char *raw;
	size_t n;

	*ret_len = 0;
	if (!t)
		return arena_strndup(&b->l->arena, "", 0);
	if (!start || !end || start->input_pos > end->input_pos || end->input_pos > b->len)
		return NULL;
	raw = b->text + start->input_pos;
	n = end->input_pos - start->input_pos;
	switch (fy_scalar_token_get_style(t)) {
	case FYSS_SINGLE_QUOTED:
		return quoted_single(&b->l->arena, raw, n, ret_len);
	case FYSS_DOUBLE_QUOTED:
		return quoted_double(&b->l->arena, raw, n, ret_len);
	case FYSS_LITERAL:
		return block_scalar(b, raw, n, false, ret_len);
	case FYSS_FOLDED:
		return block_scalar(b, raw, n, true, ret_len);
	default:
		return quoted_plain(&b->l->arena, raw, n, ret_len);
	}
}

/* Where the token ends that was read last: the header of a block stands between that and its content. */
static void note_done(struct builder *b, struct fy_event *e)
{
	const struct fy_mark *m = fy_event_end_mark(e);

	if (m && m->input_pos > b->done && m->input_pos <= b->len)
		b->done = m->input_pos;
}

static bool on_scalar(struct builder *b, struct fy_event *e)
{
	struct node *n;
	size_t len;
	int line, column;

	mark_of(e, &line, &column);
	if (!spend_node(b, line, column))
		return false;
	n = node_new(&b->l->arena, NODE_SCALAR, line, column);
	n->plain = !e->scalar.value || fy_scalar_token_get_style(e->scalar.value) == FYSS_PLAIN;
	n->text = scalar_text(b, e->scalar.value, &len);
	if (!n->text) {
		message_place_error(b->l, line, column, "this text cannot be read");
		return false;
	}
	set_tag(b, n, e->scalar.tag);
	if (strlen(n->text) != len) {
		message_place_error(b->l, line, column, "the text contains a NUL character");
		return false;
	}
	set_anchor(b, n, e->scalar.anchor);
	return attach(b, n);
}

static bool on_start(struct builder *b, struct fy_event *e, enum node_kind kind)
{
	struct node *n;
	int line, column;
	bool is_map = kind == NODE_MAP;

	mark_of(e, &line, &column);
	if (b->depth == YAML_DEPTH_MAX) {
		message_place_error(b->l, line, column, "more than %d levels of lists and maps", YAML_DEPTH_MAX);
		return false;
	}
	if (!spend_node(b, line, column))
		return false;
	n = node_new(&b->l->arena, kind, line, column);
	set_tag(b, n, is_map ? e->mapping_start.tag : e->sequence_start.tag);
	set_anchor(b, n, is_map ? e->mapping_start.anchor : e->sequence_start.anchor);
	b->stack[b->depth++] = (struct level){.node = n};
	return true;
}

static bool on_end(struct builder *b)
{
	struct node *n;

	if (!b->depth)
		return false;
	n = b->stack[--b->depth].node;
	if (n->kind == NODE_MAP)
		merge_map(b->l, n);
	return attach(b, n);
}

static bool is_open(const struct builder *b, const struct node *n)
{
	for (size_t i = 0; i < b->depth; i++)
		if (b->stack[i].node == n)
			return true;
	return false;
}

static size_t depth_of(const struct node *n)
{
	size_t deepest = 0;

	for (size_t i = 0; i < n->n; i++) {
		size_t d = depth_of(n->items[i]);

		deepest = d > deepest ? d : deepest;
	}
	return deepest + 1;
}

static bool on_alias(struct builder *b, struct fy_event *e)
{
	size_t len = 0;
	const char *text = fy_token_get_text(e->alias.anchor, &len);
	char *name = arena_strndup(&b->l->arena, text ? text : "", text ? len : 0);
	struct node *target = map_get(&b->anchors, name), *copy;
	int line, column;

	mark_of(e, &line, &column);
	if (!target || is_open(b, target)) {
		message_place_error(b->l, line, column,
				    target ? "the alias *%s stands inside of what it refers to"
					   : "the alias *%s refers to nothing: there is no &%s before it",
				    name, name);
		return false;
	}
	/* the copy is counted first: it fails early when an alias bomb goes off */
	copy = node_copy(&b->l->arena, target, &b->l->node_budget);
	if (!copy)
		return spend_node(b, line, column);
	if (b->depth + depth_of(copy) > YAML_DEPTH_MAX + 1) {
		message_place_error(b->l, line, column, "more than %d levels of lists and maps", YAML_DEPTH_MAX);
		return false;
	}
	return attach(b, copy);
}

static bool on_document(struct builder *b, struct fy_event *e)
{
	int line, column;

	mark_of(e, &line, &column);
	if (++b->documents == 1)
		return true;
	message_place_error(b->l, line, column, "a second document starts here; one file holds one document");
	return false;
}

static bool on_event(struct builder *b, struct fy_event *e)
{
	switch (e->type) {
	case FYET_DOCUMENT_START:
		return on_document(b, e);
	case FYET_SCALAR:
		return on_scalar(b, e);
	case FYET_ALIAS:
		return on_alias(b, e);
	case FYET_MAPPING_START:
		return on_start(b, e, NODE_MAP);
	case FYET_SEQUENCE_START:
		return on_start(b, e, NODE_LIST);
	case FYET_MAPPING_END:
	case FYET_SEQUENCE_END:
		return on_end(b);
	default:
		return true;
	}
}

/* libfyaml's own words, with its position in our form. */
static void tell_syntax_errors(struct builder *b, struct fy_diag *diag)
{
	struct fy_diag_error *e;
	void *at = NULL;
	bool told = false;

	while ((e = fy_diag_errors_iterate(diag, &at))) {
		if (e->type != FYET_ERROR || !e->msg)
			continue;
		message_place_error(b->l, e->line, e->column, "the YAML is broken: %s", e->msg);
		told = true;
	}
	if (!told)
		message_place_error(b->l, 0, 0, "the YAML is broken");
}

static bool run_parser(struct builder *b, struct fy_parser *parser, struct fy_diag *diag)
{
	struct fy_event *e;
	bool ok = true, ended = false;

	while (ok && (e = fy_parser_parse(parser))) {
		ended = e->type == FYET_STREAM_END;
		ok = on_event(b, e);
		note_done(b, e);
		fy_parser_event_free(parser, e);
	}
	if (ok && (!ended || fy_diag_got_error(diag))) {
		tell_syntax_errors(b, diag);
		ok = false;
	}
	return ok;
}

static bool parse(struct builder *b, const char *text, size_t len)
{
	struct fy_diag_cfg diag_cfg;
	struct fy_diag *diag;
	struct fy_parser *parser = NULL;
	bool ok = false;

	fy_diag_cfg_default(&diag_cfg);
	diag_cfg.level = FYET_ERROR;
	diag_cfg.fp = NULL;
	diag = fy_diag_create(&diag_cfg);
	if (diag) {
		struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_JSON_NONE, .diag = diag};

		fy_diag_set_collect_errors(diag, true);
		parser = fy_parser_create(&cfg);
	}
	if (parser && fy_parser_set_string(parser, text, len) == 0)
		ok = run_parser(b, parser, diag);
	else
		message_place_error(b->l, 0, 0, "the YAML parser cannot start");
	if (parser)
		fy_parser_destroy(parser);
	if (diag)
		fy_diag_destroy(diag);
	return ok;
}

bool yaml_load(struct loader *l, const char *text, size_t len)
{
	struct builder b = {.l = l, .text = text, .len = len, .anchors = MAP_INIT};
	int line, column;
	bool ok;

	if (len > YAML_BYTES_MAX) {
		message_place_error(l, 0, 0, "the file has %zu bytes; a compose file may have %u (4 MiB)", len,
				    YAML_BYTES_MAX);
		return false;
	}
	if (find_bad_byte(text, len, &line, &column)) {
		message_place_error(l, line, column, "this is not UTF-8 text");
		return false;
	}
	ok = parse(&b, text, len);
	map_free(&b.anchors);
	if (!ok)
		return false;
	if (!b.root || node_is_null(b.root)) {
		message_place_error(l, 0, 0, "the file is empty; it needs services:");
		return false;
	}
	if (b.root->kind != NODE_MAP) {
		message_place_error(l, b.root->line, b.root->column, "%s stands where a map with services: is needed",
				    node_what(&l->arena, b.root));
		return false;
	}
	l->root = b.root;
	node_link(l->root);
	return true;
}
