/* SPDX-License-Identifier: Apache-2.0
 *
 * sim: the log of a cluster once more, with other nodes or another policy. What reads it comes in as a hook of main.c.
 */
#include "face/cli/command.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/show.h"
#include "face/cli/table.h"
#include "face/cli/text.h"

#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SIM_JSON_MAX (256u << 20)

struct sim_values {
	const char *data, *store, *policy;
	char **nodes, **without;
	bool json;
};
static const struct option_spec sim_options[] = {
    {"data", 0, OPTION_TEXT, offsetof(struct sim_values, data), "DIR",
     "the server's directory, or a copy of it (default " CLIENT_SYSTEM_DATA ")"},
    {"store", 0, OPTION_TEXT, offsetof(struct sim_values, store), "ADDRESS",
     "the server's --store, when its state is in an etcd"},
    {"nodes", 0, OPTION_LIST, offsetof(struct sim_values, nodes), "+NxKIND",
     "more nodes: +4x16c64g (16 cores, 64 GiB each), or +2xNAME (like that node)"},
    {"without", 0, OPTION_LIST, offsetof(struct sim_values, without), "NODE", "a node that is left out"},
    {"policy", 0, OPTION_TEXT, offsetof(struct sim_values, policy), "WORDS",
     "fifo: as submitted, without priorities, shares and deadlines; pack or spread: filled or empty nodes first"},
    {"json", 0, OPTION_FLAG, offsetof(struct sim_values, json), NULL, "print JSON"},
    {NULL},
};

/* ---- the table: a row a number, a column a run ---- */

enum unit { UNIT_COUNT, UNIT_TIME, UNIT_SHARE, UNIT_SLOTS };
static const struct row {
	const char *title, *key, *part; /* part NULL: the number itself */
	enum unit unit;
	bool user; /* also for each user */
} rows[] = {
    {"jobs", "jobs", NULL, UNIT_COUNT, true},
    {"wait, p50", "wait_ms", "p50", UNIT_TIME, true},
    {"wait, p90", "wait_ms", "p90", UNIT_TIME, true},
    {"wait, max", "wait_ms", "max", UNIT_TIME, true},
    {"turnaround, p50", "turnaround_ms", "p50", UNIT_TIME, false},
    {"turnaround, p90", "turnaround_ms", "p90", UNIT_TIME, false},
    {"turnaround, max", "turnaround_ms", "max", UNIT_TIME, false},
    {"makespan", "makespan_ms", NULL, UNIT_TIME, false},
    {"utilisation", "utilisation", NULL, UNIT_SHARE, false},
    {"slots x time", "slot_ms", NULL, UNIT_SLOTS, true},
};

static void add_cell(struct table *t, yyjson_val *o, const struct row *row)
{
	yyjson_val *v = yyjson_obj_get(o, row->key);
	char text[TEXT_MAX];

	if (row->part)
		v = yyjson_obj_get(v, row->part);
	if (row->unit == UNIT_TIME)
		table_cell(t, text_duration(text, yyjson_get_sint(v)));
	else if (row->unit == UNIT_SHARE)
		table_cellf(t, "%.1f %%", 100 * yyjson_get_num(v));
	else if (row->unit == UNIT_SLOTS)
		table_cellf(t, "%.2f h", (double)yyjson_get_sint(v) / 3600000);
	else
		table_cellf(t, "%" PRId64, yyjson_get_sint(v));
}

/* user: the place of a user in each column, or -1 for all. */
static void add_rows(struct table *t, yyjson_val *columns, const char *who, int64_t user)
{
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		yyjson_val *column;
		size_t i, n;

		if (user >= 0 && !rows[k].user)
			continue;
		table_cellf(t, "%s%s%s", who, *who ? ": " : "", rows[k].title);
		yyjson_arr_foreach (columns, i, n, column) {
			add_cell(t, user < 0 ? column : yyjson_arr_get(yyjson_obj_get(column, "users"), (size_t)user),
				 &rows[k]);
		}
		for (; n < 3; n++)
			table_cell(t, "");
	}
}

static void add_users(struct table *t, yyjson_val *columns)
{
	yyjson_val *users = yyjson_obj_get(yyjson_arr_get(columns, 0), "users"), *user;
	size_t i, n;

	yyjson_arr_foreach (users, i, n, user) {
		const struct passwd *pw = getpwuid((uid_t)show_int(user, "uid", 0));
		mem_cleanup char *who = pw ? mem_strdup(pw->pw_name) : mem_printf("%" PRId64, show_int(user, "uid", 0));

		add_rows(t, columns, who, (int64_t)i);
	}
}

static void print(yyjson_val *o)
{
	static const struct table_column titles[] = {{.title = ""},
						     {.title = "RECORDED", .right = true},
						     {.title = "REPLAYED", .right = true},
						     {.title = "CHANGED", .right = true},
						     {.title = NULL}};
	static const struct table_column two[] = {{.title = ""},
						  {.title = "RECORDED", .right = true},
						  {.title = "REPLAYED", .right = true},
						  {.title = "", .right = true},
						  {.title = NULL}};
	yyjson_val *columns = yyjson_obj_get(o, "columns"), *text;
	struct table *t cleanup_with(table_freep) = table_new(yyjson_arr_size(columns) > 2 ? titles : two);
	size_t i, n;

	add_rows(t, columns, "", -1);
	if (yyjson_arr_size(yyjson_obj_get(yyjson_arr_get(columns, 0), "users")) > 1)
		add_users(t, columns);
	table_print(t);
	text_line(stdout, "This cannot be known:");
	yyjson_arr_foreach (yyjson_obj_get(o, "unknown"), i, n, text) {
		text_line(stdout, "- %s", yyjson_get_str(text));
	}
}

/* ---- the command ---- */

static int place_of(const struct sim_values *v, char **ret, struct err *err)
{
	const char *text = v->store ? v->store : v->data;
	char here[PATH_MAX];

	if (v->data && v->store)
		return err_set(err, EINVAL, "--data or --store: the state is in one of them");
	if (!text)
		return client_data(ret, "the state is", err);
	if (*text == '/' || strstr(text, "://"))
		*ret = mem_strdup(text);
	else if (getcwd(here, sizeof here))
		*ret = mem_printf("%s/%s", here, text);
	else
		return err_sys(err, errno, "find the current directory for \"%s\"", text);
	return 0;
}

static int sim_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct sim_values *v = values;
	struct cli_sim sim = {.nodes = v->nodes, .without = v->without, .policy = v->policy};
	yyjson_doc *doc json_doc_cleanup = NULL;
	mem_cleanup char *from = NULL, *json = NULL;
	int r = place_of(v, &from, err);

	(void)operands;
	sim.from = from;
	if (r == 0)
		r = cli->hooks && cli->hooks->sim ? cli->hooks->sim(&sim, err)
						  : err_set(err, ENOSYS, "this program has no store");
	if (r != 0)
		return r;
	json = sim.json;
	doc = json_parse(json, strlen(json), SIM_JSON_MAX, "the result", err);
	if (!doc)
		return -err->code;
	if (v->json)
		return client_print_json(doc);
	print(yyjson_doc_get_root(doc));
	return CLI_OK;
}

const struct cli_command command_sim = {
    .name = "sim",
    .usage = "",
    .summary = "Replay the cluster's log with other nodes or another policy, and compare",
    .detail =
	"Reads the server's store, also while it runs, and changes nothing. Jobs come when they came and each attempt\n"
	"takes as long as it took; the scheduler is the real one, in virtual time. RECORDED is what happened, REPLAYED "
	"the\n"
	"same once more (how near it is shows how far to trust the rest), CHANGED what would have happened. Waits and\n"
	"makespan are those of the jobs that started and ended in all columns.",
    .examples = "  berth sim --nodes +4x16c64g\n"
		"  berth sim --without n3 --policy fifo,spread --data /backup/berth",
    .options = sim_options,
    .values_size = sizeof(struct sim_values),
    .run = sim_run,
};
