/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/command.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_client.h"
#include "face/cli/client.h"
#include "face/cli/lines.h"
#include "face/cli/show.h"
#include "face/cli/term.h"
#include "face/cli/text.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define PIECE (64u << 10)

struct events_values {
	bool follow, json;
	const char *since, *job;
};
static const struct option_spec events_options[] = {
    {"follow", 'f', OPTION_FLAG, offsetof(struct events_values, follow), NULL, "go on as events come"},
    {"since", 0, OPTION_TEXT, offsetof(struct events_values, since), "SEQ", "begin after this event"},
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

static int events_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct events_values *v = values;
	struct buf target buf_cleanup = BUF_INIT;
	struct lines lines cleanup_with(lines_free) = LINES_INIT;
	mem_cleanup char *data = mem_zalloc(1, PIECE);
	struct http_client *c = NULL;
	ssize_t n = 0;
	int r;

	(void)operands;
	buf_adds(&target, "/v1/events");
	if (v->follow)
		client_query(&target, "follow", "1");
	if (v->since)
		client_query(&target, "since", v->since);
	if (v->job)
		client_query(&target, "job", v->job);
	r = client_http(cli, &c, err);
	if (r == 0)
		r = client_begin(c, "GET", buf_str(&target), NULL, err);
	while (r == 0 && (n = client_read(c, -1, data, PIECE, -1, NULL, err)) > 0) {
		r = lines_feed(&lines, data, (size_t)n, print_event, values, err);
		(void)fflush(stdout);
	}
	return r < 0 ? r : (int)n;
}

const struct cli_command command_events = {
    .name = "events",
    .usage = "",
    .summary = "Show what happened, or what happens",
    .examples = "  berth events --job wordcount-7f3a\n  berth events -f --json | jq .kind",
    .options = events_options,
    .values_size = sizeof(struct events_values),
    .run = events_run,
};
