/* SPDX-License-Identifier: Apache-2.0
 *
 * What a monitor is asked and answers: {"re": n, ...} and, some time later, {"re": n} or {"re": n, "code": errno, "error": text}. A monitor that goes away
 * answers nothing more, which is an answer, too.
 */
#include "node/engine/container.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ASKED_MAX 64

struct engine_answer {
	struct engine_answer *next;
	uint64_t number;
	engine_done_fn fn; /* NULL = nobody waits any more */
	void *ctx;
	answer_fn inner;
	char about[65];
};

static void finish(struct container *c, struct engine_answer *a, const struct err *err)
{
	if (a->inner)
		a->inner(c, a->about, err);
	if (a->fn)
		a->fn(a->ctx, err);
	free(a);
}

int answer_ask(struct container *c, const char *request, const struct answer_to *to, struct engine_answer **ret,
	       struct err *err)
{
	struct engine_answer *a, **at = &c->answers;
	char line[128];
	size_t n = 0;
	int r;

	for (; *at; at = &(*at)->next)
		n++;
	if (n >= ASKED_MAX)
		return err_set(err, EBUSY, "the monitor of container %.12s has %zu requests to answer", c->pub.id, n);
	snprintf(line, sizeof line, "{\"re\":%" PRIu64 ",%s}\n", ++c->e->asked, request);
	r = container_tell(c, line, err);
	if (r < 0)
		return r;
	a = mem_new(struct engine_answer);
	*a = (struct engine_answer){.number = c->e->asked, .fn = to->fn, .ctx = to->ctx, .inner = to->inner};
	snprintf(a->about, sizeof a->about, "%s", to->about ? to->about : "");
	*at = a;
	if (ret)
		*ret = a;
	return 0;
}

void engine_answer_forget(struct engine_answer *a)
{
	if (a)
		a->fn = NULL;
}

bool answer_line(struct container *c, const char *line, size_t n)
{
	static const char begin[] = "{\"re\":";
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct err err = ERR_INIT;
	int64_t number = 0, code = 0;
	const char *text = NULL;
	yyjson_val *v;

	if (n < sizeof begin || memcmp(line, begin, sizeof begin - 1) != 0)
		return false;
	doc = json_parse(line, n, RECORD_MAX, "a monitor's answer", &err);
	v = doc ? yyjson_doc_get_root(doc) : NULL;
	if (!yyjson_is_obj(v) || json_get_int(v, "re", 1, INT64_MAX, &number, NULL) < 0 ||
	    json_opt_int(v, "code", 1, 4095, &code, NULL) < 0 || json_opt_str(v, "error", &text, NULL) < 0)
		return true;
	for (struct engine_answer **at = &c->answers; *at; at = &(*at)->next) {
		struct engine_answer *a = *at;

		if (a->number != (uint64_t)number)
			continue;
		*at = a->next;
		if (text)
			err_set(&err, code ? (int)code : EIO, "%s", text);
		finish(c, a, text ? &err : NULL);
		break;
	}
	return true;
}

void answer_none(struct container *c)
{
	while (c->answers) {
		struct engine_answer *a = c->answers;
		struct err err = ERR_INIT;

		c->answers = a->next;
		err_set(&err, ESRCH, "container %s has ended", c->pub.name);
		finish(c, a, &err);
	}
}

void answer_drop(struct container *c)
{
	while (c->answers) {
		struct engine_answer *a = c->answers;

		c->answers = a->next;
		free(a);
	}
}
