/* SPDX-License-Identifier: Apache-2.0
 *
 * chmod_text: the mode of `COPY --chmod=`: octal ("755", "04755") or symbolic as chmod(1) ("u=rwX,go=rX", "a+x", "g=u"). Pure.
 */
#pragma once

#include <sys/types.h>

struct err;

/* -EINVAL for what is no mode. */
int chmod_text_check(const char *text, struct err *err);

/* The bits (07777) that a file with `mode` (with its type: X is about directories) gets. The text must have passed the check. */
mode_t chmod_text_apply(const char *text, mode_t mode);
