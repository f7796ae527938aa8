/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader of tar records, on any bytes as they are (not packed; the unpackers have image_tar). Needs image_dep.
 */
#include "node/image/tar_record.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(const struct tar_record_item *item)
{
	static volatile unsigned char sum;

	if (item->n == 0)
		abort();
	if (item->kind == TAR_RECORD_PIECE) {
		if (!*item->name || strlen(item->name) > 4095 || item->offset + item->n > INT64_MAX)
			abort();
		return;
	}
	for (uint64_t i = 0; i < item->n; i++)
		sum = (unsigned char)(sum + item->data[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	cleanup_with(tar_record_closep) struct tar_record_reader *r = NULL;
	fd_cleanup int fd = memfd_create("record", MFD_CLOEXEC);
	struct tar_record_item item;
	struct err err = ERR_INIT;
	int code;

	if (fd_write_all(fd, data, n) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	code = tar_record_open(fd, &r, &err);
	while (code >= 0 && (code = tar_record_next(r, &item, &err)) > 0)
		check(&item);
	if (code < 0 && (err.code == 0 || !err.text[0]))
		abort();
	return 0;
}
