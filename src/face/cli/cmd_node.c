/* SPDX-License-Identifier: Apache-2.0
 *
 * node ls|inspect|lock|unlock|drain|label|rm, token create|ls|rm
 */
#include "face/cli/command.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/show.h"
#include "face/cli/table.h"
#include "face/cli/text.h"
#include "face/cli/things.h"
#include "face/cli/units.h"

#include <inttypes.h>
#include <string.h>

#define TOKENS "/v1/tokens"

/* ---- node ls, inspect ---- */

static const struct table_column node_columns[] = {{.title = "NAME", .least = 12},
						   {.title = "STATE"},
						   {.title = "SLOTS", .right = true},
						   {.title = "CPUS", .right = true},
						   {.title = "MEMORY", .right = true},
						   {.title = "DISK", .right = true},
						   {.title = "COUNTERS"},
						   {.title = "RUNNING", .right = true},
						   {.title = "VERSION"},
						   {.title = "REASON", .least = 10},
						   {.title = NULL}};

/* "gpu 1/2, scratch 0/4": in use of all */
static void counters_cell(struct table *t, yyjson_val *counters)
{
	buf_cleanup struct buf text = BUF_LIMIT(1024);
	yyjson_val *name, *o;
	size_t i, n;

	yyjson_obj_foreach (counters, i, n, name, o) {
		buf_printf(&text, "%s%s %" PRId64 "/%" PRId64, i ? ", " : "", yyjson_get_str(name),
			   show_int(o, "used", 0), show_int(o, "total", 0));
	}
	table_cell(t, text.len ? buf_str(&text) : "-");
}

static void node_row(struct table *t, yyjson_val *o)
{
	const char *state = show_str(o, "state", "-");
	char text[TEXT_MAX];

	table_cell(t, show_str(o, "name", ""));
	table_cell_color(t, term_state_color(state), state);
	table_cellf(t, "%" PRId64 "/%" PRId64, show_int(o, "slots_used", 0), show_int(o, "slots", 0));
	table_cellf(t, "%g", (double)show_int(o, "cpu_milli", 0) / 1000);
	table_cell(t, text_size(text, (uint64_t)show_int(o, "memory", 0)));
	table_cell(t, text_size(text, (uint64_t)show_int(o, "disk", 0)));
	counters_cell(t, yyjson_obj_get(o, "counters"));
	table_cellf(t, "%" PRId64, show_int(o, "attempts", 0));
	table_cell(t, show_str(yyjson_obj_get(o, "facts"), "version", ""));
	table_cell(t, show_str(o, "reason", ""));
}

static const struct things nodes = {.path = "/v1/nodes", .columns = node_columns, .row = node_row};

const struct cli_command command_node_ls = {
    .name = "node ls",
    .group = "node",
    .usage = "",
    .summary = "List the nodes of the cluster",
    .detail = "free and busy nodes take work; locked and draining ones only finish theirs; lost ones have not been\n"
	      "heard of for a lease, and what ran there runs elsewhere; down ones have never been up or were stopped.",
    .examples = "  berth node ls",
    .options = things_list_options,
    .values_size = sizeof(struct things_list),
    .about = &nodes,
    .run = things_ls,
};

const struct cli_command command_node_inspect = {
    .name = "node inspect",
    .group = "node",
    .usage = "NODE...",
    .summary = "Show all that is known of nodes, as JSON",
    .examples = "  berth node inspect n1",
    .least = 1,
    .most = CLI_MANY,
    .about = &nodes,
    .run = things_inspect,
};

/* ---- wishes ---- */

struct close_values {
	const char *reason;
	uint64_t deadline_ms;
};
static const struct option_spec lock_options[] = {
    {"reason", 0, OPTION_TEXT, offsetof(struct close_values, reason), "TEXT", "shown in lists"},
    {NULL},
};
static const struct option_spec drain_options[] = {
    {"reason", 0, OPTION_TEXT, offsetof(struct close_values, reason), "TEXT", "shown in lists"},
    {"deadline", 0, OPTION_TIME, offsetof(struct close_values, deadline_ms), "TIME",
     "what still runs then is ended there and starts elsewhere (default: never)"},
    {NULL},
};

static char *close_body(const void *values)
{
	const struct close_values *v = values;
	struct buf body = BUF_INIT;

	buf_printf(&body, "{\"deadline_ms\":%" PRIu64 ",\"reason\":", v->deadline_ms);
	json_quote(&body, v->reason ? v->reason : "", v->reason ? strlen(v->reason) : 0);
	buf_addc(&body, '}');
	return buf_take(&body);
}

static const struct things_wish node_lock = {&nodes, "POST", "/lock", close_body, false};
static const struct things_wish node_drain = {&nodes, "POST", "/drain", close_body, false};
static const struct things_wish node_unlock = {&nodes, "POST", "/unlock", NULL, false};
static const struct things_wish node_rm = {&nodes, "DELETE", NULL, NULL, false};

const struct cli_command command_node_lock = {
    .name = "node lock",
    .group = "node",
    .usage = "NODE...",
    .summary = "Let nothing new start on nodes",
    .examples = "  berth node lock --reason 'new disk' n1",
    .options = lock_options,
    .values_size = sizeof(struct close_values),
    .least = 1,
    .most = CLI_MANY,
    .about = &node_lock,
    .run = things_each,
};

const struct cli_command command_node_drain = {
    .name = "node drain",
    .group = "node",
    .usage = "NODE...",
    .summary = "Let nodes finish what they run and take nothing new",
    .examples = "  berth node drain --deadline 1h --reason kernel n1 n2",
    .options = drain_options,
    .values_size = sizeof(struct close_values),
    .least = 1,
    .most = CLI_MANY,
    .about = &node_drain,
    .run = things_each,
};

const struct cli_command command_node_unlock = {
    .name = "node unlock",
    .group = "node",
    .usage = "NODE...",
    .summary = "Let locked or drained nodes take work again",
    .examples = "  berth node unlock n1",
    .least = 1,
    .most = CLI_MANY,
    .about = &node_unlock,
    .run = things_each,
};

const struct cli_command command_node_rm = {
    .name = "node rm",
    .group = "node",
    .usage = "NODE...",
    .summary = "Take nodes out of the cluster; their certificates are worth nothing from then on",
    .examples = "  berth node rm n1",
    .least = 1,
    .most = CLI_MANY,
    .about = &node_rm,
    .run = things_each,
};

/* "a=b" sets, "a-" takes off. */
static int add_label(yyjson_mut_doc *d, yyjson_mut_val *o, const char *word, struct err *err)
{
	const char *equals = strchr(word, '=');
	size_t n = strlen(word);

	if (equals && equals != word)
		yyjson_mut_obj_add(o, yyjson_mut_strncpy(d, word, (size_t)(equals - word)),
				   yyjson_mut_str(d, equals + 1));
	else if (!equals && n > 1 && word[n - 1] == '-')
		yyjson_mut_obj_add(o, yyjson_mut_strncpy(d, word, n - 1), yyjson_mut_null(d));
	else
		return err_set(err, EINVAL, "\"%s\" is no label: NAME=VALUE sets one, NAME- takes it off", word);
	return 0;
}

static int label_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	yyjson_mut_doc *d json_mut_cleanup = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(d);
	mem_cleanup char *body = NULL;

	(void)values;
	yyjson_mut_doc_set_root(d, o);
	for (char **word = operands + 1; *word; word++) {
		int r = add_label(d, o, *word, err);

		if (r < 0)
			return r;
	}
	body = json_text(d, false, NULL);
	return things_call(cli, &nodes, "POST", operands[0], "/labels", body, NULL, err);
}

const struct cli_command command_node_label = {
    .name = "node label",
    .group = "node",
    .usage = "NODE NAME=VALUE|NAME-...",
    .summary = "Give a node labels, or take them off",
    .examples = "  berth node label n1 disk=ssd rack=4 old-",
    .least = 2,
    .most = CLI_MANY,
    .run = label_run,
};

/* ---- tokens ---- */

struct token_values {
	uint64_t life_ms, uses;
	bool forever, quiet;
};
static const struct option_spec token_options[] = {
    {"expires", 0, OPTION_TIME, offsetof(struct token_values, life_ms), "TIME",
     "how long it is good for (default 24h)"},
    {"forever", 0, OPTION_FLAG, offsetof(struct token_values, forever), NULL, "it never expires"},
    {"uses", 0, OPTION_COUNT, offsetof(struct token_values, uses), "N", "how many machines may join (default: any)"},
    {NULL},
};
#define ANY_USES UINT64_MAX /* nobody has said how many */

static const struct token_values token_defaults = {.life_ms = 24 * 3600 * 1000ull, .uses = ANY_USES};

static int token_create_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct token_values *v = values;
	yyjson_doc *doc json_doc_cleanup = NULL;
	mem_cleanup char *body = mem_printf("{\"life_ms\":%" PRIu64 ",\"uses\":%" PRIu64 "}",
					    v->forever ? 0 : v->life_ms, v->uses == ANY_USES ? 0 : v->uses);
	int r;

	(void)operands;
	/* For the server 0 is no limit, which nobody means who writes it. */
	if (!v->forever && !v->life_ms)
		return err_set(
		    err, EINVAL,
		    "--expires: a token that is good for no time is none; --forever makes one that never expires");
	if (!v->uses)
		return err_set(err, EINVAL,
			       "--uses: a token that no machine may use is none; without --uses any number may");
	r = client_call(cli, "POST", TOKENS, body, &doc, err);
	if (r == 0)
		text_line(stdout, "%s", show_str(yyjson_doc_get_root(doc), "token", ""));
	return r;
}

const struct cli_command command_token_create = {
    .name = "token create",
    .group = "token",
    .usage = "",
    .summary = "Make a token that lets machines join the cluster",
    .detail =
	"It is printed this once; the server keeps only its hash. It also tells the machine that joins how to know\n"
	"the server, so that nobody can stand between them.",
    .examples = "  berth token create --expires 1h --uses 1",
    .options = token_options,
    .values_size = sizeof(struct token_values),
    .defaults = &token_defaults,
    .run = token_create_run,
};

static const struct table_column token_columns[] = {{.title = "ID", .least = 8},
						    {.title = "MADE"},
						    {.title = "EXPIRES"},
						    {.title = "USES LEFT", .right = true},
						    {.title = NULL}};

static void token_row(struct table *t, yyjson_val *o)
{
	int64_t now = clock_wall_ms(), ends = show_int(o, "expires_ms", 0), uses = show_int(o, "uses", -1);
	char text[TEXT_MAX];

	table_cell(t, show_str(o, "id", ""));
	table_cell(t, text_ago(text, show_int(o, "created_ms", 0), now));
	if (ends)
		table_cellf(t, "in %s", text_duration(text, ends > now ? ends - now : 0));
	else
		table_cell(t, "never");
	if (uses < 0)
		table_cell(t, "any");
	else
		table_cellf(t, "%" PRId64, uses);
}

static const struct things tokens = {.path = TOKENS, .name = "id", .columns = token_columns, .row = token_row};
static const struct things_wish token_rm = {&tokens, "DELETE", NULL, NULL, false};

const struct cli_command command_token_ls = {
    .name = "token ls",
    .group = "token",
    .usage = "",
    .summary = "List the tokens that are good",
    .examples = "  berth token ls",
    .options = things_list_options,
    .values_size = sizeof(struct things_list),
    .about = &tokens,
    .run = things_ls,
};

const struct cli_command command_token_rm = {
    .name = "token rm",
    .group = "token",
    .usage = "ID...",
    .summary = "Take back tokens; who has joined stays",
    .examples = "  berth token rm 1a2b3c4d",
    .least = 1,
    .most = CLI_MANY,
    .about = &token_rm,
    .run = things_each,
};
