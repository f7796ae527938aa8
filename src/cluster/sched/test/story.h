/* SPDX-License-Identifier: Apache-2.0
 *
 * story: plays a story, a text of events, against the scheduler and writes down what it did.
 *
 * A line that starts with '>' (an action) or '=' (an answer) is output, a line that starts with '#' or is empty is
 * copied, every other line is an event or a question (the table in story.c). The transcript repeats the events
 * with the output below each, so that a right story is equal to its own transcript. After each event the
 * invariants are checked and the state goes through save and load: a difference is written into the transcript as
 * "! ...".
 */
#pragma once

#include "cluster/sched/sched.h"

/* The transcript, the caller frees. ret_state, when not NULL, gets the state at the end (sched_free). */
char *story_play(const char *text, struct sched **ret_state);
