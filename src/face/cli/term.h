/* SPDX-License-Identifier: Apache-2.0
 *
 * term: whether a person looks, how much room there is, and which colours are welcome (none with NO_COLOR or
 * TERM=dumb).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* What the user says of escape sequences, for the whole program: never, even on a terminal; always (colours alone), even where none is. */
enum term_ansi { TERM_AUTO, TERM_NEVER, TERM_ALWAYS };
void term_set_ansi(enum term_ansi how);

bool term_is(int fd);
size_t term_width(int fd);  /* columns, 0 when fd is no terminal (= no limit) */
size_t term_height(int fd); /* lines, 0 when fd is no terminal */
/* Cursor movement works there: a terminal that is not dumb. */
bool term_can_repaint(int fd);

enum color { COLOR_NONE, COLOR_GOOD, COLOR_BAD, COLOR_BUSY, COLOR_DIM, COLOR_BOLD };
/* The escape sequence that starts the colour, or that ends any (term_plain); "" where colours are not welcome. */
const char *term_color(int fd, enum color c);
const char *term_plain(int fd);
const char *term_prefix_color(int fd, unsigned number); /* one of a few, to tell sources of logs apart */
/* The colour in which a state of a job, task, copy, try or container is shown. */
enum color term_state_color(const char *state);
