/* SPDX-License-Identifier: Apache-2.0
 *
 * htpasswd: a file of users, "NAME:HASH" a line, bcrypt hashes only ("htpasswd -B"): the others can be guessed too quickly. Empty lines and lines
 * that begin with '#' are skipped.
 */
#pragma once

#include <stdbool.h>

struct err;
struct htpasswd;

int htpasswd_load(const char *file, struct htpasswd **ret, struct err *err); /* the error names the line */
struct htpasswd *htpasswd_free(struct htpasswd *h);
/* What the password of `user` is checked with. A user who is not there gets somebody's, so that the check takes as long; *ret_known is false. */
const char *htpasswd_hash(const struct htpasswd *h, const char *user, bool *ret_known);
/* Slow by purpose (tens of milliseconds); from any thread. */
bool htpasswd_check(const char *hash, const char *password);
