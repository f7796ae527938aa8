/* SPDX-License-Identifier: Apache-2.0
 *
 * plug.json: what is understood is written so that it is understood again, to the same text.
 */
#include "base/core/buf.h"
#include "node/net/plug.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	buf_cleanup struct buf once = BUF_INIT, twice = BUF_INIT;
	plug_cleanup struct plug p = {.n_endpoints = 0}, q = {.n_endpoints = 0};

	if (plug_parse((const char *)data, size, &p, NULL) < 0)
		return 0;
	plug_write(&p, &once);
	if (plug_parse(buf_str(&once), once.len, &q, NULL) < 0)
		abort();
	plug_write(&q, &twice);
	if (strcmp(buf_str(&once), buf_str(&twice)) != 0)
		abort();
	return 0;
}
