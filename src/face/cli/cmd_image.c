/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/command.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/http_client.h"
#include "face/cli/client.h"
#include "face/cli/filters.h"
#include "face/cli/image_door.h"
#include "face/cli/rows.h"
#include "face/cli/show.h"
#include "face/cli/table.h"
#include "face/cli/template.h"
#include "face/cli/text.h"
#include "face/cli/units.h"
#include "face/cli/upload.h"
#include "node/image/image.h"
#include "node/image/report.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPLY_MAX (4u << 20)

struct import_values {
	const char *cmd, *entrypoint, *workdir, *user;
	char **env;
	bool json, quiet;
};
static const struct option_spec import_options[] = {
    {"cmd", 0, OPTION_TEXT, offsetof(struct import_values, cmd), "WORDS",
     "default command: words, or a JSON list of strings"},
    {"entrypoint", 0, OPTION_TEXT, offsetof(struct import_values, entrypoint), "WORDS",
     "what the command is handed to: words, or a JSON list"},
    {"env", 'e', OPTION_LIST, offsetof(struct import_values, env), "K=V", "environment variable; may be repeated"},
    {"workdir", 'w', OPTION_TEXT, offsetof(struct import_values, workdir), "DIR", "working directory"},
    {"user", 'u', OPTION_TEXT, offsetof(struct import_values, user), "USER", "user, or user:group"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct import_values, quiet), NULL, "print the ID only, no progress"},
    {"json", 0, OPTION_FLAG, offsetof(struct import_values, json), NULL, "print JSON"},
    {NULL},
};

static int add_words(yyjson_mut_doc *doc, const char *key, const char *text, struct err *err)
{
	char **words cleanup_with(mem_strv_freep) = NULL;
	int r;

	if (!text)
		return 0;
	r = units_words(text, &words, err);
	if (r < 0)
		return err_wrap(err, "--%s", key);
	json_add_strv(doc, yyjson_mut_doc_get_root(doc), key, words);
	return 0;
}

/* The image's config; *ret stays NULL when nothing was said. */
static int import_config(const struct import_values *v, char **ret, struct err *err)
{
	yyjson_mut_doc *doc json_mut_cleanup = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *config = yyjson_mut_obj(doc);
	int r;

	yyjson_mut_doc_set_root(doc, config);
	r = add_words(doc, "cmd", v->cmd, err);
	if (r == 0)
		r = add_words(doc, "entrypoint", v->entrypoint, err);
	if (r < 0)
		return r;
	for (char **e = v->env; e && *e; e++) {
		if (!strchr(*e, '=') || **e == '=')
			return err_set(err, EINVAL, "--env: \"%s\" is not NAME=VALUE", *e);
	}
	json_add_strv(doc, config, "env", v->env);
	if (v->workdir)
		yyjson_mut_obj_add_strcpy(doc, config, "working_dir", v->workdir);
	if (v->user)
		yyjson_mut_obj_add_strcpy(doc, config, "user", v->user);
	if (yyjson_mut_obj_size(config) > 0)
		*ret = json_text(doc, false, NULL);
	return 0;
}

static int open_tar(const char *file, struct err *err)
{
	struct stat st;
	int fd;

	if (strcmp(file, "-") == 0) {
		if (isatty(STDIN_FILENO))
			return err_set(err, EINVAL, "standard input is a terminal; pipe a tar file into it");
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	} else {
		fd = open(file, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0)
		return err_sys(err, errno, "open \"%s\"", file);
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		close(fd);
		return err_set(err, EISDIR, "\"%s\" is a directory; a tar file is needed", file);
	}
	return fd;
}

static int import_send(struct cli *cli, const char *target, int fd, bool quiet, yyjson_doc **ret, struct err *err)
{
	mem_cleanup char *reply = NULL;
	struct upload *upload = NULL;
	struct http_client *c = NULL;
	size_t n;
	int r = client_http(cli, &c, err);

	if (r < 0)
		return r;
	if (!quiet)
		upload = upload_watch(fd);
	r = http_client_request(c, "POST", target, "application/x-tar", NULL, 0, fd, err);
	upload_end(upload);
	if (r >= 0)
		r = client_check(c, r, err);
	if (r == 0)
		r = http_client_read_all(c, REPLY_MAX, &reply, &n, err);
	if (r != 0)
		return r;
	*ret = json_parse(reply, n, REPLY_MAX, "the reply of berth", err);
	return *ret ? 0 : -EPROTO;
}

static int import_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct import_values *v = values;
	yyjson_doc *doc json_doc_cleanup = NULL;
	struct buf target buf_cleanup = BUF_INIT;
	mem_cleanup char *config = NULL;
	mem_cleanup char *id = NULL;
	fd_cleanup int fd = -1;
	yyjson_val *image;
	char size[TEXT_MAX];
	int r = import_config(v, &config, err);

	if (r < 0)
		return r;
	fd = open_tar(operands[0], err);
	if (fd < 0)
		return fd;
	buf_adds(&target, "/v1/images/import");
	client_query(&target, "name", operands[1]);
	if (config)
		client_query(&target, "config", config);
	r = import_send(cli, buf_str(&target), fd, v->quiet || v->json, &doc, err);
	if (r < 0 || v->json)
		return r < 0 ? r : client_print_json(doc);
	image = yyjson_doc_get_root(doc);
	id = text_id(show_str(image, "id", ""));
	if (v->quiet)
		text_line(stdout, "%s", show_str(image, "id", ""));
	else
		text_line(stdout, "%s  %s  %s", show_str(image, "name", operands[1]), id,
			  text_size(size, (uint64_t)show_int(image, "size", 0)));
	return CLI_OK;
}

const struct cli_command command_image_import = {
    .name = "image import",
    .group = "image",
    .usage = "FILE|- NAME",
    .summary = "Make an image from a tar file of a root filesystem",
    .detail = "The file may be plain, or packed with gzip, zstd, bzip2 or xz; \"-\" is standard input. NAME is "
	      "name[:tag]; an image of that name "
	      "is replaced.",
    .examples = "  berth image import rootfs.tar.gz busybox --cmd sh\n"
		"  tar -C rootfs -c . | berth image import - tools:1 --env PATH=/bin --entrypoint '[\"sh\", \"-c\"]'",
    .options = import_options,
    .values_size = sizeof(struct import_values),
    .least = 2,
    .most = 2,
    .operand = OPERAND_FILE,
    .run = import_run,
};

struct ls_values {
	const char *data, *format;
	char **filters;
	bool all, json, quiet, digests, whole;
};
static const struct option_spec ls_options[] = {
    {"all", 'a', OPTION_FLAG, offsetof(struct ls_values, all), NULL, "those without a name, too"},
    {"digests", 0, OPTION_FLAG, offsetof(struct ls_values, digests), NULL, "show the digests of the manifests"},
    {"data", 0, OPTION_TEXT, offsetof(struct ls_values, data), "DIR", "where the images are (environment: BERTH_DATA)"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct ls_values, quiet), NULL, "print names only"},
    {"json", 0, OPTION_FLAG, offsetof(struct ls_values, json), NULL, "print JSON"},
    FILTERS_OPTION(struct ls_values),
    {"format", 0, OPTION_TEXT, offsetof(struct ls_values, format), "TEMPLATE",
     "print {{.Repository}}, {{.Tag}}, {{.ID}} ..., or json"},
    {"no-trunc", 0, OPTION_FLAG, offsetof(struct ls_values, whole), NULL, "cut nothing"},
    {NULL},
};
static const struct table_column columns[] = {
    {.title = "NAME", .least = 16}, {.title = "ID"}, {.title = "SIZE", .right = true},
    {.title = "CREATED"},	    {.title = NULL},
};
static const struct table_column digest_columns[] = {
    {.title = "NAME", .least = 16},   {.title = "ID"},	    {.title = "DIGEST"},
    {.title = "SIZE", .right = true}, {.title = "CREATED"}, {.title = NULL},
};

static int list(struct cli *cli, const struct ls_values *v, yyjson_doc **ret, struct err *err)
{
	struct image_store *s cleanup_with(image_door_close) = NULL;
	mem_cleanup char *text = NULL;
	int r = image_door_open(cli, v->data, &s, err);

	if (r < 0)
		return r;
	if (!s)
		return client_call(cli, "GET", v->all ? "/v1/images?all=true" : "/v1/images", NULL, ret, err);
	text = report_images(s, v->all);
	*ret = json_parse(text, strlen(text), CLIENT_REPLY_MAX, "the list of images", err);
	return *ret ? 0 : -EPROTO;
}

/* True for a name by digest of an image that has a tag in the same repository: one line is enough for both. */
static bool is_told(yyjson_val *images, yyjson_val *image)
{
	const char *name = show_str(image, "name", ""), *at = strchr(name, '@'), *id = show_str(image, "id", "");
	size_t i, max, n = at ? (size_t)(at - name) : 0;
	yyjson_val *other;

	if (!at)
		return false;
	yyjson_arr_foreach (images, i, max, other) {
		const char *named = show_str(other, "name", "");

		if (!strncmp(named, name, n) && named[n] == ':' && !strchr(named + n, '/') &&
		    !strcmp(show_str(other, "id", ""), id))
			return true;
	}
	return false;
}

static void add_row(struct table *t, const struct ls_values *v, yyjson_val *image)
{
	mem_cleanup char *id = text_id(show_str(image, "id", ""));
	const char *name = show_str(image, "name", "");
	mem_cleanup char *repository = mem_strndup(name, strcspn(name, "@"));
	mem_cleanup char *untagged = mem_printf("%s:<none>", repository);
	char size[TEXT_MAX], ago[TEXT_MAX];

	table_cell(t, strchr(name, '@') ? untagged : *name ? name : "<none>");
	table_cell(t, id);
	if (v->digests)
		table_cell(t, show_str(image, "digest", ""));
	table_cell(t, text_size(size, (uint64_t)show_int(image, "size", 0)));
	table_cell(t, text_ago(ago, show_int(image, "created_ms", 0), clock_wall_ms()));
}

/* What docker's users ask for: by Docker's API, which has filters. */
static int ls_docker(struct cli *cli, const struct ls_values *v, struct err *err)
{
	static const char usual[] = "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
	static const char digests[] =
	    "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
	const char *format = v->quiet ? "{{.ID}}" : v->format ? v->format : v->digests ? digests : usual;
	struct buf target buf_cleanup = BUF_INIT;
	yyjson_doc *doc json_doc_cleanup = NULL, *rows json_doc_cleanup = NULL;
	int r;

	if (v->data)
		return err_set(err, EINVAL, "--data: --filter, --format and --no-trunc ask a berth that runs");
	buf_adds(&target, CLIENT_DOCKER "/images/json");
	if (v->all)
		client_query(&target, "all", "1");
	if (v->digests)
		client_query(&target, "digests", "1");
	r = filters_query(&target, v->filters, err);
	if (r == 0)
		r = client_call(cli, "GET", buf_str(&target), NULL, &doc, err);
	if (r < 0 || v->json)
		return r < 0 ? r : client_print_json(doc);
	rows = rows_images(yyjson_doc_get_root(doc), v->whole);
	return template_print(format, yyjson_doc_get_root(rows), err);
}

static int ls_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct ls_values *v = values;
	yyjson_doc *doc json_doc_cleanup = NULL;
	struct table *t cleanup_with(table_freep) = table_new(v->digests ? digest_columns : columns);
	yyjson_val *image;
	size_t i, n;
	int r;

	(void)operands;
	if (v->filters || v->format || v->whole)
		return ls_docker(cli, v, err);
	r = list(cli, v, &doc, err);
	if (r < 0 || v->json)
		return r < 0 ? r : client_print_json(doc);
	yyjson_arr_foreach (yyjson_doc_get_root(doc), i, n, image) {
		const char *name = show_str(image, "name", "");

		if (is_told(yyjson_doc_get_root(doc), image))
			continue;
		if (v->quiet)
			text_line(stdout, "%s", *name ? name : show_str(image, "id", ""));
		else
			add_row(t, v, image);
	}
	if (!v->quiet)
		table_print(t);
	return CLI_OK;
}

const struct cli_command command_image_ls = {
    .name = "image ls",
    .group = "image",
    .usage = "",
    .summary = "List images",
    .detail =
	"SIZE is that of the unpacked layers; `berth system df --verbose` tells what they take on the disk. An image "
	"that\nwas pulled by its digest has no tag: NAME:<none>. With --quiet it is NAME@DIGEST.",
    .examples = "  berth image ls\n  berth image ls --digests\n  berth image ls --json\n"
		"  berth image ls --filter dangling=true --format '{{.ID}} {{.Size}}'",
    .options = ls_options,
    .values_size = sizeof(struct ls_values),
    .run = ls_run,
};

/* A berth that runs removes them itself, so that its events tell of it. */
static int rm_one(struct cli *cli, struct image_store *s, const char *name, struct err *err)
{
	mem_cleanup char *target = client_target("/v1/images/", name, "");

	return s ? image_remove(s, name, err) : client_call(cli, "DELETE", target, NULL, NULL, err);
}

struct rm_values {
	const char *data;
};
static const struct option_spec rm_options[] = {
    {"data", 0, OPTION_TEXT, offsetof(struct rm_values, data), "DIR", "where the images are (environment: BERTH_DATA)"},
    {NULL},
};

static int rm_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct rm_values *v = values;
	struct image_store *s cleanup_with(image_door_close) = NULL;
	int status = CLI_OK;
	int r = v->data || client_ping(cli, NULL, NULL) < 0 ? image_door_open(cli, v->data, &s, err) : 0;

	if (r < 0)
		return r;
	for (char **name = operands; *name; name++) {
		struct err why = ERR_INIT;

		if (rm_one(cli, s, *name, &why) < 0) {
			text_error("%s", why.text);
			status = CLI_FAILED;
		} else {
			text_line(stdout, "%s", *name);
		}
	}
	return status;
}

const struct cli_command command_image_rm = {
    .name = "image rm",
    .group = "image",
    .usage = "NAME...",
    .summary = "Remove images",
    .detail = "Layers go when no other image and no container uses them.",
    .examples = "  berth image rm busybox:latest",
    .options = rm_options,
    .values_size = sizeof(struct rm_values),
    .least = 1,
    .most = CLI_MANY,
    .operand = OPERAND_IMAGE,
    .run = rm_run,
};
