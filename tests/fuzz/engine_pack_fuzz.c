/* SPDX-License-Identifier: Apache-2.0
 *
 * A damaged packed log: whatever the bytes are, reading it ends and stays within what it says of its size.
 */
#include "node/engine/logread.h"
#include "place.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static unsigned char piece[100000];
	struct logread f = LOGREAD_NULL;
	int dir = place_dir();
	off_t pos = LOGFILE_HEADER;
	ssize_t got;

	if (fs_write_atomic(dir, "log.1", data, n, 0600, false, NULL) < 0)
		abort();
	if (logread_open(dir, 1, &f, NULL) < 0)
		return 0;
	while ((got = logread_at(&f, piece, sizeof piece, pos)) > 0)
		pos += got;
	if (pos > logread_size(&f) && logread_size(&f) > LOGFILE_HEADER)
		abort();
	logread_close(&f);
	return 0;
}
