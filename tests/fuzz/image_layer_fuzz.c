/* SPDX-License-Identifier: Apache-2.0
 *
 * image_unpack_layer() and the marks after it on any bytes, with small limits; nothing may appear beside the directory. Needs image_dep.
 */
#include "node/image/layer.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char top_name[64];
static int top = -1;

static void remove_top(void)
{
	fd_cleanup int above = openat(top, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)fs_remove_tree(above, strrchr(top_name, '/') + 1, NULL);
}

static void make_top(void)
{
	struct stat st;

	snprintf(top_name, sizeof top_name, "%s/berth-fuzz-XXXXXX", stat("/dev/shm", &st) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(top_name))
		abort();
	top = open(top_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	atexit(remove_top);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct image_limits limits = {.bytes = 1 << 20, .files = 200, .depth = 20, .window = 1 << 20};
	fd_cleanup int fd = memfd_create("tar", MFD_CLOEXEC), dir = -1;
	struct image_unpacked u;
	struct err err = ERR_INIT;
	struct stat st;
	int r;

	if (top < 0)
		make_top();
	if (fd_write_all(fd, data, n) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	dir = fs_mkdirs_in(top, "x", 0700, FS_NO_SYMLINKS, NULL);
	r = image_unpack_layer(fd, dir, &limits, &u, &err);
	if (r == 0)
		r = image_layer_mark(dir, &err);
	if (r < 0 && (err.code == 0 || !err.text[0]))
		abort(); /* a failure says why */
	if (r == 0 && (strlen(u.diff_id) != 64 || strlen(u.packed) != 64 || u.packed_size != n))
		abort();
	if (fstat(top, &st) < 0 || st.st_nlink != 3 || fs_remove_tree(top, "x", NULL) < 0)
		abort();
	return 0;
}
