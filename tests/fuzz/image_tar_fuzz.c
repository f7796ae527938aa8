/* SPDX-License-Identifier: Apache-2.0
 *
 * image_unpack() on any bytes, with small limits. It writes for real, below one directory in memory (/dev/shm) when there is one; nothing
 * may appear beside it. Needs image_dep.
 */
#include "node/image/image.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "node/image/unpacker.h"
#include "place.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct image_limits limits = {.bytes = 1 << 20, .files = 200};
	fd_cleanup int fd = memfd_create("tar", MFD_CLOEXEC), dir = -1;
	int top = place_dir();
	struct image_unpacked u;
	struct err err = ERR_INIT;
	struct stat st;

	unpacker_load();
	if (fd_write_all(fd, data, n) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	dir = fs_mkdirs_in(top, "x", 0700, FS_NO_SYMLINKS, NULL);
	if (image_unpack(fd, dir, &limits, &u, &err) < 0 && (err.code == 0 || !err.text[0]))
		abort(); /* a failure says why */
	if (fstat(top, &st) < 0 || st.st_nlink != 3 || fs_remove_tree(top, "x", NULL) < 0)
		abort();
	return 0;
}
