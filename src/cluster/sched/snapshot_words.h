/* SPDX-License-Identifier: Apache-2.0
 *
 * snapshot_words: reads the words of a snapshot, for snapshot_load.c and snapshot_draft.c. The first error sticks; after it all words read as
 * nothing.
 */
#pragma once

#include "cluster/sched/state.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX (4 * SCHED_FACTS_TEXT_MAX)

struct reader {
	const char *p, *line_end, *end;
	uint64_t version;
	uint64_t line;
	bool bad;
	struct err *err;
};

static inline void fail(struct reader *r, const char *what)
{
	if (!r->bad)
		err_set(r->err, EINVAL, "snapshot, line %" PRIu64 ": %s", r->line, what);
	r->bad = true;
}

/* ---- words ---- */

/* Goes to the next line. */
static inline void next_line(struct reader *r)
{
	const char *nl;

	if (r->bad)
		return;
	if (r->line && r->p != r->line_end) {
		fail(r, "more words than expected");
		return;
	}
	r->p = r->line ? r->line_end + 1 : r->p;
	nl = r->p < r->end ? memchr(r->p, '\n', (size_t)(r->end - r->p)) : NULL;
	r->line++;
	if (!nl)
		fail(r, "the text ends too early");
	else
		r->line_end = nl;
}

/* The next word, up to a blank or the end of the line; not terminated. */
static inline const char *word(struct reader *r, size_t *ret_n)
{
	const char *start = r->p, *blank;

	*ret_n = 0;
	if (r->bad)
		return NULL;
	blank = memchr(start, ' ', (size_t)(r->line_end - start));
	*ret_n = (size_t)((blank ? blank : r->line_end) - start);
	r->p = blank ? blank + 1 : r->line_end;
	if (*ret_n == 0 || *ret_n > WORD_MAX || (blank && r->p == r->line_end)) {
		fail(r, "a word is missing or too long");
		return NULL;
	}
	return start;
}

static inline bool is_word(struct reader *r, const char *want)
{
	const char *blank;
	size_t n;

	if (r->bad)
		return false;
	blank = memchr(r->p, ' ', (size_t)(r->line_end - r->p));
	n = (size_t)((blank ? blank : r->line_end) - r->p);
	return n == strlen(want) && !memcmp(r->p, want, n);
}

static inline void keyword(struct reader *r, const char *want)
{
	size_t n;

	next_line(r);
	if (!r->bad && !is_word(r, want))
		fail(r, "another line was expected here");
	(void)word(r, &n);
}

/* True when the next line begins with that word; then it is the line that is read. */
static inline bool optional(struct reader *r, const char *want)
{
	const char *next = r->line_end + 1;
	size_t n = strlen(want);

	if (r->bad || r->p != r->line_end || next >= r->end || (size_t)(r->end - next) <= n ||
	    memcmp(next, want, n) != 0 || next[n] != ' ')
		return false;
	keyword(r, want);
	return true;
}

static inline uint64_t number(struct reader *r, uint64_t max)
{
	uint64_t value = 0;
	size_t n;
	const char *w = word(r, &n);

	for (size_t k = 0; w && k < n; k++) {
		if (w[k] < '0' || w[k] > '9' || __builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(w[k] - '0'), &value) || value > max) {
			fail(r, "a whole number is wrong or out of range");
			return 0;
		}
	}
	return value;
}

static inline int64_t whole(struct reader *r, int64_t min, int64_t max)
{
	bool minus = !r->bad && r->p < r->line_end && *r->p == '-';
	uint64_t value;

	if (minus)
		r->p++;
	value = number(r, INT64_MAX);
	if (r->bad || (minus ? -(int64_t)value : (int64_t)value) < min ||
	    (minus ? -(int64_t)value : (int64_t)value) > max) {
		fail(r, "a number is out of range");
		return 0;
	}
	return minus ? -(int64_t)value : (int64_t)value;
}

static inline uint32_t number32(struct reader *r)
{
	return (uint32_t)number(r, UINT32_MAX);
}

static inline bool flag(struct reader *r)
{
	return number(r, 1) != 0;
}

static inline int64_t time_ms(struct reader *r)
{
	return whole(r, 0, INT64_MAX);
}

static inline double real(struct reader *r)
{
	char text[40], *end;
	size_t n;
	const char *w = word(r, &n);
	double value;

	if (!w || n >= sizeof text) {
		fail(r, "a number is wrong");
		return 0;
	}
	memcpy(text, w, n);
	text[n] = 0;
	value = strtod(text, &end);
	if (*end)
		fail(r, "a number is wrong");
	return value;
}

static inline int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The text that add_text() wrote; NULL for "-" and after an error. */
static inline char *text(struct reader *r)
{
	size_t n, len = 0;
	const char *w = word(r, &n);
	char *out;

	if (!w || (n == 1 && *w == '-'))
		return NULL;
	out = mem_new_n(char, n + 1);
	for (size_t k = 0; k < n && !(n == 1 && *w == '%'); k++) {
		int hi = k + 2 < n ? hex_digit(w[k + 1]) : -1, lo = k + 2 < n ? hex_digit(w[k + 2]) : -1;

		if (w[k] != '%') {
			out[len++] = w[k];
		} else if (hi < 0 || lo < 0 || hi + lo == 0) {
			fail(r, "a text is wrong");
			break;
		} else {
			out[len++] = (char)(unsigned char)(hi * 16 + lo);
			k += 2;
		}
	}
	return out;
}

static inline uint8_t task_state(struct reader *r)
{
	for (unsigned s = 0; s <= SCHED_TASK_ABORTED; s++) {
		size_t n;

		if (is_word(r, sched_task_state_name((enum sched_task_state)s))) {
			(void)word(r, &n);
			return (uint8_t)s;
		}
	}
	fail(r, "unknown state of a task");
	return SCHED_TASK_WAITING;
}

static inline uint8_t job_state(struct reader *r)
{
	for (unsigned s = 0; s <= SCHED_JOB_FAILED; s++) {
		size_t n;

		if (is_word(r, sched_job_state_name((enum sched_job_state)s))) {
			(void)word(r, &n);
			return (uint8_t)s;
		}
	}
	fail(r, "unknown state of a job");
	return SCHED_JOB_PENDING;
}
