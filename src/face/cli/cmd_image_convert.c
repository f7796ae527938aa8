/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/command.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "face/cli/image_door.h"
#include "face/cli/local_store.h"
#include "face/cli/text.h"
#include "node/image/erofs.h"
#include "node/runtime/rt.h"

#include <inttypes.h>

struct convert_values {
	const char *data, *tag;
	bool erofs, directories, force, quiet;
};

/* What cannot be mounted on this machine is of no use to it. */
static int try_mount(int data_dir, const struct image_info *i, struct err *err)
{
	fd_cleanup int file = image_erofs_open(data_dir, i->digest, err);
	fd_cleanup int mount = file < 0 ? file : rt_erofs(file, err);

	return mount < 0 ? mount : 0;
}

static int make(struct image_store *s, int data_dir, const struct image_info *i, const struct convert_values *v,
		struct err *err)
{
	struct image_erofs e = {.bytes = 0};
	char size[TEXT_MAX];
	int r = image_erofs_make(s, i, &e, err);

	if (r < 0)
		return r;
	r = try_mount(data_dir, i, err);
	if (r < 0 && e.fresh)
		(void)image_erofs_remove(s, i, NULL);
	if (r < 0)
		return err_wrap(err, "image \"%s\" stays as it is", i->name);
	if (v->quiet)
		return 0;
	if (e.fresh)
		text_line(stdout, "%s is one EROFS file now: %s, %" PRIu64 " files and directories", i->name,
			  text_size(size, e.bytes), e.n_nodes);
	else
		text_line(stdout, "%s is one EROFS file already: %s", i->name, text_size(size, e.bytes));
	return 0;
}

static int unmake(struct image_store *s, const struct image_info *i, const struct convert_values *v, struct err *err)
{
	int r = image_erofs_remove(s, i, err);

	if (r >= 0 && !v->quiet)
		text_line(stdout, r > 0 ? "%s runs from its layers again" : "%s has no EROFS file", i->name);
	return r < 0 ? r : 0;
}

static int convert_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct convert_values *v = values;
	struct image_store *s cleanup_with(image_door_close) = NULL;
	cleanup_with(image_info_freep) struct image_info *i = NULL;
	fd_cleanup int dir = -1;
	int r;

	if (v->erofs == v->directories)
		return err_set(err, EINVAL, "say what the image is to become: --erofs or --directories");
	dir = local_store_dir(cli, v->data, err);
	r = dir < 0 ? dir : image_store_open(dir, &s, err);
	if (r == 0)
		r = image_find(s, operands[0], &i, err);
	if (r == 0)
		r = v->erofs ? make(s, dir, i, v, err) : unmake(s, i, v, err);
	if (r == 0 && v->tag)
		r = image_tag(s, operands[0], v->tag, v->force ? IMAGE_REPLACE_YES : IMAGE_REPLACE_NO, err);
	return r;
}

static const struct option_spec convert_options[] = {
    {"erofs", 0, OPTION_FLAG, offsetof(struct convert_values, erofs), NULL, "to one EROFS file"},
    {"directories", 0, OPTION_FLAG, offsetof(struct convert_values, directories), NULL, "back: the file goes"},
    {"tag", 't', OPTION_TEXT, offsetof(struct convert_values, tag), "NAME", "give it another name, too"},
    {"force", 'f', OPTION_FLAG, offsetof(struct convert_values, force), NULL,
     "take the name of --tag away from another image"},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct convert_values, quiet), NULL, "print nothing"},
    {"data", 0, OPTION_TEXT, offsetof(struct convert_values, data), "DIR",
     "where the images are (environment: BERTH_DATA)"},
    {NULL},
};

const struct cli_command command_image_convert = {
    .name = "image convert",
    .group = "image",
    .usage = "--erofs|--directories IMAGE",
    .summary = "Make one file of an image, from which containers start",
    .detail =
	"With --erofs the files of all layers become one read-only file system in one file, which `berth run` mounts "
	"instead of\nthe layers' directories. The image stays what it is, with its names, and can still be pushed and "
	"saved; the file takes\nabout as much room again, and goes with the image. Linux 6.12 and later mount it as it "
	"is, "
	"earlier ones by a loop device.",
    .examples = "  berth image convert --erofs big/tree:1\n  berth image convert --directories big/tree:1",
    .options = convert_options,
    .values_size = sizeof(struct convert_values),
    .least = 1,
    .most = 1,
    .operand = OPERAND_IMAGE,
    .run = convert_run,
};
