/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/term.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static enum term_ansi ansi;

void term_set_ansi(enum term_ansi how)
{
	ansi = how;
}

bool term_is(int fd)
{
	return isatty(fd) == 1;
}

static struct winsize size_of(int fd)
{
	struct winsize w = {.ws_col = 0};

	if (!term_is(fd))
		return (struct winsize){.ws_col = 0};
	if (ioctl(fd, TIOCGWINSZ, &w) < 0 || w.ws_col == 0)
		w = (struct winsize){.ws_col = 80, .ws_row = 24};
	if (w.ws_row == 0)
		w.ws_row = 24;
	return w;
}

size_t term_width(int fd)
{
	return size_of(fd).ws_col;
}

size_t term_height(int fd)
{
	return size_of(fd).ws_row;
}

bool term_can_repaint(int fd)
{
	const char *term = getenv("TERM");

	return ansi != TERM_NEVER && term_is(fd) && !(term && strcmp(term, "dumb") == 0);
}

static bool color_welcome(int fd)
{
	const char *no = getenv("NO_COLOR");

	if (ansi != TERM_AUTO)
		return ansi == TERM_ALWAYS;
	return term_can_repaint(fd) && !(no && *no);
}

const char *term_color(int fd, enum color c)
{
	static const char *const codes[] = {
	    [COLOR_NONE] = "",	       [COLOR_GOOD] = "\033[32m", [COLOR_BAD] = "\033[31m",
	    [COLOR_BUSY] = "\033[36m", [COLOR_DIM] = "\033[2m",	  [COLOR_BOLD] = "\033[1m",
	};

	return color_welcome(fd) ? codes[c] : "";
}

const char *term_plain(int fd)
{
	return color_welcome(fd) ? "\033[0m" : "";
}

const char *term_prefix_color(int fd, unsigned number)
{
	static const char *const codes[] = {"\033[36m", "\033[33m", "\033[32m", "\033[35m", "\033[34m", "\033[96m"};

	return color_welcome(fd) ? codes[number % (sizeof codes / sizeof codes[0])] : "";
}

enum color term_state_color(const char *state)
{
	static const struct {
		const char *state;
		enum color color;
	} colors[] = {
	    {"finished", COLOR_GOOD}, {"running", COLOR_BUSY}, {"starting", COLOR_BUSY}, {"failed", COLOR_BAD},
	    {"faulty", COLOR_BAD},    {"in_error", COLOR_BAD}, {"aborted", COLOR_BAD},	 {"canceled", COLOR_BAD},
	    {"skipped", COLOR_DIM},   {"waiting", COLOR_DIM},  {"pending", COLOR_DIM},
	};

	for (size_t i = 0; i < sizeof colors / sizeof colors[0]; i++) {
		if (strcmp(colors[i].state, state) == 0)
			return colors[i].color;
	}
	return COLOR_NONE;
}
