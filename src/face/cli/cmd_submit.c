/* SPDX-License-Identifier: Apache-2.0
 *
 * submit: the job file is read and checked here (face/compose), sent as one JSON object, and, with --wait, watched to
 * its end.
 */
#include "face/cli/command.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/image_fetch.h"
#include "face/cli/interrupt.h"
#include "face/cli/show.h"
#include "face/cli/table.h"
#include "face/cli/term.h"
#include "face/cli/text.h"
#include "face/cli/watch.h"
#include "face/compose/compose.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOB_MAX (32u << 20)

struct submit_values {
	char **params, **profiles;
	const char *input, *output, *name, *pull;
	bool wait, dry_run, json, quiet;
};
static const struct option_spec submit_options[] = {
    {"param", 'p', OPTION_LIST, offsetof(struct submit_values, params), "K=V", "set a parameter of the job"},
    {"input", 'i', OPTION_TEXT, offsetof(struct submit_values, input), "DIR", "directory of the space \"input\""},
    {"output", 'o', OPTION_TEXT, offsetof(struct submit_values, output), "DIR", "directory of the space \"output\""},
    {"profile", 0, OPTION_LIST, offsetof(struct submit_values, profiles), "P", "activate a profile; may be repeated"},
    {"name", 0, OPTION_TEXT, offsetof(struct submit_values, name), "NAME", "of the project (default: as in the file)"},
    {"pull", 0, OPTION_TEXT, offsetof(struct submit_values, pull), "WHEN",
     "fetch the job's images from their registries: missing (default), always, never"},
    {"wait", 'w', OPTION_FLAG, offsetof(struct submit_values, wait), NULL,
     "show progress, and wait for the end of the job"},
    {"dry-run", 0, OPTION_FLAG, offsetof(struct submit_values, dry_run), NULL, "only check the file, submit nothing"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct submit_values, quiet), NULL, "print the ID only, no progress"},
    {"json", 0, OPTION_FLAG, offsetof(struct submit_values, json), NULL,
     "print JSON: the reply, with --wait the ended job, with --dry-run what would be sent"},
    {NULL},
};

static int load(const struct submit_values *v, const char *file, char **ret_json, size_t *ret_len, struct err *err)
{
	struct compose_messages messages compose_messages_cleanup = COMPOSE_MESSAGES_INIT;
	const struct compose_options o = {.file = file,
					  .params = v->params,
					  .input = v->input,
					  .output = v->output,
					  .profiles = v->profiles,
					  .env = environ,
					  .project = v->name};
	int r = compose_load(&o, ret_json, ret_len, &messages, err);

	for (size_t i = 0; i < messages.n; i++)
		text_line(stderr, "%s", messages.items[i].text);
	if (r < 0 && messages.n_errors > 0)
		return err_set(err, -r, "%s has %zu error%s; nothing was submitted", file, messages.n_errors,
			       messages.n_errors > 1 ? "s" : "");
	return r;
}

static const struct table_column columns[] = {
    {.title = "SERVICE", .least = 12},	{.title = "KIND"},
    {.title = "COPIES", .right = true}, {.title = "IMAGE", .least = 10},
    {.title = "AFTER", .least = 10},	{.title = NULL},
};

static void service_row(struct table *t, yyjson_val *service)
{
	struct buf after buf_cleanup = BUF_INIT;
	yyjson_val *d;
	size_t i, n;

	yyjson_arr_foreach (yyjson_obj_get(service, "depends_on"), i, n, d) {
		buf_printf(&after, "%s%s", i ? ", " : "", show_str(d, "service", ""));
	}
	table_cell(t, show_str(service, "name", "-"));
	table_cell(t, show_str(service, "kind", "-"));
	if (yyjson_obj_get(service, "over"))
		table_cell(t, "as files");
	else
		table_cellf(t, "%" PRId64, show_int(service, "count", 1));
	table_cell(t, show_str(service, "image", "-"));
	table_cell(t, buf_str(&after));
}

static int dry_run(const struct submit_values *v, const char *file, const char *json, size_t len, struct err *err)
{
	yyjson_doc *doc json_doc_cleanup = json_parse(json, len, JOB_MAX, "the job", err);
	struct table *t cleanup_with(table_freep) = table_new(columns);
	yyjson_val *root = yyjson_doc_get_root(doc), *service;
	size_t i, n;

	if (!doc)
		return -EINVAL;
	if (v->json)
		return client_print_json(doc);
	text_line(stdout, "%s is right: job %s", file, show_str(root, "name", "-"));
	yyjson_arr_foreach (yyjson_obj_get(root, "services"), i, n, service) {
		service_row(t, service);
	}
	table_print(t);
	return CLI_OK;
}

static int wait_end(struct cli *cli, const struct submit_values *v, const char *id, struct err *err)
{
	yyjson_doc *doc json_doc_cleanup = NULL;
	int r = watch_job(cli, id, v->quiet || v->json, &doc, err);

	if (r == -EINTR) {
		text_error("job %s goes on. To see it: berth job %s; to end it: berth cancel %s", id, id, id);
		return CLI_INTERRUPTED;
	}
	if (r < 0)
		return r;
	if (v->json)
		client_print_json(doc);
	else if (!v->quiet)
		watch_report(cli, yyjson_doc_get_root(doc));
	return show_job_status(yyjson_doc_get_root(doc));
}

static void print_reply(const struct submit_values *v, yyjson_doc *doc, const char *id, bool schedule)
{
	yyjson_val *warning;
	size_t i, n;

	yyjson_arr_foreach (yyjson_obj_get(yyjson_doc_get_root(doc), "warnings"), i, n, warning) {
		text_error("warning: %s", yyjson_is_str(warning) ? yyjson_get_str(warning) : "(unreadable)");
	}
	if (v->json && !v->wait)
		client_print_json(doc);
	else if (v->json)
		return;
	else if (schedule && !v->quiet && term_is(STDOUT_FILENO))
		text_line(stdout, "schedule %s is set; see its times with: berth schedule ls", id);
	else if (v->quiet || v->wait || !term_is(STDOUT_FILENO))
		text_line(stdout, "%s", id);
	else
		text_line(stdout, "job %s is submitted; see it with: berth job %s", id, id);
	(void)fflush(stdout);
}

/* The images of a job, each once; those that are here only when all are to be fetched. Returns their number. */
static int fetch_images(struct cli *cli, const struct submit_values *v, const char *json, size_t len, bool all,
			struct err *err)
{
	yyjson_doc *doc json_doc_cleanup = json_parse(json, len, JOB_MAX, "the job", err);
	yyjson_val *services = yyjson_obj_get(yyjson_doc_get_root(doc), "services"), *service;
	cleanup_with(map_free) struct map seen = MAP_INIT;
	int fetched = 0, r = doc ? 0 : -EINVAL;
	size_t i, n;

	yyjson_arr_foreach (services, i, n, service) {
		const char *image = show_str(service, "image", NULL);

		if (r < 0 || !image || map_get(&seen, image))
			continue;
		map_put(&seen, image, service);
		r = all ? 0 : image_fetch_is_here(cli, image, err);
		if (r == 0) {
			r = image_fetch(cli, image, v->quiet, err);
			fetched++;
		}
	}
	return r < 0 ? r : fetched;
}

/* The refusal has the image's place in the file and says what to do, which was tried. */
static int not_fetched(int r, const struct err *why, struct err *err)
{
	struct err refused = *err;

	if (r == -ECANCELED)
		return r;
	return err_set(err, ENOENT, "%.400s, which failed: %.500s", refused.text, why->text);
}

/* A job whose images are there costs no request more. */
static int submit(struct cli *cli, const struct submit_values *v, const char *json, size_t len, yyjson_doc **ret,
		  struct err *err)
{
	enum image_fetch pull = IMAGE_FETCH_MISSING;
	struct err why = ERR_INIT;
	int r = image_fetch_parse(v->pull, &pull, err);

	if (r == 0 && pull == IMAGE_FETCH_ALWAYS)
		r = fetch_images(cli, v, json, len, true, err);
	if (r < 0)
		return r;
	r = client_call(cli, "POST", "/v1/jobs", json, ret, err);
	if (r != -ENOENT || pull != IMAGE_FETCH_MISSING)
		return r;
	r = fetch_images(cli, v, json, len, false, &why);
	if (r == 0)
		return -ENOENT; /* it was not an image that is missing: *err says what */
	if (r < 0)
		return not_fetched(r, &why, err);
	err_clear(err);
	return client_call(cli, "POST", "/v1/jobs", json, ret, err);
}

static bool has_schedule(const char *json, size_t len)
{
	yyjson_doc *doc json_doc_cleanup = json_parse(json, len, JOB_MAX, "the job", NULL);

	return yyjson_obj_get(yyjson_doc_get_root(doc), "schedule") != NULL;
}

static int submit_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct submit_values *v = values;
	yyjson_doc *doc json_doc_cleanup = NULL;
	mem_cleanup char *json = NULL;
	const char *id;
	bool schedule;
	size_t len;
	int r = load(v, operands[0], &json, &len, err);

	if (r < 0)
		return r;
	if (v->dry_run)
		return dry_run(v, operands[0], json, len, err);
	schedule = has_schedule(json, len);
	if (schedule && v->wait)
		return err_set(err, EINVAL, "--wait: \"%s\" has a schedule, which does not end", operands[0]);
	/* Made here, so that it belongs to whoever asked for it. */
	if (v->output && mkdir(v->output, 0777) < 0 && errno != EEXIST)
		return err_sys(err, errno, "make the output directory \"%s\"", v->output);
	r = submit(cli, v, json, len, &doc, err);
	if (r == 0)
		r = json_get_str(yyjson_doc_get_root(doc), "id", &id, err);
	if (r != 0)
		return interrupt_status(r, err);
	print_reply(v, doc, id, schedule);
	return v->wait ? wait_end(cli, v, id, err) : CLI_OK;
}

const struct cli_command command_submit = {
    .name = "submit",
    .usage = "FILE|-",
    .summary = "Submit a job: a Compose file, with x-berth keys for what Compose cannot say",
    .detail =
	"The file is checked first; an error names file, line and column, and nothing is submitted. The job's ID is\n"
	"printed on stdout. With --wait the exit status is 0 when the job finished, else the job's exit code or 1;\n"
	"Ctrl-C ends the waiting, not the job.",
    .examples = "  berth submit compose.yaml\n"
		"  berth submit --wait --param parts=8 --input ./texts --output ./result compose.yaml\n"
		"  berth submit --dry-run --json compose.yaml",
    .options = submit_options,
    .values_size = sizeof(struct submit_values),
    .least = 1,
    .most = 1,
    .operand = OPERAND_FILE,
    .run = submit_run,
};
