/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/command.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_client.h"
#include "face/cli/client.h"
#include "face/cli/filters.h"
#include "face/cli/lines.h"
#include "face/cli/show.h"
#include "face/cli/template.h"
#include "face/cli/term.h"
#include "face/cli/text.h"
#include "face/cli/units.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define PIECE (64u << 10)

struct events_values {
	bool follow, json;
	const char *since, *until, *job, *format;
	char **filters;
};
static const struct option_spec events_options[] = {
    {"follow", 'f', OPTION_FLAG, offsetof(struct events_values, follow), NULL, "go on as events come"},
    {"since", 0, OPTION_TEXT, offsetof(struct events_values, since), "SEQ|TIME",
     "begin after this event, or at this time"},
    {"until", 0, OPTION_TEXT, offsetof(struct events_values, until), "TIME", "of containers and the like: until then"},
    {"filter", 0, OPTION_LIST, offsetof(struct events_values, filters), "NAME=VALUE",
     "of containers and the like: only those that fit"},
    {"format", 0, OPTION_TEXT, offsetof(struct events_values, format), "TEMPLATE",
     "print {{.Type}}, {{.Action}}, {{.Actor.ID}} ..., or json"},
    {"job", 0, OPTION_TEXT, offsetof(struct events_values, job), "ID", "only those of a job"},
    {"json", 0, OPTION_FLAG, offsetof(struct events_values, json), NULL, "print JSON, one event a line"},
    {NULL},
};

static void add_value(struct buf *out, yyjson_val *value)
{
	if (yyjson_is_str(value)) {
		text_escape(out, yyjson_get_str(value), yyjson_get_len(value));
	} else {
		char *text = yyjson_val_write(value, YYJSON_WRITE_ALLOW_INVALID_UNICODE, NULL);

		text_escape(out, text ? text : "", text ? strlen(text) : 0);
		free(text);
	}
}

/* "2026-01-31T12:00:00.000Z     17  started  task=map index=3" */
static void add_event(struct buf *out, yyjson_val *event)
{
	char time[CLOCK_TEXT_MAX];
	mem_cleanup char *kind = text_escaped(show_str(event, "kind", "-"));
	yyjson_val *key, *value;
	size_t i, n;

	buf_printf(out, "%s%s%s %6" PRId64 "  %s", term_color(STDOUT_FILENO, COLOR_DIM),
		   clock_format(show_int(event, "time_ms", 0), time), term_plain(STDOUT_FILENO),
		   show_int(event, "seq", 0), kind);
	yyjson_obj_foreach (event, i, n, key, value) {
		const char *name = yyjson_get_str(key);

		if (strcmp(name, "seq") == 0 || strcmp(name, "time_ms") == 0 || strcmp(name, "kind") == 0 ||
		    yyjson_is_null(value))
			continue;
		buf_adds(out, "  ");
		text_escape(out, name, strlen(name));
		buf_addc(out, '=');
		add_value(out, value);
	}
	buf_addc(out, '\n');
}

static int print_event(void *ctx, const char *line, size_t len, struct err *err)
{
	const struct events_values *v = ctx;
	yyjson_doc *doc json_doc_cleanup = NULL;
	struct buf out buf_cleanup = BUF_INIT;

	if (v->json && !term_is(STDOUT_FILENO)) {
		fwrite(line, 1, len, stdout);
		fputc('\n', stdout);
		return 0;
	}
	if (v->json) {
		text_escape(&out, line, len);
		buf_addc(&out, '\n');
	} else {
		doc = json_parse(line, len, LINES_MAX, "an event", err);
		if (!doc)
			return -EPROTO;
		add_event(&out, yyjson_doc_get_root(doc));
	}
	fwrite(buf_str(&out), 1, out.len, stdout);
	return 0;
}

/* ---- as docker shows them ---- */

/* What happens to containers, images, networks and volumes is told by Docker's API, which has filters; ours tells of jobs, too, by numbers. */
static bool is_dockers(const struct events_values *v)
{
	return v->until || v->filters || v->format ||
	       (v->since && (strlen(v->since) > 9 || strspn(v->since, "0123456789") != strlen(v->since)));
}

/* "2026-01-31T12:00:00.000000000Z container start 17.. (image=busybox, name=web)" */
static void add_docker_event(struct buf *out, yyjson_val *event)
{
	yyjson_val *actor = yyjson_obj_get(event, "Actor"), *key, *value;
	int64_t ns = show_int(event, "timeNano", 0);
	char time[CLOCK_TEXT_NS_MAX];
	size_t i, n;

	clock_format_ns(ns / 1000000000, (unsigned)(ns % 1000000000), time);
	buf_printf(out, "%s %s %s %s", time, show_str(event, "Type", "-"), show_str(event, "Action", "-"),
		   show_str(actor, "ID", "-"));
	yyjson_obj_foreach (yyjson_obj_get(actor, "Attributes"), i, n, key, value) {
		buf_printf(out, "%s%s=%s", i > 0 ? ", " : " (", yyjson_get_str(key),
			   yyjson_is_str(value) ? yyjson_get_str(value) : "");
	}
	buf_adds(out, yyjson_obj_size(yyjson_obj_get(actor, "Attributes")) > 0 ? ")" : "");
}

static int print_docker_event(void *ctx, const char *line, size_t len, struct err *err)
{
	const struct events_values *v = ctx;
	yyjson_doc *doc json_doc_cleanup = json_parse(line, len, LINES_MAX, "an event", err);
	struct buf out buf_cleanup = BUF_INIT;
	int r = 0;

	if (!doc)
		return -EPROTO;
	if (v->format || v->json)
		r = template_add(&out, v->json ? "json" : v->format, yyjson_doc_get_root(doc), err);
	else
		add_docker_event(&out, yyjson_doc_get_root(doc));
	if (r == 0)
		text_raw_line(stdout, buf_str(&out), out.len);
	return r;
}

static int add_moment(struct buf *target, const char *name, const char *text, struct err *err)
{
	mem_cleanup char *moment = NULL;
	int r = text ? units_moment(text, &moment, err) : 0;

	if (r < 0)
		return err_wrap(err, "--%s", name);
	if (moment)
		client_query(target, name, moment);
	return 0;
}

static int docker_target(const struct events_values *v, struct buf *target, struct err *err)
{
	mem_cleanup char *now = mem_printf("%.3f", (double)clock_wall_ms() / 1000);
	int r;

	if (v->job)
		return err_set(err, EINVAL, "--job is not for --filter, --until, --format and times");
	buf_adds(target, CLIENT_DOCKER "/events");
	r = add_moment(target, "since", v->since ? v->since : "1", err);
	if (r == 0 && (v->until || !v->follow))
		r = add_moment(target, "until", v->until ? v->until : now, err);
	return r < 0 ? r : filters_query(target, v->filters, err);
}

static void own_target(const struct events_values *v, struct buf *target)
{
	buf_adds(target, "/v1/events");
	if (v->follow)
		client_query(target, "follow", "1");
	if (v->since)
		client_query(target, "since", v->since);
	if (v->job)
		client_query(target, "job", v->job);
}

static int events_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct events_values *v = values;
	const bool dockers = is_dockers(v);
	struct buf target buf_cleanup = BUF_INIT;
	struct lines lines cleanup_with(lines_free) = LINES_INIT;
	mem_cleanup char *data = mem_zalloc(1, PIECE);
	struct http_client *c = NULL;
	ssize_t n = 0;
	int r;

	(void)operands;
	if (!dockers)
		own_target(v, &target);
	r = dockers ? docker_target(v, &target, err) : 0;
	if (r == 0)
		r = client_http(cli, &c, err);
	if (r == 0)
		r = client_begin(c, "GET", buf_str(&target), NULL, err);
	while (r == 0 && (n = client_read(c, -1, data, PIECE, -1, NULL, err)) > 0) {
		r = lines_feed(&lines, data, (size_t)n, dockers ? print_docker_event : print_event, values, err);
		(void)fflush(stdout);
	}
	return r < 0 ? r : (int)n;
}

const struct cli_command command_events = {
    .name = "events",
    .usage = "",
    .summary = "Show what happened, or what happens",
    .detail =
	"Jobs and nodes by numbers. With -f also what happens to containers that are no job's, at the server of a "
	"cluster\n"
	"those of all nodes, as it comes. What has happened to containers and images is told as docker events does "
	"with\n"
	"--filter, --since TIME, --until or --format.",
    .examples = "  berth events --job wordcount-7f3a\n  berth events -f --json | jq .kind\n"
		"  berth events -f --filter event=die --format '{{.Actor.Attributes.name}}'",
    .options = events_options,
    .values_size = sizeof(struct events_values),
    .run = events_run,
};
