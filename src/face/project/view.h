/* SPDX-License-Identifier: Apache-2.0
 *
 * view: what is being done, on stderr: a table that is repainted on a terminal, plain lines elsewhere.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct view;

enum view_state { VIEW_BUSY, VIEW_DONE, VIEW_FAILED };

enum view_how { VIEW_AUTO, VIEW_PLAIN, VIEW_QUIET };
struct view *view_new(enum view_how how);
/* What is on the terminal stays there; later lines begin a new table. */
void view_settle(struct view *v);
struct view *view_free(struct view *v);

void view_line(struct view *v, const char *subject, const char *what, enum view_state state);
void view_warn(struct view *v, const char *text);
