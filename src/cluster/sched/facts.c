/* SPDX-License-Identifier: Apache-2.0
 *
 * facts: what a node says of itself and what people have labelled it with: lines of a name, a blank and a value, in any order.
 */
#include "cluster/sched/where.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "cluster/sched/sched.h"

#include <stdlib.h>
#include <string.h>

static int fact_compare(const void *a, const void *b)
{
	return strcmp(((const struct fact *)a)->name, ((const struct fact *)b)->name);
}

void sched_facts_free(struct facts *f)
{
	free(f->raw);
	free(f->text);
	free(f->list);
	*f = (struct facts){.raw = NULL};
}

static int add_line(struct facts *f, char *line, struct err *err)
{
	char *blank = strchr(line, ' ');

	if (!blank || blank == line || f->n >= SCHED_FACTS_MAX)
		return err_set(err, EINVAL,
			       "facts of a node: \"%.80s\" is no name and value, or there are more than %d", line,
			       SCHED_FACTS_MAX);
	*blank = '\0';
	mem_grow(&f->list, &f->cap, f->n);
	f->list[f->n++] = (struct fact){.name = line, .value = blank + 1};
	return 0;
}

int sched_facts_parse(const char *raw, struct facts *ret, struct err *err)
{
	struct facts f = {.raw = mem_strdup(raw), .text = mem_strdup(raw)};
	char *next = f.text;
	int r = 0;

	if (strlen(raw) > SCHED_FACTS_TEXT_MAX)
		r = err_set(err, EINVAL, "facts of a node: more than %d bytes", SCHED_FACTS_TEXT_MAX);
	for (char *line; r == 0 && (line = strsep(&next, "\n"));) {
		if (*line)
			r = add_line(&f, line, err);
	}
	if (r < 0) {
		sched_facts_free(&f);
		return r;
	}
	if (f.n)
		qsort(f.list, f.n, sizeof *f.list, fact_compare);
	*ret = f;
	return 0;
}

const char *sched_facts_get(const struct facts *f, const char *name)
{
	struct fact key = {.name = name};
	const struct fact *found = f->n ? bsearch(&key, f->list, f->n, sizeof key, fact_compare) : NULL;

	return found ? found->value : NULL;
}
