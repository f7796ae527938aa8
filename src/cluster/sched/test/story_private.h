/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of a story share: story.c plays it, story_submit.c reads its jobs.
 */
#pragma once

#include "base/core/buf.h"
#include "base/core/counts.h"
#include "cluster/sched/sched.h"

struct story {
	struct sched *s;
	struct buf out;
	int64_t now_ms;
	char *words[32];
	size_t n_words;
};

void story_say(struct story *st, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void story_step(struct story *st, struct sched_event *e);		   /* now; says what it brings */
void story_counts(struct story *st, const char *list, struct counts *ret); /* "gpu:2,scratch:4" */
int64_t story_ms(const char *text);					   /* "5ms", "1.5h", "3s" */
/* A line "submit NAME KEY=VALUE ...: TASKS", which is cut up. */
void story_submit(struct story *st, char *line);
