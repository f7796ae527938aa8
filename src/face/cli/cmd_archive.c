/* SPDX-License-Identifier: Apache-2.0
 *
 * `berth save` and `berth load`: images as files.
 */
#include "face/cli/command.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/http_client.h"
#include "face/cli/client.h"
#include "face/cli/image_door.h"
#include "face/cli/interrupt.h"
#include "face/cli/local_store.h"
#include "face/cli/pull_view.h"
#include "face/cli/text.h"
#include "node/image/load.h"
#include "node/image/save.h"
#include "node/image/save_target.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DATA_HELP "directory of berth's state (environment: BERTH_DATA; default: the running berth's)"

/* ---- save ---- */

struct save_values {
	const char *output, *format, *compress, *data;
	uint64_t level;
	bool quiet;
};
static const struct option_spec save_options[] = {
    {"output", 'o', OPTION_TEXT, offsetof(struct save_values, output), "FILE",
     "write to this file, or to this empty directory (its name ends in /), instead of standard output"},
    {"format", 0, OPTION_TEXT, offsetof(struct save_values, format), "FORMAT",
     "docker: an OCI layout that docker load takes, too (default); oci: the OCI layout alone"},
    {"compress", 0, OPTION_TEXT, offsetof(struct save_values, compress), "HOW",
     "pack the layers: gzip, zstd, or none; default: as the image's manifest has them, if that can be made again"},
    {"level", 0, OPTION_COUNT, offsetof(struct save_values, level), "N", "of gzip (1 to 9) or zstd (1 to 19)"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct save_values, quiet), NULL, "no progress"},
    {"data", 0, OPTION_TEXT, offsetof(struct save_values, data), "DIR", DATA_HELP},
    {NULL},
};

static int save_settings(const struct save_values *v, struct image_save_options *o, struct err *err)
{
	if (v->format && strcmp(v->format, "docker") != 0 && strcmp(v->format, "oci") != 0)
		return err_set(err, EINVAL, "--format: \"%s\" is neither docker nor oci", v->format);
	o->format = v->format && !strcmp(v->format, "oci") ? IMAGE_SAVE_OCI : IMAGE_SAVE_DOCKER;
	o->repack = v->compress != NULL;
	o->level = v->level < 100 ? (int)v->level : 100;
	if (v->level && !v->compress)
		return err_set(err, EINVAL, "--level needs --compress gzip or --compress zstd");
	return v->compress && compress_kind_parse(v->compress, &o->kind, err) < 0 ? err_wrap(err, "--compress") : 0;
}

static bool is_directory(const char *path)
{
	struct stat st;

	return *path && (path[strlen(path) - 1] == '/' || (stat(path, &st) == 0 && S_ISDIR(st.st_mode)));
}

struct saving {
	struct cli *cli;
	const struct save_values *v;
	char *const *names;
	int fd;
	struct image_save_options o;
};

static int save(void *ctx, struct err *err)
{
	struct saving *w = ctx;
	struct image_store *s = NULL;
	struct pull_view view;
	int r = local_store_open(w->cli, w->v->data, &s, err);

	if (r < 0)
		return r;
	pull_view_init(&view, STDERR_FILENO, w->v->quiet || !isatty(STDERR_FILENO));
	w->o.progress = pull_view_event;
	w->o.ctx = &view;
	r = image_save(s, w->names, w->fd, &w->o, err);
	pull_view_end(&view);
	image_store_close(s);
	return r;
}

/* Of a cluster, or of another node: the archive is made where the images are, as docker save has it. */
static int save_elsewhere(struct cli *cli, const struct save_values *v, char *const *names, struct err *err)
{
	struct save_target t = SAVE_TARGET_NULL;
	struct buf target buf_cleanup = BUF_INIT;
	struct http_client *c = NULL;
	int r;

	if (v->compress || (v->output && is_directory(v->output)) || (v->format && strcmp(v->format, "docker") != 0))
		return err_set(err, EINVAL,
			       "nodes write one file in docker's format: without --compress, --format oci and a "
			       "directory as --output; berth load makes the images this machine's own");
	buf_adds(&target, CLIENT_DOCKER "/images/get");
	for (; *names; names++)
		client_query(&target, "names", *names);
	r = client_http(cli, &c, err);
	if (r == 0)
		r = client_begin(c, "GET", buf_str(&target), NULL, err);
	if (r == 0)
		r = save_target_open(&t, v->output, false, err);
	if (r == 0)
		r = http_client_read_into(c, t.fd, err);
	return save_target_close(&t, r, err);
}

static int save_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct save_values *v = values;
	struct saving w = {.cli = cli, .v = v, .names = operands};
	struct save_target t = SAVE_TARGET_NULL;
	int r = save_settings(v, &w.o, err);

	if (r == 0 && image_door_is_elsewhere(cli, v->data))
		return save_elsewhere(cli, v, operands, err);
	if (r == 0)
		r = save_target_open(&t, v->output, v->output && is_directory(v->output), err);
	w.fd = t.fd;
	if (r == 0)
		r = interrupt_run(save, &w, "writes the archive", err);
	return interrupt_status(save_target_close(&t, r, err), err);
}

#define SAVE_COMMAND(NAME, GROUP)                                                                                      \
	{                                                                                                              \
		.name = (NAME), .group = (GROUP), .usage = "NAME...", .summary = "Write images to a file",             \
		.detail = "The file is an OCI layout (a tar) that docker, podman and skopeo load as well; standard "   \
			  "output without\n--output. An image keeps its id in any case, and its digest unless its "    \
			  "layers came packed by others:\nthose are written unpacked.",                                \
		.examples = "  berth save -o app.tar app:1 app:2\n  berth save busybox | ssh other berth load\n"       \
			    "  berth save --format oci --compress zstd -o layout/ busybox",                            \
		.options = save_options, .values_size = sizeof(struct save_values), .least = 1, .most = CLI_MANY,      \
		.operand = OPERAND_IMAGE, .run = save_run,                                                             \
	}
const struct cli_command command_save = SAVE_COMMAND("save", NULL);
const struct cli_command command_image_save = SAVE_COMMAND("image save", "image");

/* ---- load ---- */

struct load_values {
	const char *input, *name, *platform, *data;
	bool force, quiet;
};
static const struct option_spec load_options[] = {
    {"input", 'i', OPTION_TEXT, offsetof(struct load_values, input), "FILE",
     "the archive, or the directory of an OCI layout; default: standard input"},
    {"force", 'f', OPTION_FLAG, offsetof(struct load_values, force), NULL,
     "names of the archive move to its images, as docker load has it; other images here that had them stay without"},
    {"name", 't', OPTION_TEXT, offsetof(struct load_values, name), "NAME",
     "name of the image, instead of the archive's; it must hold one image"},
    {"platform", 0, OPTION_TEXT, offsetof(struct load_values, platform), "OS/ARCH",
     "of several images under one name, the one for this platform"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct load_values, quiet), NULL, "print the IDs only, no progress"},
    {"data", 0, OPTION_TEXT, offsetof(struct load_values, data), "DIR", DATA_HELP},
    {NULL},
};

static int open_archive(const char *path, struct err *err)
{
	int fd;

	if (!path || !strcmp(path, "-")) {
		if (isatty(STDIN_FILENO))
			return err_set(err, EINVAL, "standard input is a terminal; say --input FILE, or pipe one in");
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
		return fd < 0 ? err_sys(err, errno, "open standard input") : fd;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, errno, "open \"%s\"", path) : fd;
}

/* CLI_FAILED when a name stayed with another image: what was asked for did not happen as a whole. */
static int print_loaded(const struct image_loaded *l, bool quiet)
{
	if (quiet)
		text_line(stdout, "%s", l->id);
	else if (l->name)
		text_line(stdout, "Loaded image: %s", l->name);
	else
		text_line(stdout, "Loaded image ID: %s", l->id);
	if (l->moved_from)
		text_line(stderr, "The image %s already exists, renaming the old one with ID %s to empty string",
			  l->name, l->moved_from);
	if (!l->taken)
		return CLI_OK;
	text_error("%s is the name of another image here%s%s, and stays it; berth load --force moves it, or give the "
		   "loaded image another: berth image tag %.19s NAME",
		   l->taken, l->taken_by ? ", " : "", l->taken_by ? l->taken_by : "", l->id);
	return CLI_FAILED;
}

struct loading {
	struct image_store *s;
	int fd;
	const struct load_values *v;
};

static int load_from(void *ctx, struct err *err)
{
	const struct loading *w = ctx;
	const struct load_values *v = w->v;
	struct image_loads loads cleanup_with(image_loads_free) = {.n = 0};
	struct pull_view view;
	struct image_load_options o = {.force = v->force, .name = v->name, .progress = pull_view_event, .ctx = &view};
	struct platform platform;
	int status = CLI_OK, r = v->platform ? platform_parse(v->platform, &platform, err) : 0;

	if (r < 0)
		return err_wrap(err, "--platform");
	if (v->platform)
		o.platform = &platform;
	pull_view_init(&view, STDERR_FILENO, v->quiet || !isatty(STDERR_FILENO));
	r = image_load(w->s, w->fd, &o, &loads, err);
	pull_view_end(&view);
	for (size_t i = 0; i < loads.n; i++) {
		if (print_loaded(&loads.v[i], v->quiet) != CLI_OK)
			status = CLI_FAILED;
	}
	return r < 0 ? r : status;
}

static int load_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct load_values *v = values;
	struct loading w = {.v = v};
	fd_cleanup int fd = -1;
	int r;

	if (operands[0] && v->input)
		return err_set(err, EINVAL, "the archive is given twice, \"%s\" and --input \"%s\"", operands[0],
			       v->input);
	fd = open_archive(operands[0] ? operands[0] : v->input, err);
	if (fd < 0)
		return fd;
	w.fd = fd;
	r = local_store_open(cli, v->data, &w.s, err);
	if (r == 0)
		r = interrupt_run_on(w.s, load_from, &w, "reads the archive", err);
	image_store_close(w.s);
	return interrupt_status(r, err);
}

#define LOAD_COMMAND(NAME, GROUP)                                                                                      \
	{                                                                                                              \
		.name = (NAME), .group = (GROUP), .usage = "[FILE|DIR|-]",                                             \
		.summary = "Take images from a file that berth, docker, podman or skopeo wrote",                       \
		.detail = "An OCI layout (a tar or a directory) or an archive of docker save; a tar may be packed by " \
			  "gzip or zstd, and\nmay come by standard input. A name that another image here has stays "   \
			  "with it unless --force is given.",                                                          \
		.examples = "  berth load app.tar\n  docker save busybox | berth load\n"                               \
			    "  skopeo copy docker://busybox oci-archive:b.tar && berth load b.tar -t busybox",         \
		.options = load_options, .values_size = sizeof(struct load_values), .least = 0, .most = 1,             \
		.operand = OPERAND_FILE, .run = load_run,                                                              \
	}
const struct cli_command command_load = LOAD_COMMAND("load", NULL);
const struct cli_command command_image_load = LOAD_COMMAND("image load", "image");
