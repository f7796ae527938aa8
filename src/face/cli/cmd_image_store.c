/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands on the store of images: they open it themselves when they may, whether a berth runs or not, and ask the berth that runs otherwise.
 */
#include "face/cli/command.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/image_door.h"
#include "face/cli/local_store.h"
#include "face/cli/show.h"
#include "face/cli/table.h"
#include "face/cli/text.h"
#include "node/depot/depot.h"
#include "node/image/image.h"
#include "node/image/prune.h"
#include "node/image/report.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DATA_OPTION(type)                                                                                              \
	{                                                                                                              \
		"data", 0, OPTION_TEXT, offsetof(type, data), "DIR", "where the images are (environment: BERTH_DATA)"  \
	}
#define JSON_OPTION(type)                                                                                              \
	{                                                                                                              \
		"json", 0, OPTION_FLAG, offsetof(type, json), NULL, "print JSON"                                       \
	}

/* ---- tag ---- */

struct tag_values {
	const char *data;
	bool force;
};
static const struct option_spec tag_options[] = {
    DATA_OPTION(struct tag_values),
    {"force", 'f', OPTION_FLAG, offsetof(struct tag_values, force), NULL, "take the name away from another image"},
    {NULL},
};

static int tag_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct tag_values *v = values;
	struct image_store *s cleanup_with(image_door_close) = NULL;
	int r = image_door_open(cli, v->data, &s, err);

	if (r == 0 && s)
		return image_tag(s, operands[0], operands[1], v->force ? IMAGE_REPLACE_YES : IMAGE_REPLACE_NO, err);
	if (r == 0) {
		mem_cleanup char *target = client_target("/v1/images/", operands[0], "/tag");
		struct buf query buf_cleanup = BUF_INIT;

		buf_adds(&query, target);
		client_query(&query, "name", operands[1]);
		client_query(&query, "force", v->force ? "true" : "false");
		r = client_call(cli, "POST", buf_str(&query), NULL, NULL, err);
	}
	return r;
}

#define TAG_COMMAND(NAME, GROUP)                                                                                       \
	{                                                                                                              \
		.name = (NAME), .group = (GROUP), .usage = "IMAGE NAME", .summary = "Give an image another name",      \
		.detail = "IMAGE is a name or an id. A name that another image has stays with it, unless --force is "  \
			  "given.",                                                                                    \
		.examples = "  berth tag busybox registry.example:5000/tools/busybox:1", .options = tag_options,       \
		.values_size = sizeof(struct tag_values), .least = 2, .most = 2, .operand = OPERAND_IMAGE,             \
		.run = tag_run,                                                                                        \
	}
const struct cli_command command_image_tag = TAG_COMMAND("image tag", "image");
const struct cli_command command_tag = TAG_COMMAND("tag", NULL);

/* ---- inspect, history ---- */

struct show_values {
	const char *data;
	bool json, full;
};

static int inspect(struct cli *cli, struct image_store *s, const char *name, yyjson_doc **ret, struct err *err)
{
	mem_cleanup char *text = NULL, *target = NULL;
	int r;

	if (!s) {
		target = client_target("/v1/images/", name, "");
		return client_call(cli, "GET", target, NULL, ret, err);
	}
	r = report_inspect(s, name, &text, err);
	if (r < 0)
		return r;
	*ret = json_parse(text, strlen(text), CLIENT_REPLY_MAX, "the report", err);
	return *ret ? 0 : -EPROTO;
}

static const struct option_spec inspect_options[] = {
    DATA_OPTION(struct show_values),
    {NULL},
};

static int inspect_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct show_values *v = values;
	struct image_store *s cleanup_with(image_door_close) = NULL;
	yyjson_doc *doc json_doc_cleanup = NULL;
	int r = image_door_open(cli, v->data, &s, err);

	if (r == 0)
		r = inspect(cli, s, operands[0], &doc, err);
	return r < 0 ? r : client_print_json(doc);
}

const struct cli_command command_image_inspect = {
    .name = "image inspect",
    .group = "image",
    .usage = "IMAGE",
    .summary = "Show everything about an image as JSON",
    .detail = "\"config\" and \"manifest\" are the image's documents; \"parts\" are its layers, bottom first: their "
	      "sizes, and "
	      "how\nthey were packed where they came from.",
    .examples = "  berth image inspect busybox",
    .options = inspect_options,
    .values_size = sizeof(struct show_values),
    .least = 1,
    .most = 1,
    .operand = OPERAND_IMAGE,
    .run = inspect_run,
};

static const struct option_spec history_options[] = {
    DATA_OPTION(struct show_values),
    {"full", 0, OPTION_FLAG, offsetof(struct show_values, full), NULL, "do not shorten the steps"},
    JSON_OPTION(struct show_values),
    {NULL},
};
static const struct table_column history_columns[] = {
    {.title = "LAYER"}, {.title = "CREATED"}, {.title = "SIZE", .right = true}, {.title = "STEP", .least = 20},
    {.title = NULL},
};

/* A step without a layer of its own (a label, a variable) is empty; the others take the layers in order. */
static void add_step(struct table *t, yyjson_val *step, yyjson_val *part)
{
	mem_cleanup char *id = text_id(part ? show_str(part, "diff_id", "") : "");
	const char *created = show_str(step, "created", "");
	char size[TEXT_MAX];
	mem_cleanup char *day = mem_strndup(created, 10);

	table_cell(t, *id ? id : "-");
	table_cell(t, *day ? day : "-");
	table_cell(t, part ? text_size(size, (uint64_t)show_int(part, "size", 0)) : "0 B");
	table_cell(t, show_str(step, "created_by", show_str(step, "comment", "")));
}

static void add_steps(struct table *t, yyjson_val *image)
{
	yyjson_val *steps = yyjson_obj_get(yyjson_obj_get(image, "config"), "history"), *step;
	yyjson_val *parts = yyjson_obj_get(image, "parts"), *part;
	size_t i, n, used = 0;

	yyjson_arr_foreach (steps, i, n, step) {
		add_step(t, step, show_bool(step, "empty_layer") ? NULL : yyjson_arr_get(parts, used++));
	}
	/* layers that the history does not tell of */
	for (; (part = yyjson_arr_get(parts, used)); used++)
		add_step(t, NULL, part);
}

static int history_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct show_values *v = values;
	struct image_store *s cleanup_with(image_door_close) = NULL;
	struct table *t cleanup_with(table_freep) = table_new(history_columns);
	struct buf text buf_cleanup = BUF_INIT;
	yyjson_doc *doc json_doc_cleanup = NULL;
	int r = image_door_open(cli, v->data, &s, err);

	if (r == 0)
		r = inspect(cli, s, operands[0], &doc, err);
	if (r < 0)
		return r;
	if (v->json) {
		yyjson_mut_doc *out json_mut_cleanup = yyjson_mut_doc_new(NULL);
		yyjson_val *steps = yyjson_obj_get(yyjson_obj_get(yyjson_doc_get_root(doc), "config"), "history");
		mem_cleanup char *line = NULL;

		yyjson_mut_doc_set_root(out, steps ? yyjson_val_mut_copy(out, steps) : yyjson_mut_arr(out));
		line = json_text(out, false, NULL);
		fputs(line, stdout);
		fputc('\n', stdout);
		return CLI_OK;
	}
	add_steps(t, yyjson_doc_get_root(doc));
	if (!v->full) {
		table_print(t);
		return CLI_OK;
	}
	table_render(t, 0, STDOUT_FILENO, true, &text);
	fputs(buf_str(&text), stdout);
	return CLI_OK;
}

const struct cli_command command_image_history = {
    .name = "image history",
    .group = "image",
    .usage = "IMAGE",
    .summary = "Show the steps that an image was made of",
    .examples = "  berth image history busybox",
    .options = history_options,
    .values_size = sizeof(struct show_values),
    .least = 1,
    .most = 1,
    .operand = OPERAND_IMAGE,
    .run = history_run,
};

/* ---- prune ---- */

struct prune_values {
	const char *data;
	bool all, dry_run, json;
};
static const struct option_spec prune_options[] = {
    DATA_OPTION(struct prune_values),
    {"all", 'a', OPTION_FLAG, offsetof(struct prune_values, all), NULL, "images that have a name, too"},
    {"dry-run", 'n', OPTION_FLAG, offsetof(struct prune_values, dry_run), NULL, "only say what would go"},
    JSON_OPTION(struct prune_values),
    {NULL},
};

static int prune_here(struct image_store *s, const struct prune_values *v, yyjson_doc **ret, struct err *err)
{
	const struct image_prune_options o = {.all = v->all, .dry_run = v->dry_run};
	struct image_pruned p;
	mem_cleanup char *text = NULL;
	int r = image_prune(s, &o, &p, err);

	if (r < 0)
		return r;
	text = report_pruned(&p);
	image_pruned_free(&p);
	*ret = json_parse(text, strlen(text), CLIENT_REPLY_MAX, "the report", err);
	return *ret ? 0 : -EPROTO;
}

static int prune_there(struct cli *cli, const struct prune_values *v, yyjson_doc **ret, struct err *err)
{
	struct buf target buf_cleanup = BUF_INIT;

	buf_adds(&target, "/v1/images/prune");
	client_query(&target, "all", v->all ? "true" : "false");
	client_query(&target, "dry_run", v->dry_run ? "true" : "false");
	return client_call(cli, "POST", buf_str(&target), NULL, ret, err);
}

static int prune_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct prune_values *v = values;
	struct image_store *s cleanup_with(image_door_close) = NULL;
	yyjson_doc *doc json_doc_cleanup = NULL;
	yyjson_val *name, *root;
	char size[TEXT_MAX];
	size_t i, n;
	int r = image_door_open(cli, v->data, &s, err);

	(void)operands;
	if (r == 0)
		r = s ? prune_here(s, v, &doc, err) : prune_there(cli, v, &doc, err);
	if (r < 0 || v->json)
		return r < 0 ? r : client_print_json(doc);
	root = yyjson_doc_get_root(doc);
	yyjson_arr_foreach (yyjson_obj_get(root, "images"), i, n, name) {
		text_line(stdout, "%s %s", v->dry_run ? "would remove" : "removed", yyjson_get_str(name));
	}
	text_line(stdout, "%s: %s", v->dry_run ? "would free" : "freed",
		  text_size(size, (uint64_t)show_int(root, "bytes", 0)));
	return CLI_OK;
}

const struct cli_command command_image_prune = {
    .name = "image prune",
    .group = "image",
    .usage = "",
    .summary = "Remove images that nobody uses",
    .detail =
	"Images without a name go; with --all also those with a name on which no container runs and no job works.",
    .examples = "  berth image prune\n  berth image prune --all --dry-run",
    .options = prune_options,
    .values_size = sizeof(struct prune_values),
    .run = prune_run,
};

/* ---- system df ---- */

static const struct option_spec df_options[] = {
    DATA_OPTION(struct show_values),
    {"verbose", 'v', OPTION_FLAG, offsetof(struct show_values, full), NULL, "each image, too"},
    JSON_OPTION(struct show_values),
    {NULL},
};
static const struct table_column df_columns[] = {
    {.title = "WHAT"},
    {.title = "COUNT", .right = true},
    {.title = "SIZE", .right = true},
    {.title = "RECLAIMABLE", .right = true},
    {.title = NULL},
};
static const struct table_column df_image_columns[] = {
    {.title = "IMAGE", .least = 16},	    {.title = "ID"}, {.title = "SIZE", .right = true},
    {.title = "OF ITS OWN", .right = true}, {.title = NULL},
};

static void print_parts(yyjson_val *root)
{
	struct table *t cleanup_with(table_freep) = table_new(df_columns);
	char size[TEXT_MAX];
	yyjson_val *part;
	size_t i, n;

	yyjson_arr_foreach (yyjson_obj_get(root, "parts"), i, n, part) {
		table_cell(t, show_str(part, "what", ""));
		table_cellf(t, "%lld", (long long)show_int(part, "count", 0));
		table_cell(t, text_size(size, (uint64_t)show_int(part, "bytes", 0)));
		table_cell(t, text_size(size, (uint64_t)show_int(part, "reclaimable", 0)));
	}
	table_cell(t, "all");
	table_cell(t, "");
	table_cell(t, text_size(size, (uint64_t)show_int(root, "bytes", 0)));
	table_cell(t, "");
	table_print(t);
}

static void print_images(yyjson_val *root)
{
	struct table *t cleanup_with(table_freep) = table_new(df_image_columns);
	char size[TEXT_MAX];
	yyjson_val *image;
	size_t i, n;

	yyjson_arr_foreach (yyjson_obj_get(root, "images"), i, n, image) {
		mem_cleanup char *id = text_id(show_str(image, "id", ""));
		const char *name = show_str(image, "name", "");

		table_cell(t, *name ? name : "<none>");
		table_cell(t, id);
		table_cell(t, text_size(size, (uint64_t)show_int(image, "bytes", 0)));
		table_cell(t, text_size(size, (uint64_t)show_int(image, "unique", 0)));
	}
	table_print(t);
}

/* What `berth registry` keeps here, and what `berth registry gc` would remove of it; all of a mirror's can be fetched again. */
static void look_at_depot(const char *data, struct report_part *part)
{
	mem_cleanup char *dir = mem_printf("%s/%s", data, part->name), *blobs = mem_printf("%s/blobs", dir);
	struct depot_gc gc = {.grace_ms = DEPOT_GRACE_MS, .dry_run = true};
	struct depot *d;

	if (access(blobs, F_OK) < 0 || depot_open(dir, false, 0, &d, NULL) < 0)
		return;
	if (depot_gc(d, &gc, NULL) == 0) {
		part->count = gc.all;
		part->reclaimable = depot_is_mirror(d) ? UINT64_MAX : gc.disk;
	}
	depot_close(d);
}

static int usage(struct cli *cli, const char *given, yyjson_doc **ret, struct err *err)
{
	struct image_store *s cleanup_with(image_door_close) = NULL;
	struct report_part depots[] = {{.name = "registry"}, {.name = "mirror"}};
	mem_cleanup char *text = NULL, *data = NULL;
	fd_cleanup int dir = -1;
	int r = image_door_open(cli, given, &s, err);

	if (r < 0)
		return r;
	if (!s)
		return client_call(cli, "GET", "/v1/system/df", NULL, ret, err);
	dir = local_store_dir(cli, given, err);
	r = dir < 0 ? dir : local_store_data(cli, given, &data, err);
	if (r < 0 || !data)
		return r;
	look_at_depot(data, &depots[0]);
	look_at_depot(data, &depots[1]);
	r = report_usage(s, dir, depots, 2, &text, err);
	if (r < 0)
		return r;
	*ret = json_parse(text, strlen(text), CLIENT_REPLY_MAX, "the report", err);
	return *ret ? 0 : -EPROTO;
}

static int df_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct show_values *v = values;
	yyjson_doc *doc json_doc_cleanup = NULL;
	int r = usage(cli, v->data, &doc, err);

	(void)operands;
	if (r < 0 || v->json)
		return r < 0 ? r : client_print_json(doc);
	print_parts(yyjson_doc_get_root(doc));
	if (v->full) {
		fputc('\n', stdout);
		print_images(yyjson_doc_get_root(doc));
	}
	return CLI_OK;
}

const struct cli_command command_system_df = {
    .name = "system df",
    .group = "system",
    .usage = "",
    .summary = "Show what images, containers and logs take on the disk",
    .detail = "The figures are bytes on the disk, as du counts them, and add up to the data directory. Reclaimable are "
	      "layers\non "
	      "which no container runs and no job works: `berth image prune --all` removes them; of the registry its\n"
	      "garbage: `berth registry gc`.",
    .examples = "  berth system df\n  berth system df --verbose",
    .options = df_options,
    .values_size = sizeof(struct show_values),
    .run = df_run,
};
