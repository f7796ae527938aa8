/* SPDX-License-Identifier: Apache-2.0
 *
 * What comes out of a container as a whole: commit (an image), export (a tar).
 */
#include "face/cli/command.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/core/outfile.h"
#include "base/wire/http_client.h"
#include "face/cli/client.h"
#include "face/cli/show.h"
#include "face/cli/term.h"
#include "face/cli/text.h"

#include <string.h>
#include <unistd.h>

struct commit_values {
	bool pause;
	const char *author, *message;
	char **changes;
};
static const struct option_spec commit_options[] = {
    {"author", 'a', OPTION_TEXT, offsetof(struct commit_values, author), "TEXT", "who made it"},
    {"message", 'm', OPTION_TEXT, offsetof(struct commit_values, message), "TEXT", "what it is"},
    {"change", 'c', OPTION_LIST, offsetof(struct commit_values, changes), "LINE",
     "a line of a Dockerfile, for example \"CMD httpd -f\""},
    {"pause", 'p', OPTION_FLAG, offsetof(struct commit_values, pause), NULL,
     "freeze it meanwhile (default; --pause=false: not)"},
    {NULL},
};
static const struct commit_values commit_defaults = {.pause = true};

/* "registry:5000/team/web:2" -> repo and tag. */
static void add_name(struct buf *target, const char *name)
{
	const char *slash = strrchr(name, '/'), *colon = strchr(slash ? slash : name, ':');
	mem_cleanup char *repo = mem_strndup(name, colon ? (size_t)(colon - name) : strlen(name));

	client_query(target, "repo", repo);
	if (colon)
		client_query(target, "tag", colon + 1);
}

static int commit_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct commit_values *v = values;
	struct buf target buf_cleanup = BUF_INIT;
	yyjson_doc *doc json_doc_cleanup = NULL;
	int r;

	buf_adds(&target, CLIENT_DOCKER "/commit");
	client_query(&target, "container", operands[0]);
	if (operands[1])
		add_name(&target, operands[1]);
	if (v->author)
		client_query(&target, "author", v->author);
	if (v->message)
		client_query(&target, "comment", v->message);
	for (char **line = v->changes; line && *line; line++)
		client_query(&target, "changes", *line);
	client_query(&target, "pause", v->pause ? "1" : "0");
	r = client_call(cli, "POST", buf_str(&target), NULL, &doc, err);
	if (r == 0)
		text_line(stdout, "%s", show_str(yyjson_doc_get_root(doc), "Id", ""));
	return r;
}

const struct cli_command command_commit = {
    .name = "commit",
    .usage = "CONTAINER [NAME[:TAG]]",
    .summary = "Make an image of a container's files",
    .examples = "  berth commit web team/web:2\n  berth commit -c 'CMD httpd -f' -m 'with pages' web team/web",
    .options = commit_options,
    .values_size = sizeof(struct commit_values),
    .defaults = &commit_defaults,
    .least = 1,
    .most = 2,
    .operand = OPERAND_CONTAINER,
    .run = commit_run,
};

struct export_values {
	const char *output;
};
static const struct option_spec export_options[] = {
    {"output", 'o', OPTION_TEXT, offsetof(struct export_values, output), "FILE", "write it there, not to stdout"},
    {NULL},
};

static int export_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct export_values *v = values;
	mem_cleanup char *target = client_target(CLIENT_DOCKER_CONTAINERS, operands[0], "/export");
	struct outfile out cleanup_with(outfile_close) = OUTFILE_NULL;
	struct http_client *c = NULL;
	int r;

	if (!v->output && term_is(STDOUT_FILENO))
		return err_set(err, EINVAL, "a tar is no text for a terminal; say --output FILE");
	r = client_http(cli, &c, err);
	if (r == 0)
		r = client_begin(c, "GET", target, NULL, err);
	if (r == 0 && v->output)
		r = outfile_open(v->output, 0666, &out, err);
	if (r == 0)
		r = http_client_read_into(c, v->output ? out.fd : STDOUT_FILENO, err);
	return r == 0 && v->output ? outfile_name(&out, err) : r;
}

const struct cli_command command_export = {
    .name = "export",
    .usage = "CONTAINER",
    .summary = "Write a container's files as a tar",
    .examples = "  berth export -o web.tar web\n  berth export web | tar t",
    .options = export_options,
    .values_size = sizeof(struct export_values),
    .least = 1,
    .most = 1,
    .operand = OPERAND_CONTAINER,
    .run = export_run,
};
