/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runtime/timing.h"

#include "base/core/err.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

enum { MARKS_MAX = 200 };

struct mark {
	int64_t at; /* ns */
	const char *what;
	int who;
};

static struct page {
	int64_t start;
	atomic_uint n;
	struct mark marks[MARKS_MAX];
} * page;

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int timing_on(struct err *err)
{
	void *p;

	if (page)
		return 0;
	p = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return err_sys(err, errno, "map a page for the timing");
	page = p;
	timing_reset();
	return 0;
}

void timing_reset(void)
{
	if (!page)
		return;
	atomic_store(&page->n, 0);
	page->start = now_ns();
}

void timing_mark(enum timing_who who, const char *what)
{
	unsigned i;

	if (!page)
		return;
	i = atomic_fetch_add(&page->n, 1);
	/* The text is at the same place in the child, which is a copy of us. */
	if (i < MARKS_MAX)
		page->marks[i] = (struct mark){.at = now_ns(), .what = what ? what : "wait", .who = (int)who};
}

static int compare(const void *a, const void *b)
{
	int64_t x = ((const struct mark *)a)->at, y = ((const struct mark *)b)->at;

	return x < y ? -1 : x > y;
}

void timing_print(FILE *out)
{
	static const char *const names[] = {[TIMING_PARENT] = "parent", [TIMING_CHILD] = "child"};
	int64_t last[] = {0, 0};
	unsigned n;

	if (!page)
		return;
	n = atomic_load(&page->n);
	n = n < MARKS_MAX ? n : MARKS_MAX;
	qsort(page->marks, n, sizeof *page->marks, compare);
	fprintf(out, "%9s %9s  %-7s %s\n", "at us", "took us", "whose", "step");
	for (unsigned i = 0; i < n; i++) {
		const struct mark *m = &page->marks[i];
		int64_t at = m->at - page->start, *since = &last[m->who == TIMING_CHILD];

		/* The child's first step begins with its birth, which is the parent's mark before it. */
		if (m->who == TIMING_CHILD && *since == 0)
			*since = i > 0 ? page->marks[i - 1].at - page->start : 0;
		fprintf(out, "%9.1f %9.1f  %-7s %s\n", (double)at / 1000, (double)(at - *since) / 1000,
			names[m->who != 0], m->what);
		*since = at;
	}
}
