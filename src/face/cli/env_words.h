/* SPDX-License-Identifier: Apache-2.0
 *
 * env_words: what --env and --env-file say.
 */
#pragma once

struct err;

/* Adds "NAME=VALUE" for each line of the files, then for each word ("NAME=VALUE", or "NAME" for ours; one that we do not have is passed over, as docker
 * does). Both may be NULL; *ret as mem_strv_add() has it. */
int env_words_read(char *const *files, char *const *words, char ***ret, struct err *err);
