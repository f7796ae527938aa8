/* SPDX-License-Identifier: Apache-2.0
 *
 * What is there: ps, images, port, top, ls, version.
 */
#include "face/project/command.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/show.h"
#include "face/cli/table.h"
#include "face/cli/template.h"
#include "face/cli/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* --format where there are two, of which the first is the usual one. */
static int check_format(const char *format, const char *usual, struct err *err)
{
	if (!format || !strcmp(format, usual) || !strcmp(format, "json"))
		return 0;
	return err_set(err, EINVAL, "--format: \"%s\" is neither %s nor json", format, usual);
}

/* ---- ps ---- */

struct ps_values {
	bool all, quiet, services, orphans, no_trunc;
	const char *format;
	char **status, **filter;
};
#define V(field) offsetof(struct ps_values, field)
static const struct option_spec ps_options[] = {
    {"all", 'a', OPTION_FLAG, V(all), NULL, "also those that have ended, and those of `run`"},
    {"quiet", 'q', OPTION_FLAG, V(quiet), NULL, "print IDs only"},
    {"services", 0, OPTION_FLAG, V(services), NULL, "print the names of services only"},
    {"status", 0, OPTION_LIST, V(status), "STATE", "only these: running, exited, paused ...; may be repeated"},
    {"filter", 0, OPTION_LIST, V(filter), "status=STATE", "the same"},
    {"format", 0, OPTION_TEXT, V(format), "table|json|TEMPLATE", "how to print"},
    {"orphans", 0, OPTION_FLAG, V(orphans), NULL, "accepted: those of services that are gone are always shown"},
    {"no-trunc", 0, OPTION_FLAG, V(no_trunc), NULL, "accepted for Compose's sake"},
    {NULL},
};

static bool status_fits(const struct ps_values *v, const struct member *m)
{
	bool any = false;

	for (char **s = v->status; s && *s; s++) {
		any = true;
		if (!strcmp(*s, m->state))
			return true;
	}
	for (char **s = v->filter; s && *s; s++) {
		any = true;
		if (!strncmp(*s, "status=", 7) && !strcmp(*s + 7, m->state))
			return true;
	}
	return !any && (v->all || member_runs(m));
}

static void ports_text(yyjson_val *ports, struct buf *b)
{
	yyjson_val *v;
	size_t i, n;

	yyjson_arr_foreach (ports, i, n, v) {
		const char *ip = show_str(v, "IP", "");

		buf_adds(b, b->len ? ", " : "");
		if (yyjson_obj_get(v, "PublicPort"))
			buf_printf(b, strchr(ip, ':') ? "[%s]:%" PRId64 "->" : "%s:%" PRId64 "->", ip,
				   show_int(v, "PublicPort", 0));
		buf_printf(b, "%" PRId64 "/%s", show_int(v, "PrivatePort", 0), show_str(v, "Type", "tcp"));
	}
}

static void publishers(yyjson_mut_doc *d, yyjson_mut_val *o, yyjson_val *ports)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(d, o, "Publishers");
	yyjson_val *v;
	size_t i, n;

	yyjson_arr_foreach (ports, i, n, v) {
		yyjson_mut_val *p = yyjson_mut_arr_add_obj(d, list);

		yyjson_mut_obj_add_str(d, p, "URL", show_str(v, "IP", ""));
		yyjson_mut_obj_add_int(d, p, "TargetPort", show_int(v, "PrivatePort", 0));
		yyjson_mut_obj_add_int(d, p, "PublishedPort", show_int(v, "PublicPort", 0));
		yyjson_mut_obj_add_str(d, p, "Protocol", show_str(v, "Type", "tcp"));
	}
}

/* "a=b,c=d" of the labels, "x,y" of the networks. */
static void joined(struct buf *b, yyjson_val *map, bool values)
{
	yyjson_val *key, *val;
	size_t i, n;

	yyjson_obj_foreach (map, i, n, key, val) {
		buf_printf(b, "%s%s", b->len ? "," : "", yyjson_get_str(key));
		if (values)
			buf_printf(b, "=%s", yyjson_is_str(val) ? yyjson_get_str(val) : "");
	}
}

static void add_joined(yyjson_mut_doc *d, yyjson_mut_val *o, const char *name, yyjson_val *map, bool values)
{
	struct buf text buf_cleanup = BUF_INIT;

	joined(&text, map, values);
	yyjson_mut_obj_add_strcpy(d, o, name, buf_str(&text));
}

/* As Compose v2 has it for json and templates. */
static yyjson_mut_val *ps_object(yyjson_mut_doc *d, const struct project *p, const struct member *m)
{
	yyjson_mut_val *o = yyjson_mut_obj(d);
	yyjson_val *ports = yyjson_obj_get(m->json, "Ports");
	struct buf text buf_cleanup = BUF_INIT;
	char ago[TEXT_MAX];
	const char *open = strchr(m->status, '('), *health = "";
	int64_t code = 0;

	static const char *const healths[] = {"(healthy)", "(unhealthy)", "(health: starting)"};
	static const char *const names[] = {"healthy", "unhealthy", "starting"};

	for (size_t i = 0; i < 3; i++)
		health = strstr(m->status, healths[i]) ? names[i] : health;
	if (!strncmp(m->status, "Exited (", 8))
		code = strtoll(open + 1, NULL, 10);
	ports_text(ports, &text);
	yyjson_mut_obj_add_str(d, o, "Command", show_str(m->json, "Command", ""));
	yyjson_mut_obj_add_int(d, o, "Created", show_int(m->json, "Created", 0));
	yyjson_mut_obj_add_int(d, o, "ExitCode", code);
	yyjson_mut_obj_add_str(d, o, "Health", health);
	yyjson_mut_obj_add_str(d, o, "ID", m->id);
	yyjson_mut_obj_add_str(d, o, "Image", m->image);
	add_joined(d, o, "Labels", yyjson_obj_get(m->json, "Labels"), true);
	yyjson_mut_obj_add_str(d, o, "Name", m->name);
	yyjson_mut_obj_add_str(d, o, "Names", m->name);
	add_joined(d, o, "Networks", yyjson_obj_get(yyjson_obj_get(m->json, "NetworkSettings"), "Networks"), false);
	yyjson_mut_obj_add_strcpy(d, o, "Ports", buf_str(&text));
	yyjson_mut_obj_add_str(d, o, "Project", p->name);
	publishers(d, o, ports);
	yyjson_mut_obj_add_strcpy(d, o, "RunningFor",
				  text_ago(ago, show_int(m->json, "Created", 0) * 1000, clock_wall_ms()));
	yyjson_mut_obj_add_str(d, o, "Service", m->service);
	yyjson_mut_obj_add_str(d, o, "State", m->state);
	yyjson_mut_obj_add_str(d, o, "Status", m->status);
	return o;
}

static void print_json(const struct project *p, const struct member *m)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	mem_cleanup char *line = NULL;

	yyjson_mut_doc_set_root(d, ps_object(d, p, m));
	line = json_text(d, false, NULL);
	printf("%s\n", line);
}

static const struct table_column ps_columns[] = {
    {.title = "NAME", .least = 12},
    {.title = "IMAGE", .least = 10},
    {.title = "COMMAND", .least = 10},
    {.title = "SERVICE"},
    {.title = "CREATED"},
    {.title = "STATUS"},
    {.title = "PORTS", .least = 10},
    {.title = NULL},
};

static void ps_row(struct table *t, const struct member *m)
{
	struct buf ports buf_cleanup = BUF_INIT;
	char ago[TEXT_MAX];

	ports_text(yyjson_obj_get(m->json, "Ports"), &ports);
	table_cell(t, m->name);
	table_cell(t, m->image);
	table_cellf(t, "\"%s\"", show_str(m->json, "Command", ""));
	table_cell(t, m->service);
	table_cell(t, text_ago(ago, show_int(m->json, "Created", 0) * 1000, clock_wall_ms()));
	table_cell(t, m->status);
	table_cell(t, buf_str(&ports));
}

static bool ps_wants(const struct ps_values *v, const struct member *one, char **operands)
{
	return project_in(operands, one->service) && status_fits(v, one) && (!one->oneoff || v->all);
}

static int ps_template(const struct project *p, const struct ps_values *v, const struct members *m, char **operands,
		       struct err *err)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	json_doc_cleanup yyjson_doc *rows = NULL;

	yyjson_mut_doc_set_root(d, yyjson_mut_arr(d));
	for (size_t i = 0; i < m->n; i++) {
		if (ps_wants(v, &m->v[i], operands))
			yyjson_mut_arr_append(yyjson_mut_doc_get_root(d), ps_object(d, p, &m->v[i]));
	}
	rows = yyjson_mut_doc_imut_copy(d, NULL);
	return template_print(v->format, yyjson_doc_get_root(rows), err);
}

static void ps_print(const struct project *p, const struct ps_values *v, const struct members *m, char **operands)
{
	struct table *t cleanup_with(table_freep) = table_new(ps_columns);
	bool json = v->format && !strcmp(v->format, "json"), plain = !json && !v->quiet && !v->services;
	const char *last = "";

	for (size_t i = 0; i < m->n; i++) {
		const struct member *one = &m->v[i];

		if (!ps_wants(v, one, operands))
			continue;
		if (v->quiet)
			text_line(stdout, "%s", one->id);
		else if (v->services && strcmp(last, one->service) != 0)
			text_line(stdout, "%s", one->service);
		else if (json && !v->services)
			print_json(p, one);
		else if (plain)
			ps_row(t, one);
		last = one->service;
	}
	if (plain)
		table_print(t);
}

static int ps_run(struct project *p, void *values, char **operands, struct err *err)
{
	const struct ps_values *v = values;
	struct members m = MEMBERS_INIT;
	bool template = v->format && strcmp(v->format, "json") != 0 && strcmp(v->format, "table") != 0;
	int r = 0;

	for (char **f = v->filter; r == 0 && f && *f; f++) {
		if (strncmp(*f, "status=", 7) != 0)
			r = err_set(err, EINVAL, "--filter \"%s\": only status=STATE is known", *f);
	}
	if (r == 0)
		r = members_read(p, &m, err);
	if (r == 0)
		r = project_check_names(p, &m, operands, err);
	if (r == 0 && template && !v->quiet && !v->services)
		r = ps_template(p, v, &m, operands, err);
	else if (r == 0)
		ps_print(p, v, &m, operands);
	members_free(&m);
	return r;
}

/* ---- images ---- */

struct images_values {
	bool quiet;
	const char *format;
};
static const struct option_spec images_options[] = {
    {"quiet", 'q', OPTION_FLAG, offsetof(struct images_values, quiet), NULL, "print IDs only"},
    {"format", 0, OPTION_TEXT, offsetof(struct images_values, format), "table|json", "how to print"},
    {NULL},
};
static const struct table_column image_columns[] = {
    {.title = "CONTAINER"}, {.title = "IMAGE", .least = 10}, {.title = "IMAGE ID"}, {.title = "SIZE", .right = true},
    {.title = NULL},
};

static void images_row(struct project *p, struct table *t, const struct member *m)
{
	mem_cleanup char *target = client_target("/images/", m->image_id, "/json"), *id = text_id(m->image_id);
	yyjson_doc *doc json_doc_cleanup = NULL;
	char size[TEXT_MAX] = "-";

	if (client_call(p->cli, "GET", target, NULL, &doc, NULL) == 0)
		text_size(size, (uint64_t)show_int(yyjson_doc_get_root(doc), "Size", 0));
	table_cell(t, m->name);
	table_cell(t, m->image);
	table_cell(t, id);
	table_cell(t, size);
}

static int images_run(struct project *p, void *values, char **operands, struct err *err)
{
	const struct images_values *v = values;
	struct table *t cleanup_with(table_freep) = table_new(image_columns);
	bool json = v->format && !strcmp(v->format, "json");
	struct members m = MEMBERS_INIT;
	int r = check_format(v->format, "table", err);

	if (r == 0)
		r = members_read(p, &m, err);
	if (r == 0)
		r = project_check_names(p, &m, operands, err);
	if (r == 0 && json)
		putchar('[');
	for (size_t i = 0, n = 0; r == 0 && i < m.n; i++) {
		const struct member *one = &m.v[i];

		if (!project_in(operands, one->service))
			continue;
		if (v->quiet)
			printf("%s\n", one->image_id);
		else if (json)
			printf("%s{\"ContainerName\":\"%s\",\"Repository\":\"%s\",\"ID\":\"%s\"}", n++ ? "," : "",
			       one->name, one->image, one->image_id);
		else
			images_row(p, t, one);
	}
	if (r == 0 && json)
		puts("]");
	else if (r == 0 && !v->quiet)
		table_print(t);
	members_free(&m);
	return r;
}

/* ---- port ---- */

struct port_values {
	const char *protocol;
	uint64_t index;
};
static const struct option_spec port_options[] = {
    {"protocol", 0, OPTION_TEXT, offsetof(struct port_values, protocol), "tcp|udp", "default: tcp"},
    {"index", 0, OPTION_COUNT, offsetof(struct port_values, index), "N", "number of the container (default: 1)"},
    {NULL},
};

static int print_port(const struct member *m, const char *port, const char *protocol)
{
	yyjson_val *v;
	size_t i, n;

	yyjson_arr_foreach (yyjson_obj_get(m->json, "Ports"), i, n, v) {
		const char *ip = show_str(v, "IP", "");

		if (show_int(v, "PrivatePort", 0) != strtoll(port, NULL, 10) || !yyjson_obj_get(v, "PublicPort") ||
		    strcmp(show_str(v, "Type", "tcp"), protocol) != 0)
			continue;
		printf(strchr(ip, ':') ? "[%s]:%" PRId64 "\n" : "%s:%" PRId64 "\n", ip, show_int(v, "PublicPort", 0));
		return 0;
	}
	return -ENOENT;
}

static int port_run(struct project *p, void *values, char **operands, struct err *err)
{
	const struct port_values *v = values;
	const char *protocol = v->protocol ? v->protocol : "tcp";
	char *name[] = {operands[0], NULL};
	struct members m = MEMBERS_INIT;
	int r = members_read(p, &m, err);
	bool found = false;

	if (r == 0)
		r = project_check_names(p, &m, name, err);
	for (size_t i = 0; r == 0 && !found && i < m.n; i++) {
		if (strcmp(m.v[i].service, operands[0]) != 0 || m.v[i].oneoff ||
		    (v->index && m.v[i].number != (int64_t)v->index))
			continue;
		found = print_port(&m.v[i], operands[1], protocol) == 0;
	}
	if (r == 0 && !found)
		r = err_set(err, ENOENT, "no port %s/%s of service %s is published", operands[1], protocol,
			    operands[0]);
	members_free(&m);
	return r;
}

/* ---- top ---- */

static int top_one(struct project *p, const struct member *m, struct err *err)
{
	mem_cleanup char *target = client_target("/containers/", m->id, "/top");
	yyjson_doc *doc json_doc_cleanup = NULL;
	yyjson_val *titles, *row, *cell;
	size_t i, n, j, k;
	struct table_column columns[32] = {{.title = NULL}};
	struct table *t cleanup_with(table_freep) = NULL;
	int r = client_call(p->cli, "GET", target, NULL, &doc, err);

	if (r < 0)
		return r;
	titles = yyjson_obj_get(yyjson_doc_get_root(doc), "Titles");
	yyjson_arr_foreach (titles, i, n, cell) {
		if (i < 31)
			columns[i].title = yyjson_get_str(cell);
	}
	t = table_new(columns);
	yyjson_arr_foreach (yyjson_obj_get(yyjson_doc_get_root(doc), "Processes"), i, n, row) {
		for (j = 0, k = yyjson_arr_size(titles); j < k && j < 31; j++)
			table_cell(t, yyjson_get_str(yyjson_arr_get(row, j)));
	}
	text_line(stdout, "%s", m->name);
	table_print(t);
	putchar('\n');
	return 0;
}

static int top_run(struct project *p, void *values, char **operands, struct err *err)
{
	struct members m = MEMBERS_INIT;
	int r = members_read(p, &m, err);

	(void)values;
	if (r == 0)
		r = project_check_names(p, &m, operands, err);
	for (size_t i = 0; r == 0 && i < m.n; i++) {
		if (project_in(operands, m.v[i].service) && member_runs(&m.v[i]))
			r = top_one(p, &m.v[i], err);
	}
	members_free(&m);
	return r;
}

/* ---- ls ---- */

struct ls_values {
	bool all, quiet;
	const char *format;
	char **filters;
};
static const struct option_spec ls_options[] = {
    {"all", 'a', OPTION_FLAG, offsetof(struct ls_values, all), NULL, "also those of which nothing runs"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct ls_values, quiet), NULL, "print names only"},
    {"filter", 0, OPTION_LIST, offsetof(struct ls_values, filters), "name=TEXT", "of these names; may be repeated"},
    {"format", 0, OPTION_TEXT, offsetof(struct ls_values, format), "table|json", "how to print"},
    {NULL},
};
static const struct table_column ls_columns[] = {
    {.title = "NAME"}, {.title = "STATUS"}, {.title = "CONFIG FILES", .least = 12}, {.title = NULL}};

/* As Docker's API calls them, in the order of the letters. */
static const char *const ls_states[] = {"created", "dead", "exited", "paused", "removing", "restarting", "running"};
#define LS_STATES (sizeof ls_states / sizeof *ls_states)
#define LS_RUNNING (LS_STATES - 1)

struct found {
	const char *name, *files;
	int64_t of[LS_STATES];
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct found *)a)->name, ((const struct found *)b)->name);
}

static size_t find_projects(yyjson_val *list, struct found *found)
{
	yyjson_val *o;
	size_t i, n, count = 0, at;

	yyjson_arr_foreach (list, i, n, o) {
		yyjson_val *labels = yyjson_obj_get(o, "Labels");
		const char *name = show_str(labels, PROJECT_LABEL "project", "");

		for (at = 0; at < count && strcmp(found[at].name, name) != 0; at++)
			;
		if (at == count)
			found[count++] = (struct found){
			    .name = name, .files = show_str(labels, PROJECT_LABEL "project.config_files", "")};
		for (size_t s = 0; s < LS_STATES; s++)
			found[at].of[s] += !strcmp(show_str(o, "State", ""), ls_states[s]);
	}
	if (count)
		qsort(found, count, sizeof *found, by_name);
	return count;
}

/* "exited(1), running(2)"; of those that run alone, unless all are wanted. */
static char *ls_status(const struct found *f, bool all)
{
	struct buf text buf_cleanup = BUF_INIT;

	for (size_t s = all ? 0 : LS_RUNNING; s < LS_STATES; s++) {
		if (f->of[s] > 0)
			buf_printf(&text, "%s%s(%" PRId64 ")", text.len ? ", " : "", ls_states[s], f->of[s]);
	}
	return mem_strdup(buf_str(&text));
}

static bool ls_wants(const struct ls_values *v, const struct found *f)
{
	bool named = !v->filters;

	for (char **one = v->filters; one && *one; one++)
		named |= strstr(f->name, *one + strlen("name=")) != NULL;
	return named && (v->all || f->of[LS_RUNNING] > 0);
}

static void ls_print(const struct ls_values *v, const struct found *found, size_t n)
{
	struct table *t cleanup_with(table_freep) = table_new(ls_columns);
	struct buf json buf_cleanup = BUF_INIT;
	bool as_json = v->format && !strcmp(v->format, "json");

	for (size_t i = 0; i < n; i++) {
		mem_cleanup char *status = ls_status(&found[i], v->all);

		if (!ls_wants(v, &found[i]))
			continue;
		if (v->quiet) {
			text_line(stdout, "%s", found[i].name);
		} else if (as_json) {
			buf_adds(&json, json.len ? ",{\"Name\":" : "{\"Name\":");
			json_quote(&json, found[i].name, strlen(found[i].name));
			buf_printf(&json, ",\"Status\":\"%s\",\"ConfigFiles\":", status);
			json_quote(&json, found[i].files, strlen(found[i].files));
			buf_addc(&json, '}');
		} else {
			table_cell(t, found[i].name);
			table_cell(t, status);
			table_cell(t, found[i].files);
		}
	}
	if (as_json)
		printf("[%s]\n", buf_str(&json));
	else if (!v->quiet)
		table_print(t);
}

static int ls_run(struct project *p, void *values, char **operands, struct err *err)
{
	static const char target[] =
	    "/containers/json?all=1&filters=%7B%22label%22%3A%5B%22com.docker.compose.project%22%5D%7D";
	yyjson_doc *doc json_doc_cleanup = NULL;
	mem_cleanup struct found *found = NULL;
	const struct ls_values *v = values;
	int r;

	(void)operands;
	for (char **one = v->filters; one && *one; one++) {
		if (strncmp(*one, "name=", 5) != 0)
			return err_set(err, EINVAL, "--filter %s: name=TEXT is needed", *one);
	}
	r = check_format(v->format, "table", err);
	if (r == 0)
		r = client_call(p->cli, "GET", target, NULL, &doc, err);
	if (r < 0)
		return r;
	found = mem_new_n(struct found, yyjson_arr_size(yyjson_doc_get_root(doc)) + 1);
	ls_print(v, found, find_projects(yyjson_doc_get_root(doc), found));
	return 0;
}

/* ---- version ---- */

struct version_values {
	bool is_short;
	const char *format;
};
static const struct option_spec version_options[] = {
    {"short", 0, OPTION_FLAG, offsetof(struct version_values, is_short), NULL, "the number only"},
    {"format", 'f', OPTION_TEXT, offsetof(struct version_values, format), "pretty|json", "how to print"},
    {NULL},
};

static int version_run(struct project *p, void *values, char **operands, struct err *err)
{
	const struct version_values *v = values;

	int r = check_format(v->format, "pretty", err);

	(void)p;
	(void)operands;
	if (r < 0)
		return r;
	if (v->format && !strcmp(v->format, "json"))
		puts("{\"version\":\"" BERTH_VERSION "\"}");
	else
		puts(v->is_short ? BERTH_VERSION : "berth compose version " BERTH_VERSION);
	return 0;
}

#define SHOW(NAME, USAGE, TEXT, OPTIONS, TYPE, LEAST, MOST, NEED, FN)                                                  \
	{                                                                                                              \
		.name = (NAME), .usage = (USAGE), .summary = (TEXT), .options = (OPTIONS),                             \
		.values_size = sizeof(TYPE), .least = (LEAST), .most = (MOST), .need = (NEED), .all_profiles = true,   \
		.run = (FN),                                                                                           \
	}
const struct project_command project_ps =
    SHOW("ps", "[SERVICE...]", "List containers", ps_options, struct ps_values, 0, CLI_MANY, PROJECT_NAME, ps_run);
const struct project_command project_images =
    SHOW("images", "[SERVICE...]", "List the images of the containers", images_options, struct images_values, 0,
	 CLI_MANY, PROJECT_NAME, images_run);
const struct project_command project_port = SHOW("port", "SERVICE PORT", "Print where a port is published",
						 port_options, struct port_values, 2, 2, PROJECT_NAME, port_run);
const struct project_command project_top =
    SHOW("top", "[SERVICE...]", "Show the processes of the containers", NULL, char, 0, CLI_MANY, PROJECT_NAME, top_run);
const struct project_command project_ls =
    SHOW("ls", "", "List projects", ls_options, struct ls_values, 0, 0, PROJECT_NONE, ls_run);
const struct project_command project_version =
    SHOW("version", "", "Print the version", version_options, struct version_values, 0, 0, PROJECT_NONE, version_run);
