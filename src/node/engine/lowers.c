/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/lowers.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/engine/order.h"
#include "node/image/erofs.h"
#include "node/image/layer.h"
#include "node/runtime/rt.h"

#include <fcntl.h>
#include <stdio.h>

void lowers_close(struct lowers *l)
{
	for (size_t i = 0; i < l->n; i++)
		close(l->v[i]);
	free(l->v);
	*l = (struct lowers){.v = NULL};
}

/* Overlay does not look at the mark of a layer's top. */
static bool hides_below(int data_dir, const char *layer)
{
	char path[128];

	snprintf(path, sizeof path, "images/layers/%s/" LAYER_OPAQUE_NAME, layer);
	return faccessat(data_dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int open_layers(int data_dir, const struct order *o, struct lowers *ret, struct err *err)
{
	size_t n = mem_strv_len(o->layers);

	ret->v = mem_new_n(int, n + 1);
	/* config.json: bottom first; overlay: topmost first. */
	for (size_t i = n; i-- > 0;) {
		char path[128];
		int fd;

		snprintf(path, sizeof path, "images/layers/%s/fs", o->layers[i]);
		fd = fs_open_in(data_dir, path, O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
		if (fd < 0)
			return err_wrap(err, "layer of image \"%s\"", o->spec.image);
		ret->v[ret->n++] = fd;
		if (hides_below(data_dir, o->layers[i]))
			break;
	}
	return 0;
}

/* The whole image as one mount. 0 = not so: it has no such file, has it no more, or only the machine's root may mount one. */
static int open_erofs(int data_dir, const struct order *o, struct lowers *ret, struct err *err)
{
	fd_cleanup int file = -1;
	int mount;

	if (!o->erofs)
		return 0;
	file = image_erofs_open(data_dir, o->erofs, err);
	mount = file < 0 ? file : rt_erofs(file, err);
	if (mount == -ENOENT || mount == -EPERM) {
		err_clear(err);
		return 0;
	}
	if (mount < 0)
		return err_wrap(err, "image \"%s\" (`berth image convert --directories` lets it run from its layers)",
				o->spec.image);
	ret->v = mem_new_n(int, 1);
	ret->v[ret->n++] = mount;
	ret->loose = true;
	return 1;
}

int lowers_open(int data_dir, const struct order *o, struct lowers *ret, struct err *err)
{
	int r;

	*ret = (struct lowers){.v = NULL};
	r = open_erofs(data_dir, o, ret, err);
	return r == 0 ? open_layers(data_dir, o, ret, err) : r < 0 ? r : 0;
}
