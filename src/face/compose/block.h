/* SPDX-License-Identifier: Apache-2.0
 *
 * block: the text of literal (|) and folded (>) YAML scalars (YAML 1.2 section 8.1).
 *
 * libfyaml 0.7.12 gives bytes that are not in the file for blocks with lines of blanks only. Its scanner finds the ends
 * of a block correctly, so only the decoding is done here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct arena;

enum block_chomp { BLOCK_CLIP, BLOCK_STRIP, BLOCK_KEEP };

struct block {
	bool folded;
	enum block_chomp chomp;
	size_t indent; /* columns of every line; 0 = those of the first line that is not blank */
};

/* Finds the header ("|", ">-", "|2+ # remark") in the text before the content, sets chomp and indent (as written, to
 * be added to the parent's by the caller; 0 = not written). `folded` must be set. False when there is none. */
bool block_header(struct block *b, const char *before, size_t n);

/* `raw` holds the lines of the content, each with its indentation and break. */
char *block_text(struct arena *a, const struct block *b, const char *raw, size_t n, size_t *ret_len);
