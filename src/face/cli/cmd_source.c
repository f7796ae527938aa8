/* SPDX-License-Identifier: Apache-2.0
 *
 * source add|ls|inspect|pause|resume|rm
 */
#include "face/cli/command.h"

#include "base/core/buf.h"
#include "base/core/counts.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/show.h"
#include "face/cli/table.h"
#include "face/cli/text.h"
#include "face/cli/things.h"
#include "face/compose/yaml_json.h"

#include <inttypes.h>
#include <string.h>

#define SOURCES "/v1/sources"
#define UNSET UINT64_MAX

/* ---- add ---- */

struct add_values {
	const char *file, *kind, *zone, *price, *server, *policy;
	char **hosts, **nodes, **command, **counters;
	uint64_t min, max, slots, memory, count, idle_ms, order;
	bool replace;
};
static const struct add_values add_defaults = {
    .min = UNSET, .max = UNSET, .slots = UNSET, .memory = UNSET, .count = UNSET, .idle_ms = UNSET, .order = UNSET};
static const struct option_spec add_options[] = {
    {"file", 'f', OPTION_TEXT, offsetof(struct add_values, file), "FILE",
     "a YAML file (- for standard input); the other options win over it"},
    {"replace", 0, OPTION_FLAG, offsetof(struct add_values, replace), NULL, "change the one of that name"},
    {"kind", 0, OPTION_TEXT, offsetof(struct add_values, kind), "KIND", "static, local, ssh or command"},
    {"min", 0, OPTION_COUNT, offsetof(struct add_values, min), "N", "nodes that are always there"},
    {"max", 0, OPTION_COUNT, offsetof(struct add_values, max), "N", "nodes at the most"},
    {"slots", 0, OPTION_COUNT, offsetof(struct add_values, slots), "N", "of each node"},
    {"memory", 0, OPTION_SIZE, offsetof(struct add_values, memory), "SIZE", "of each node"},
    {"counter", 0, OPTION_LIST, offsetof(struct add_values, counters), "NAME=N",
     "of each node: N units of a counter (gpu ...); may be repeated"},
    {"order", 0, OPTION_COUNT, offsetof(struct add_values, order), "N", "lower ones are asked first (default 0)"},
    {"price", 0, OPTION_TEXT, offsetof(struct add_values, price), "NUMBER", "of a node and hour"},
    {"zone", 0, OPTION_TEXT, offsetof(struct add_values, zone), "ZONE", "where its nodes are"},
    {"server", 0, OPTION_TEXT, offsetof(struct add_values, server), "HOST[:PORT]",
     "whom its nodes dial (default: this server)"},
    {"host", 0, OPTION_LIST, offsetof(struct add_values, hosts), "[USER@]HOST[:PORT]", "of ssh; may be repeated"},
    {"expect", 0, OPTION_LIST, offsetof(struct add_values, nodes), "NODE",
     "of static: the name of a node; may be repeated"},
    {"command", 0, OPTION_LIST, offsetof(struct add_values, command), "WORD",
     "of command: the program, and then its words; may be repeated"},
    {"policy", 0, OPTION_TEXT, offsetof(struct add_values, policy), "POLICY",
     "static (default), idle, load, times, cron or formula; all but the first two need a file"},
    {"count", 0, OPTION_COUNT, offsetof(struct add_values, count), "N", "of the policy static: so many nodes"},
    {"idle", 0, OPTION_TIME, offsetof(struct add_values, idle_ms), "TIME",
     "of the policy idle: a node goes after so long without work (default 5m)"},
    {NULL},
};

struct add {
	yyjson_mut_doc *doc;
	yyjson_mut_val *root;
};

static void put(const struct add *a, yyjson_mut_val *o, const char *key, yyjson_mut_val *value)
{
	yyjson_mut_obj_put(o, yyjson_mut_str(a->doc, key), value);
}

static void put_text(const struct add *a, const char *key, const char *value)
{
	if (value)
		put(a, a->root, key, yyjson_mut_str(a->doc, value));
}

static void put_number(const struct add *a, yyjson_mut_val *o, const char *key, uint64_t value)
{
	if (value != UNSET)
		put(a, o, key, yyjson_mut_uint(a->doc, value));
}

static void put_list(const struct add *a, const char *key, char *const *words)
{
	yyjson_mut_val *list = yyjson_mut_arr(a->doc);

	for (char *const *w = words; w && *w; w++)
		yyjson_mut_arr_add_str(a->doc, list, *w);
	if (words)
		put(a, a->root, key, list);
}

static int put_price(const struct add *a, const char *text, struct err *err)
{
	char *end;
	double price;

	if (!text)
		return 0;
	price = strtod(text, &end);
	if (end == text || *end)
		return err_set(err, EINVAL, "--price: \"%s\" is no number", text);
	put(a, a->root, "price", yyjson_mut_real(a->doc, price));
	return 0;
}

static void put_policy(const struct add *a, const struct add_values *v)
{
	yyjson_mut_val *p = yyjson_mut_obj_get(a->root, "policy");

	if (!v->policy && v->count == UNSET && v->idle_ms == UNSET)
		return;
	if (!yyjson_mut_is_obj(p)) {
		p = yyjson_mut_obj(a->doc);
		put(a, p, "kind", yyjson_mut_str(a->doc, v->idle_ms != UNSET ? "idle" : "static"));
		put(a, a->root, "policy", p);
	}
	if (v->policy)
		put(a, p, "kind", yyjson_mut_str(a->doc, v->policy));
	put_number(a, p, "nodes", v->count);
	if (v->idle_ms != UNSET) {
		mem_cleanup char *text = mem_printf("%" PRIu64 "ms", v->idle_ms);

		put(a, p, "idle", yyjson_mut_strcpy(a->doc, text));
	}
}

static int put_counters(const struct add *a, char *const *pairs, struct err *err)
{
	yyjson_mut_val *o = yyjson_mut_obj(a->doc);
	struct counts c = {.n = 0};

	for (char *const *p = pairs; p && *p; p++) {
		if (counts_set_pair(&c, *p, err) < 0)
			return err_wrap(err, "--counter");
	}
	for (size_t k = 0; k < c.n; k++)
		yyjson_mut_obj_add(o, yyjson_mut_strcpy(a->doc, c.list[k].name), yyjson_mut_uint(a->doc, c.list[k].n));
	if (c.n)
		put(a, a->root, "counters", o);
	return 0;
}

static int put_all(const struct add *a, const struct add_values *v, const char *name, struct err *err)
{
	put_text(a, "name", name);
	put_text(a, "kind", v->kind);
	put_number(a, a->root, "min", v->min);
	put_number(a, a->root, "max", v->max);
	put_number(a, a->root, "slots", v->slots);
	put_number(a, a->root, "memory", v->memory);
	put_number(a, a->root, "order", v->order);
	put_text(a, "zone", v->zone);
	put_text(a, "server", v->server);
	put_list(a, "hosts", v->hosts);
	put_list(a, "nodes", v->nodes);
	put_list(a, "command", v->command);
	put_policy(a, v);
	if (put_counters(a, v->counters, err) < 0)
		return -EINVAL;
	return put_price(a, v->price, err);
}

static int send_source(struct cli *cli, const struct add_values *v, const struct add *a, const struct yaml_json *file,
		       struct err *err)
{
	mem_cleanup char *body = json_text(a->doc, false, NULL);
	yyjson_doc *reply json_doc_cleanup = NULL;
	char place[1024];
	int r = client_call(cli, "POST", v->replace ? SOURCES "?replace=1" : SOURCES, body, &reply, err);

	if (r == -EINVAL && file) {
		yaml_json_place(file, err->text, place, sizeof place);
		return err_wrap(err, "%s", place);
	}
	if (r == 0)
		text_line(stdout, "%s", show_str(yyjson_doc_get_root(reply), "name", ""));
	return r;
}

static int add_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct add_values *v = values;
	struct yaml_json *file cleanup_with(yaml_json_freep) = NULL;
	yyjson_mut_doc *own json_mut_cleanup = NULL;
	struct add a;
	int r = 0;

	if (!v->file && !operands[0])
		return err_set(err, EINVAL, "a name or --file FILE is needed: berth source add --help");
	if (!v->file && !v->kind)
		return err_set(err, EINVAL,
			       "source \"%s\": --kind KIND or --file FILE is needed: berth source add --help",
			       operands[0]);
	if (v->file) {
		r = yaml_json_read(v->file, &file, err);
		if (r < 0)
			return r;
		a.doc = yaml_json_doc(file);
		a.root = yyjson_mut_doc_get_root(a.doc);
	} else {
		a.doc = own = yyjson_mut_doc_new(NULL);
		a.root = yyjson_mut_obj(own);
		yyjson_mut_doc_set_root(own, a.root);
	}
	r = put_all(&a, v, operands[0], err);
	return r < 0 ? r : send_source(cli, v, &a, file, err);
}

const struct cli_command command_source_add = {
    .name = "source add",
    .group = "source",
    .usage = "[NAME]",
    .summary = "Say where nodes come from, and when",
    .detail =
	"A source makes nodes and destroys them again: on this machine, on hosts that ssh reaches, or by a program of\n"
	"yours that asks a cloud. A policy says how many there are when; docs/SOURCES.md tells all keys of the file.",
    .examples = "  berth source add --file spot.yaml\n"
		"  berth source add here --kind local --max 4 --slots 2 --policy idle --idle 2m\n"
		"  berth source add rack --kind ssh --host root@n1 --host root@n2\n"
		"  berth source add own --kind static --expect n1 --expect n2",
    .options = add_options,
    .values_size = sizeof(struct add_values),
    .defaults = &add_defaults,
    .most = 1,
    .run = add_run,
};

/* ---- ls, inspect ---- */

static const struct table_column columns[] = {{.title = "NAME", .least = 8},
					      {.title = "KIND"},
					      {.title = "POLICY"},
					      {.title = "STATE"},
					      {.title = "UP", .right = true},
					      {.title = "WANTED", .right = true},
					      {.title = "MAX", .right = true},
					      {.title = "ORDER", .right = true},
					      {.title = "PRICE", .right = true},
					      {.title = "ZONE", .least = 4},
					      {.title = "TROUBLE", .least = 10},
					      {.title = NULL}};

/* The source's own trouble, or that of one of its nodes. */
static const char *trouble_of(yyjson_val *o)
{
	yyjson_val *node;
	size_t i, n;
	const char *text = show_str(o, "trouble", "");

	yyjson_arr_foreach (yyjson_obj_get(o, "nodes"), i, n, node) {
		if (!*text)
			text = show_str(node, "error", "");
	}
	return text;
}

static void row(struct table *t, yyjson_val *o)
{
	const char *policy = show_str(o, "policy", "");

	table_cell(t, show_str(o, "name", ""));
	table_cell(t, show_str(o, "kind", ""));
	table_cell(t, *policy ? policy : "-");
	table_cell(t, show_str(o, "state", ""));
	table_cellf(t, "%" PRId64, show_int(o, "up", 0));
	table_cellf(t, "%" PRId64, show_int(o, "wanted", 0));
	table_cellf(t, "%" PRId64, show_int(o, "max", 0));
	table_cellf(t, "%" PRId64, show_int(o, "order", 0));
	table_cellf(t, "%g", yyjson_get_num(yyjson_obj_get(o, "price")));
	table_cell(t, show_str(o, "zone", ""));
	table_cell(t, trouble_of(o));
}

static const struct things sources = {.path = SOURCES, .columns = columns, .row = row};
static const struct things_wish source_pause = {&sources, "POST", "/pause", NULL, false};
static const struct things_wish source_resume = {&sources, "POST", "/resume", NULL, false};
static const struct things_wish source_rm = {&sources, "DELETE", NULL, NULL, true};

const struct cli_command command_source_ls = {
    .name = "source ls",
    .group = "source",
    .usage = "",
    .summary = "List where nodes come from",
    .examples = "  berth source ls",
    .options = things_list_options,
    .values_size = sizeof(struct things_list),
    .about = &sources,
    .run = things_ls,
};

const struct cli_command command_source_inspect = {
    .name = "source inspect",
    .group = "source",
    .usage = "NAME...",
    .summary = "Show sources with each of their nodes, as JSON",
    .examples = "  berth source inspect spot",
    .least = 1,
    .most = CLI_MANY,
    .about = &sources,
    .run = things_inspect,
};

/* ---- wishes ---- */

static const struct option_spec rm_options[] = {
    {"force", 'f', OPTION_FLAG, offsetof(struct things_force, force), NULL,
     "forget nodes that cannot be destroyed: see to them yourself"},
    {NULL},
};

const struct cli_command command_source_pause = {
    .name = "source pause",
    .group = "source",
    .usage = "NAME...",
    .summary = "Let sources make and release nothing",
    .examples = "  berth source pause spot",
    .least = 1,
    .most = CLI_MANY,
    .about = &source_pause,
    .run = things_each,
};

const struct cli_command command_source_resume = {
    .name = "source resume",
    .group = "source",
    .usage = "NAME...",
    .summary = "Let paused sources go on",
    .examples = "  berth source resume spot",
    .least = 1,
    .most = CLI_MANY,
    .about = &source_resume,
    .run = things_each,
};

const struct cli_command command_source_rm = {
    .name = "source rm",
    .group = "source",
    .usage = "NAME...",
    .summary = "Take sources away: their nodes finish what they run and are destroyed, and then the source has gone",
    .examples = "  berth source rm spot",
    .options = rm_options,
    .values_size = sizeof(struct things_force),
    .least = 1,
    .most = CLI_MANY,
    .about = &source_rm,
    .run = things_each,
};
