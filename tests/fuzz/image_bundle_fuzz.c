/* SPDX-License-Identifier: Apache-2.0
 *
 * bundle_index(), what the confined process does with an archive of images, on any bytes; and nothing appears but its two files. Needs image_dep.
 */
#include "node/image/bundle.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "place.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	fd_cleanup int fd = memfd_create("archive", MFD_CLOEXEC);
	int top = place_dir();
	struct err err = ERR_INIT;

	if (fd_write_all(fd, data, n) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	if (bundle_index(fd, top, 1 << 20, &err) < 0 && (err.code == 0 || !err.text[0]))
		abort();
	(void)unlinkat(top, BUNDLE_INDEX, 0);
	(void)unlinkat(top, BUNDLE_ARCHIVE, 0);
	return 0;
}
