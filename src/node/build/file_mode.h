/* SPDX-License-Identifier: Apache-2.0
 *
 * file_mode: the argument of --chmod: octal ("644", "04755") or symbolic as in chmod(1) ("u=rwX,go=rX", "a+x", "g=u").
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

#define FILE_MODE_CLAUSES_MAX 32

struct file_mode_clause {
	uint8_t who;  /* bits: 4 user, 2 group, 1 others */
	char op;      /* '+', '-', '=' */
	uint8_t perm; /* bits: 4 r, 2 w, 1 x, 8 X, 16 s, 32 t */
	char copy;    /* 'u', 'g', 'o': the permissions of that class; 0 = perm */
};

struct file_mode {
	bool octal;
	mode_t mode; /* when octal */
	struct file_mode_clause clauses[FILE_MODE_CLAUSES_MAX];
	int n;
};

/* -EINVAL names the text and what is wrong with it. */
int file_mode_parse(const char *text, struct file_mode *ret, struct err *err);
/* The new permission bits (07777) of a file that has `old`. As with chmod(1), no umask: "+x" means "a+x". */
mode_t file_mode_apply(const struct file_mode *m, mode_t old, bool is_dir);
