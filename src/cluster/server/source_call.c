/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of a source's maker: a user's program, or this one under the name SOURCE_TOOL_NAME. Both read one JSON object and print one. */
#include "base/core/err.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/core/program.h"
#include "base/wire/json.h"
#include "cluster/server/server_private.h"
#include "cluster/server/sources.h"
#include "cluster/source/source_tool.h"

#include <stdio.h>
#include <string.h>

#define OUTPUT_MAX (1u << 20)
#define ID_MAX 1024
#define OWN_PATH "/proc/self/exe"

static void add_text(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, const char *value)
{
	if (value && *value)
		yyjson_mut_obj_add_str(d, o, key, value);
}

static const char *server_address(const struct source *src)
{
	const struct server *s = src->server;

	if (src->spec->server)
		return src->spec->server;
	return src->spec->kind == SOURCE_LOCAL ? s->agents_local : s->agents_outside;
}

static void add_counters(yyjson_mut_doc *d, yyjson_mut_val *o, const struct counts *c)
{
	yyjson_mut_val *to = c->n ? yyjson_mut_obj_add_obj(d, o, "counters") : NULL;

	for (size_t k = 0; k < c->n; k++)
		yyjson_mut_obj_add_uint(d, to, c->list[k].name, c->list[k].n);
}

/* docs/SOURCES.md names each of them. */
static char *request(struct source *src, const struct machine *m, const char *verb, const char *token)
{
	const struct source_spec *spec = src->spec;
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(d);

	yyjson_mut_doc_set_root(d, o);
	yyjson_mut_obj_add_int(d, o, "version", 1);
	add_text(d, o, "verb", verb);
	add_text(d, o, "source", src->name);
	add_text(d, o, "server", server_address(src));
	add_text(d, o, "zone", spec->zone);
	if (spec->slots)
		yyjson_mut_obj_add_uint(d, o, "slots", spec->slots);
	if (spec->memory)
		yyjson_mut_obj_add_uint(d, o, "memory", spec->memory);
	add_counters(d, o, &spec->counters);
	if (m) {
		add_text(d, o, "node", m->node);
		add_text(d, o, "id", m->id);
		yyjson_mut_obj_add_uint(d, o, "index", m->index);
	}
	add_text(d, o, "token", token);
	if (spec->kind == SOURCE_LOCAL)
		add_text(d, o, "data", src->server->sources_dir);
	if (spec->kind == SOURCE_SSH && m && m->index <= mem_strv_len(spec->hosts)) {
		add_text(d, o, "host", spec->hosts[m->index - 1]);
		add_text(d, o, "identity", spec->identity);
		add_text(d, o, "known_hosts", spec->known_hosts);
		add_text(d, o, "dir", spec->dir);
		add_text(d, o, "ssh", spec->ssh);
	}
	return json_text(d, false, NULL);
}

int source_call(struct source *src, const struct machine *m, const char *verb, const char *token,
		void (*fn)(void *ctx, const struct program_end *end), void *ctx, struct program **ret, struct err *err)
{
	mem_cleanup char *text = request(src, m, verb, token);
	char **argv cleanup_with(mem_strv_freep) = NULL;
	struct program_options o = {
	    .path = OWN_PATH, .output_max = OUTPUT_MAX, .timeout_ms = src->spec->timeout_ms, .input = text};

	o.n_input = strlen(text);
	if (src->spec->kind == SOURCE_COMMAND) {
		argv = mem_strv_dup(src->spec->command);
		o.path = src->spec->command[0];
	} else {
		mem_strv_add(&argv, SOURCE_TOOL_NAME);
		mem_strv_add(&argv, source_spec_kinds[src->spec->kind]);
	}
	mem_strv_add(&argv, verb);
	o.argv = argv;
	log_info("node source %s: %s %s", src->name, verb, m ? m->node : "");
	return program_start(src->server->loop, &o, fn, ctx, ret, err);
}

char *source_call_id(const struct program_end *end)
{
	json_doc_cleanup yyjson_doc *doc = yyjson_read(end->output, end->n_output, 0);
	const char *id = yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "id"));

	return id && *id && strlen(id) <= ID_MAX ? mem_strdup(id) : NULL;
}

/* ---- what its maker has ---- */

/* The index of one of ours: "NAME-12"; 0: not ours. */
static uint32_t index_of(const struct source *src, const char *node)
{
	size_t n = strlen(src->name);
	uint32_t index = 0;

	if (!node || strncmp(node, src->name, n) != 0 || node[n] != '-' || node[n + 1] == '0')
		return 0;
	for (const char *p = node + n + 1; *p; p++) {
		if (*p < '0' || *p > '9' || index > SOURCE_NODES_MAX)
			return 0;
		index = index * 10 + (uint32_t)(*p - '0');
	}
	return index <= SOURCE_NODES_MAX ? index : 0;
}

static void on_list(void *ctx, const struct program_end *end)
{
	struct source *src = ctx;
	json_doc_cleanup yyjson_doc *doc = yyjson_read(end->output, end->n_output, 0);
	char why[PROGRAM_ERRORS_MAX + 256];
	yyjson_val *o;
	size_t i, n;

	src->list = NULL;
	program_end_text(end, src->spec->timeout_ms, why, sizeof why);
	if (*why || !yyjson_is_arr(yyjson_doc_get_root(doc))) {
		log_warning("node source %s: list: %s", src->name, *why ? why : "a JSON list is needed");
		return;
	}
	yyjson_arr_foreach (yyjson_doc_get_root(doc), i, n, o) {
		uint32_t index = index_of(src, yyjson_get_str(yyjson_obj_get(o, "node")));

		if (index && !machine_at(src, index))
			machine_orphan(src, index, yyjson_get_str(yyjson_obj_get(o, "id")));
	}
	sources_touch(src->server);
}

void source_list(struct source *src)
{
	struct err err = ERR_INIT;

	if (src->spec->kind != SOURCE_COMMAND || src->list)
		return;
	if (source_call(src, NULL, "list", NULL, on_list, src, &src->list, &err) < 0)
		log_err(&err, "ask a node source what it has");
}
