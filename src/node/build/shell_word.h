/* SPDX-License-Identifier: Apache-2.0
 *
 * shell_word: what the shell does to a word, as far as a Dockerfile has it: quotes, the escape character, variables, splitting at blanks.
 *
 *   $V ${V} ${V:-d} ${V-d} ${V:+a} ${V+a} ${V:?why} ${V?why} ${V#p} ${V##p} ${V%p} ${V%%p} ${V/p/r} ${V//p/r}
 *
 * In patterns '*' is any text, '?' one character, a backslash takes the meaning away from '*', '?' and itself. An unset variable is empty
 * text. Nothing here runs anything: a command substitution is plain text.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct err;

#define SHELL_WORD_MAX (1u << 20) /* bytes of a result */
#define SHELL_WORD_DEPTH 32	  /* ${A:-${B:-...}} */
#define SHELL_WORD_WORDS 10000u

/* Where the variables come from: the value, or NULL when there is no such variable. The name is not terminated. */
typedef const char *shell_word_lookup_f(void *ctx, const char *name, size_t n);
/* Told each name that was asked for and was (not) there; may be NULL. */
typedef void shell_word_used_f(void *ctx, const char *name, size_t n, bool found);

struct shell_word {
	char escape; /* '\\' or '`'; 0 = '\\' */
	shell_word_lookup_f *lookup;
	shell_word_used_f *used;
	void *ctx;
	bool raw_quotes;  /* quotes stay in the result */
	bool raw_escapes; /* escape characters stay in the result */
	bool no_quotes;	  /* quotes are ordinary characters: the text of a heredoc */
	bool keep_unset;  /* an unset variable stays as it is written */
};

/* The whole text as one word. The caller frees *ret. -EINVAL: an open quote, a bad substitution, ${V:?}; -E2BIG: a limit. */
int shell_word_expand(const struct shell_word *s, const char *text, char **ret, struct err *err);
/* Splits at blanks after expanding, quoted blanks excepted. *ret is a NULL-terminated array of the caller (mem_strv_free). */
int shell_word_split(const struct shell_word *s, const char *text, char ***ret, struct err *err);
