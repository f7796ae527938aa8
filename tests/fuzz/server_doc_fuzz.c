/* SPDX-License-Identifier: Apache-2.0 */
/* What comes to a server as JSON and is no job: the first line says what it is, a kind of event of the log (which a backup may bring), a calendar, what an
 * agent says of its node, or the answer of a node source's program. What is taken is written and read again, and the scheduler gets it. Needs server_dep. */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/core/program.h"
#include "cluster/server/event.h"
#include "cluster/server/fleet.h"
#include "cluster/server/node_facts.h"
#include "cluster/server/schedule.h"
#include "cluster/server/server_private.h"
#include "cluster/server/sources.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct sched *with_node(void)
{
	struct sched *s = sched_new();
	const struct sched_event up = {.type = SCHED_EV_NODE_UP,
				       .now_ms = 1,
				       .node = "n1",
				       .node_slots = 4,
				       .node_cpu_milli = 4000,
				       .node_memory = 1u << 30};
	struct sched_actions acts;

	if (sched_step(s, &up, &acts, NULL) < 0)
		abort();
	return s;
}

/* A job that is submitted has its file elsewhere. */
static int step(const struct sched_event *e, struct err *err)
{
	struct sched *s = with_node();
	struct sched_actions acts;
	int r = e->type == SCHED_EV_JOB_SUBMIT ? 0 : sched_step(s, e, &acts, err);

	if (sched_invariants(s, err) < 0)
		abort();
	sched_free(s);
	return r;
}

static void look_event(const char *kind, const char *text, size_t n)
{
	buf_cleanup struct buf first = BUF_INIT, again = BUF_INIT;
	yyjson_doc *doc = NULL, *second = NULL;
	struct err err = ERR_INIT;
	struct sched_event e, f;
	int r = event_decode(kind, text, n, 5, &e, &doc, &err);

	if (r < 0 && !err.text[0])
		abort();
	if (r != 0)
		return;
	event_encode(&e, NULL, &first);
	if (event_decode(kind, first.data, first.len, 5, &f, &second, &err) != 0)
		abort();
	event_encode(&f, NULL, &again);
	if (first.len != again.len || memcmp(first.data, again.data, first.len) != 0)
		abort();
	(void)step(&e, &err);
	yyjson_doc_free(second);
	yyjson_doc_free(doc);
}

static void look_facts(struct server *s, char *text)
{
	struct session session = {.name = "n1"};
	struct node node = {.server = s, .name = "n1", .session = &session, .facts = text};
	mem_cleanup char *facts = node_facts_text(&node, text);
	const struct sched_event e = {.type = SCHED_EV_NODE_FACTS, .now_ms = 5, .node = "n1", .facts = facts};
	struct err err = ERR_INIT;

	if (step(&e, &err) < 0)
		abort();
}

static void look_answer(const char *text, size_t n)
{
	const struct program_end end = {.output = text, .n_output = n};

	free(source_call_id(&end));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	mem_cleanup char *text = mem_strndup((const char *)data, n);
	struct sources sources = {.n = 0};
	struct server server = {.sources = &sources};
	struct err err = ERR_INIT;
	char *rest = strchr(text, '\n');
	size_t len;

	if (!rest)
		return 0;
	*rest++ = '\0';
	len = strlen(rest);
	if (!strcmp(text, "calendar"))
		(void)server_calendar_load(&server, "work", rest, len, &err);
	else if (!strcmp(text, "facts"))
		look_facts(&server, rest);
	else if (!strcmp(text, "answer"))
		look_answer(rest, len);
	else
		look_event(text, rest, len);
	server_calendar_free_all(&server);
	return 0;
}
