/* SPDX-License-Identifier: Apache-2.0
 *
 * quoted: the text of quoted and plain YAML scalars (YAML 1.2 sections 5.7, 7.3).
 *
 * libfyaml 0.7.12 decodes both kinds wrong: 'x''''y' loses its y and leaks memory (its issue 233), and in double
 * quotes an escaped backslash before the backslash of a continued line gets a blank too many and loses the last
 * character. Its scanner finds the ends of a scalar and refuses unknown escapes correctly, so only the decoding is
 * done here.
 */
#pragma once

#include <stddef.h>

struct arena;

/* `raw` is what stands between the quotes. Returns the text, with its length in *ret_len. */
char *quoted_single(struct arena *a, const char *raw, size_t n, size_t *ret_len);
/* The same; "\0" gives a NUL byte, an escape that is none (the scanner lets none through) U+FFFD. */
char *quoted_double(struct arena *a, const char *raw, size_t n, size_t *ret_len);
/* A plain scalar: only its lines are folded. */
char *quoted_plain(struct arena *a, const char *raw, size_t n, size_t *ret_len);
