/* SPDX-License-Identifier: Apache-2.0
 *
 * terminal: connects the terminal of a container in the foreground with ours. Our own terminal, if standard input is one, is raw meanwhile:
 * every key, ^C too, goes to the container.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

struct err;
struct pollfd;

#define TERMINAL_PART 4096

struct terminal {
	int master; /* of the container's terminal, made non-blocking; not owned */
	bool raw, in_ended, out_ended;
	struct termios saved;
	size_t n; /* typed, but not yet taken by the container */
	char typed[TERMINAL_PART];
};

/* Starts: raw mode and the size of our window. `t` must be ended. */
int terminal_begin(struct terminal *t, int master, struct err *err);
/* What to wait for: fills two entries. */
void terminal_poll(const struct terminal *t, struct pollfd *fds);
/* Copies what is there, both ways. */
void terminal_copy(struct terminal *t, const struct pollfd *fds);
/* Our window has another size. */
void terminal_resize(const struct terminal *t);
/* After the container's process has ended: copies what it wrote last, and restores our terminal. Does nothing for one that did not begin. */
void terminal_end(struct terminal *t);
