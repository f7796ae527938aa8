/* SPDX-License-Identifier: Apache-2.0
 *
 * A damaged log: whatever the bytes are, reading forwards and backwards ends and stays within them.
 */
#include "node/engine/logfile.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(const struct logfile_record *rec, const uint8_t *from, size_t n)
{
	if (rec->stream < 0 || rec->stream > LOGFILE_STREAM_MAX || rec->data < from || rec->data + rec->n > from + n)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct logfile_record rec;
	size_t left = n;
	ssize_t r;

	for (size_t at = 0; (r = logfile_peek(data + at, n - at, &rec)) > 0; at += (size_t)r)
		check(&rec, data + at, n - at);
	for (; (r = logfile_peek_back(data, left, &rec)) > 0; left -= (size_t)r)
		check(&rec, data, left);
	return 0;
}
