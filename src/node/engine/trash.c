/* SPDX-License-Identifier: Apache-2.0
 *
 * Removing a tree takes long, on some disks even an empty directory does. So it is only renamed here, and a worker does the rest.
 */
#include "node/engine/container.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/log.h"
#include "base/core/random.h"

#include <stdio.h>

static void on_swept(void *ctx, yyjson_val *answer, const struct err *err)
{
	struct engine *e = ctx;

	e->sweeping = false;
	if (!answer)
		log_err(err, "files that are not needed any more could not be removed");
	if (e->sweep_again)
		trash_sweep(e);
}

void trash_sweep(struct engine *e)
{
	struct err err = ERR_INIT;
	struct reply *reply;
	int fd, r;

	e->sweep_again = e->sweeping;
	if (e->sweeping)
		return;
	r = reply_new(e, 4096, on_swept, e, &fd, &reply, &err);
	if (r == 0) {
		r = launcher_send(e->launcher, LAUNCHER_SWEEP, NULL, &fd, 1, &err);
		if (r < 0)
			reply_free(reply);
	}
	if (r < 0)
		log_err(&err, "remove files that are not needed any more");
	else
		e->sweeping = true;
}

int trash_put(struct engine *e, const char *relative, struct err *err)
{
	const char *name = NULL;
	char random[33];
	fd_cleanup int dir = fs_open_parent(e->data_dir, relative, FS_NO_SYMLINKS, &name, err);

	random_hex(random, sizeof random - 1);
	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	if (renameat(dir, name, e->trash, random) < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "move \"%s\" to the trash", relative);
	trash_sweep(e);
	return 0;
}

void engine_remove_tree(struct engine *e, const char *relative)
{
	struct err err = ERR_INIT;

	if (trash_put(e, relative, &err) < 0)
		log_err(&err, "files that are not needed any more could not be removed");
}
