/* SPDX-License-Identifier: Apache-2.0
 *
 * `berth stats`: what containers use, once or again each second. Nothing runs for it in the daemon: it reads its figures when it is asked, and what is used a second
 * is the difference of two answers.
 */
#include "face/cli/command.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/job_task.h"
#include "face/cli/show.h"
#include "face/cli/template.h"
#include "face/cli/term.h"
#include "face/cli/text.h"

#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define PAUSE_MS 1000
#define USUAL "table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}"

struct stats_values {
	bool all, once, whole, json;
	const char *format;
};
static const struct option_spec stats_options[] = {
    {"all", 'a', OPTION_FLAG, offsetof(struct stats_values, all), NULL, "also those that do not run"},
    {"no-stream", 0, OPTION_FLAG, offsetof(struct stats_values, once), NULL, "once"},
    {"format", 0, OPTION_TEXT, offsetof(struct stats_values, format), "TEMPLATE",
     "print {{.Name}}, {{.CPUPerc}}, {{.MemUsage}} ..., or json"},
    {"json", 0, OPTION_FLAG, offsetof(struct stats_values, json), NULL, "print JSON, one container a line"},
    {"no-trunc", 0, OPTION_FLAG, offsetof(struct stats_values, whole), NULL, "cut nothing"},
    {NULL},
};

/* The processor's time at the last answer about a container. */
struct before {
	uint64_t used, all;
};

struct stats {
	struct cli *cli;
	const struct stats_values *v;
	char **names; /* NULL: whoever is there */
	struct map before;
};

static uint64_t number(yyjson_val *obj, const char *key)
{
	return yyjson_get_uint(yyjson_obj_get(obj, key));
}

/* ---- figures ---- */

static void add_cpu(struct stats *s, yyjson_mut_doc *d, yyjson_mut_val *row, const char *id, yyjson_val *answer)
{
	yyjson_val *cpu = yyjson_obj_get(answer, "cpu_stats");
	struct before now = {number(yyjson_obj_get(cpu, "cpu_usage"), "total_usage"), number(cpu, "system_cpu_usage")};
	struct before *last = map_get(&s->before, id);
	uint64_t n = number(cpu, "online_cpus");
	double percent = 0;
	char text[32];

	if (last && now.all > last->all && now.used > last->used)
		percent = (double)(now.used - last->used) / (double)(now.all - last->all) * (double)(n ? n : 1) * 100;
	snprintf(text, sizeof text, "%.2f%%", percent);
	yyjson_mut_obj_add_strcpy(d, row, "CPUPerc", text);
	if (!last) {
		last = mem_new(struct before);
		map_put(&s->before, id, last);
	}
	*last = now;
}

/* What the kernel could take back at once is not counted, as with docker. */
static void add_memory(yyjson_mut_doc *d, yyjson_mut_val *row, yyjson_val *answer)
{
	yyjson_val *memory = yyjson_obj_get(answer, "memory_stats"), *parts = yyjson_obj_get(memory, "stats");
	uint64_t used = number(memory, "usage"), limit = number(memory, "limit");
	uint64_t idle =
	    number(parts, yyjson_obj_get(parts, "total_inactive_file") ? "total_inactive_file" : "inactive_file");
	char a[TEXT_MAX], b[TEXT_MAX];
	mem_cleanup char *text = NULL;

	used -= idle < used ? idle : 0;
	text = mem_printf("%s / %s", text_size(a, used), text_size(b, limit));
	yyjson_mut_obj_add_strcpy(d, row, "MemUsage", text);
	snprintf(a, sizeof a, "%.2f%%", limit ? (double)used / (double)limit * 100 : 0);
	yyjson_mut_obj_add_strcpy(d, row, "MemPerc", a);
}

static void add_pair(yyjson_mut_doc *d, yyjson_mut_val *row, const char *name, uint64_t in, uint64_t out)
{
	char a[TEXT_MAX], b[TEXT_MAX];
	mem_cleanup char *text = mem_printf("%s / %s", text_size(a, in), text_size(b, out));

	yyjson_mut_obj_add_strcpy(d, row, name, text);
}

static void add_traffic(yyjson_mut_doc *d, yyjson_mut_val *row, yyjson_val *answer)
{
	uint64_t net[2] = {0, 0}, disk[2] = {0, 0};
	yyjson_val *key, *v;
	size_t i, n;

	yyjson_obj_foreach (yyjson_obj_get(answer, "networks"), i, n, key, v) {
		net[0] += number(v, "rx_bytes");
		net[1] += number(v, "tx_bytes");
	}
	yyjson_arr_foreach (yyjson_obj_get(yyjson_obj_get(answer, "blkio_stats"), "io_service_bytes_recursive"), i, n,
			    v) {
		const char *op = show_str(v, "op", "");

		if (*op == 'R' || *op == 'r')
			disk[0] += number(v, "value");
		else if (*op == 'W' || *op == 'w')
			disk[1] += number(v, "value");
	}
	add_pair(d, row, "NetIO", net[0], net[1]);
	add_pair(d, row, "BlockIO", disk[0], disk[1]);
}

static void add_row(struct stats *s, yyjson_mut_doc *d, const char *asked, yyjson_val *answer)
{
	yyjson_mut_val *row = yyjson_mut_arr_add_obj(d, yyjson_mut_doc_get_root(d));
	const char *id = show_str(answer, "id", ""), *name = show_str(answer, "name", "");
	mem_cleanup char *cut = text_id(id);
	char pids[24];

	yyjson_mut_obj_add_strcpy(d, row, "Container", asked);
	yyjson_mut_obj_add_strcpy(d, row, "ID", s->v->whole ? id : cut);
	yyjson_mut_obj_add_strcpy(d, row, "Name", name + (*name == '/'));
	add_cpu(s, d, row, id, answer);
	add_memory(d, row, answer);
	add_traffic(d, row, answer);
	snprintf(pids, sizeof pids, "%" PRIu64, number(yyjson_obj_get(answer, "pids_stats"), "current"));
	yyjson_mut_obj_add_strcpy(d, row, "PIDs", pids);
}

/* ---- rounds ---- */

static int find_names(struct stats *s, char ***ret, struct err *err)
{
	const char *target = s->v->all ? CLIENT_DOCKER_CONTAINERS "json?all=1" : CLIENT_DOCKER_CONTAINERS "json";
	yyjson_doc *doc json_doc_cleanup = NULL;
	yyjson_val *c;
	size_t i, n;
	int r;

	*ret = s->names ? mem_strv_dup(s->names) : NULL;
	if (s->names)
		return 0;
	r = client_call(s->cli, "GET", target, NULL, &doc, err);
	if (r < 0)
		return r;
	yyjson_arr_foreach (yyjson_doc_get_root(doc), i, n, c) {
		mem_strv_add(ret, show_str(c, "Id", ""));
	}
	return 0;
}

/* Asks about all of them. One that goes meanwhile is no error, unless it was asked for. */
static int ask(struct stats *s, yyjson_doc **ret, struct err *err)
{
	yyjson_mut_doc *d json_mut_cleanup = yyjson_mut_doc_new(NULL);
	char **names cleanup_with(mem_strv_freep) = NULL;
	int r = find_names(s, &names, err);

	yyjson_mut_doc_set_root(d, yyjson_mut_arr(d));
	for (char **name = names; r == 0 && name && *name; name++) {
		mem_cleanup char *target = client_target(CLIENT_DOCKER_CONTAINERS, *name, "/stats?stream=0&one-shot=1");
		yyjson_doc *doc json_doc_cleanup = NULL;

		r = client_call(s->cli, "GET", target, NULL, &doc, err);
		if (r == 0)
			add_row(s, d, *name, yyjson_doc_get_root(doc));
		else if (r == -ENOENT && !s->names)
			r = 0;
	}
	if (r == 0)
		*ret = yyjson_mut_doc_imut_copy(d, NULL);
	return r;
}

static int show(const struct stats *s, yyjson_doc *rows, struct err *err)
{
	const char *format = s->v->json ? "json" : s->v->format ? s->v->format : USUAL;
	int r;

	/* The table stands where the last one stood. */
	if (!s->v->once && term_is(STDOUT_FILENO))
		fputs("\033[H\033[J", stdout);
	r = template_print(format, yyjson_doc_get_root(rows), err);
	(void)fflush(stdout);
	/* Whoever read has gone, or the output cannot be written, which the end of the program tells. */
	if (r == 0 && ferror(stdout))
		r = errno == EPIPE ? -EPIPE : 1;
	return r;
}

static int stats_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	char **names cleanup_with(mem_strv_freep) = NULL;
	struct stats s = {.cli = cli, .v = values, .before = MAP_INIT};
	bool first = true;
	int r = 0;

	for (char **name = operands; r == 0 && *name; name++) {
		mem_cleanup char *container = NULL;

		r = job_task_container(cli, *name, &container, err);
		if (r == 0)
			mem_strv_add(&names, container);
	}
	s.names = names;

	while (r == 0) {
		yyjson_doc *rows json_doc_cleanup = NULL;

		r = ask(&s, &rows, err);
		if (r == 0 && !first)
			r = show(&s, rows, err);
		if (!first && s.v->once)
			break;
		first = false;
		if (r == 0)
			(void)poll(NULL, 0, PAUSE_MS);
	}
	for (struct map_slot *slot = NULL; (slot = map_next(&s.before, slot));)
		free(slot->value);
	map_free(&s.before);
	return r == -EPIPE ? CLI_NO_READER : r;
}

const struct cli_command command_stats = {
    .name = "stats",
    .usage = "[CONTAINER|JOB/TASK[/INDEX]...]",
    .summary = "Show what containers use, second by second",
    .detail = "Without names those that run. CPU is in parts of one processor: 200% are two of them. Ctrl-C ends it.",
    .examples =
	"  berth stats\n  berth stats --no-stream web\n  berth stats --no-stream --format '{{.Name}} {{.MemUsage}}'",
    .options = stats_options,
    .values_size = sizeof(struct stats_values),
    .most = CLI_MANY,
    .operand = OPERAND_CONTAINER,
    .run = stats_run,
};
