/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/server/probe.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "cluster/link/link.h"
#include "cluster/server/bring.h"
#include "cluster/server/fleet.h"
#include "cluster/server/jobspec_probe.h"
#include "cluster/server/server_private.h"

#include <stdio.h>
#include <string.h>

static struct ingest answer(const char *name, const char *node, enum sched_fit fit, const char *text)
{
	return (struct ingest){
	    .event = {.type = SCHED_EV_PROBED, .probe = name, .node = node, .fit = fit, .error = text}, .keep = true};
}

static void tell(struct server *s, const char *name, const char *node, enum sched_fit fit, const char *text)
{
	struct ingest in = answer(name, node, fit, text);

	ingest(s, &in);
}

void probe_go(struct server *s, const char *name, const char *job, uint32_t task, const char *node,
	      const struct err *error)
{
	const struct jobspec *j = job ? map_get(&s->jobs, job) : NULL;
	struct link_msg m = {.type = LINK_PROBE, .text2 = name};
	mem_cleanup char *text = NULL;

	if (error) {
		tell(s, name, node, SCHED_FIT_NO, error->text);
		return;
	}
	if (j && task < j->sched.n_tasks)
		text = jobspec_probe_container(yyjson_arr_get(j->services, task), &m.timeout_ms);
	if (!text) {
		tell(s, name, node, SCHED_FIT_UNKNOWN, NULL);
		return;
	}
	m.text = text;
	fleet_send(s, node, &m);
}

void probe_ask(struct server *s, const char *name, const char *job, uint32_t task, const char *node)
{
	const struct jobspec *j = job ? map_get(&s->jobs, job) : NULL;
	struct bring_probe wait = {.task = task};

	if (!fleet_spaces(s, node))
		return; /* it says HELLO first, and is asked then */
	if (j && task < j->sched.n_tasks) {
		snprintf(wait.name, sizeof wait.name, "%s", name);
		snprintf(wait.job, sizeof wait.job, "%s", job);
		if (bring_waits_probe(s, &wait, node, j->tasks[task].image))
			return;
	}
	probe_go(s, name, job, task, node, NULL);
}

struct asked {
	const char *name;
	bool found;
};

static int is_asked(void *ctx, const char *probe, const char *job, uint32_t task)
{
	struct asked *a = ctx;

	(void)job;
	(void)task;
	a->found |= !strcmp(probe, a->name);
	return a->found;
}

/* What nobody has asked goes into no log. */
void probe_answered(struct session *x, const struct link_msg *m)
{
	struct asked a = {.name = m->text};
	struct ingest in;
	mem_cleanup char *text = event_words(m->text2 ? m->text2 : "", SCHED_PROBE_TEXT_MAX - 1);

	for (char *p = text; *p; p++) {
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
	}
	sched_probing(x->server->sched, x->node->name, is_asked, &a);
	in = answer(m->text, x->node->name, m->flag ? SCHED_FIT_YES : SCHED_FIT_NO, m->flag ? NULL : text);
	if (a.found)
		ingest_told(x->node, &in);
}

struct at {
	struct server *server;
	const char *node;
};

static int again(void *ctx, const char *probe, const char *job, uint32_t task)
{
	const struct at *at = ctx;

	probe_ask(at->server, probe, job, task, at->node);
	return 0;
}

void probe_again(struct server *s, const char *node)
{
	struct at at = {.server = s, .node = node};

	sched_probing(s->sched, node, again, &at);
}
