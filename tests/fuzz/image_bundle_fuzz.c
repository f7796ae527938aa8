/* SPDX-License-Identifier: Apache-2.0
 *
 * bundle_index(), what the confined process does with an archive of images, on any bytes; and nothing appears but its two files. Needs image_dep.
 */
#include "node/image/bundle.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char top_name[64];
static int top = -1;

static void remove_top(void)
{
	fd_cleanup int parent = open(top_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd_cleanup int above = openat(parent, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *slash = top_name;

	for (const char *p = top_name; *p; p++)
		slash = *p == '/' ? p : slash;
	(void)fs_remove_tree(above, slash + 1, NULL);
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
	fd_cleanup int fd = memfd_create("archive", MFD_CLOEXEC);
	struct err err = ERR_INIT;

	if (top < 0)
		make_top();
	if (fd_write_all(fd, data, n) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	if (bundle_index(fd, top, 1 << 20, &err) < 0 && (err.code == 0 || !err.text[0]))
		abort();
	(void)unlinkat(top, BUNDLE_INDEX, 0);
	(void)unlinkat(top, BUNDLE_ARCHIVE, 0);
	return 0;
}
