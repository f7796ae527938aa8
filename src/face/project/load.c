/* SPDX-License-Identifier: Apache-2.0 */
#include "face/project/load.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/text.h"
#include "face/compose/compose_project.h"
#include "face/project/command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define JSON_MAX (32u << 20)

static void tell(const struct compose_messages *m, bool errors)
{
	for (size_t i = 0; i < m->n; i++) {
		if (errors || m->items[i].level == COMPOSE_WARNING)
			text_line(stderr, "%s", m->items[i].text);
	}
}

static char *joined(char *const *v)
{
	struct buf b = BUF_INIT;

	for (; v && *v; v++)
		buf_printf(&b, "%s%s", b.len ? "," : "", *v);
	return b.len ? buf_take(&b) : mem_strdup("");
}

static int take(struct project *p, struct compose_project *from, struct err *err)
{
	p->name = mem_take(from->name);
	p->dir = from->directory ? mem_take(from->directory) : mem_strdup("");
	p->files = joined(from->files);
	p->inactive = mem_take(from->inactive);
	if (!from->json)
		return 0;
	p->doc = json_parse(from->json, from->len, JSON_MAX, "the project", err);
	if (!p->doc)
		return -EINVAL;
	p->services = yyjson_obj_get(yyjson_doc_get_root(p->doc), "services");
	return 0;
}

static bool is_said(const struct project_globals *g)
{
	const char *env = getenv("COMPOSE_FILE");

	return (g->files && *g->files) || (env && *env);
}

struct compose_project_options load_options(const struct project_globals *g)
{
	return (struct compose_project_options){.files = g->files,
						.env_files = g->env_files,
						.directory = g->directory,
						.project = g->project,
						.profiles = g->profiles,
						.env = environ,
						.all_resources = g->all_resources,
						.contents = true};
}

void load_tell(const struct compose_messages *m, int r, struct err *err)
{
	tell(m, r < 0);
	if (r < 0 && m->n_errors > 0 && m->n_errors <= COMPOSE_ERRORS_MAX)
		err_clear(err); /* all of them are told already */
}

int load_project(struct project *p, const struct project_globals *g, const struct project_command *c, char **operands,
		 struct err *err)
{
	static char *all_profiles[] = {(char *)"*", NULL};
	struct compose_project_options o = load_options(g);
	struct compose_messages messages compose_messages_cleanup = COMPOSE_MESSAGES_INIT;
	struct compose_project found compose_project_cleanup = COMPOSE_PROJECT_INIT;
	int r;

	if (c->need == PROJECT_NONE)
		return 0;
	if (c->all_profiles && !g->profiles)
		o.profiles = all_profiles;
	if (c->need == PROJECT_FILE && operands && c->most == CLI_MANY && !c->stop)
		o.services = operands;
	r = compose_project_load(&o, &found, &messages, err);
	if (r == -ENOENT && c->need == PROJECT_NAME && !is_said(g)) {
		err_clear(err);
		r = compose_project_name(&o, &found, err);
		return r < 0 ? r : take(p, &found, err);
	}
	load_tell(&messages, r, err);
	return r < 0 ? r : take(p, &found, err);
}

void load_free(struct project *p)
{
	yyjson_doc_free(p->doc);
	mem_strv_free(p->inactive);
	free(p->name);
	free(p->dir);
	free(p->files);
}
