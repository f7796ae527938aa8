/* SPDX-License-Identifier: Apache-2.0 */
/* A message of the link, hello included, from either side: what is taken must survive being written and read again. */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/wire/json.h"
#include "cluster/link/msg.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	for (int side = MSG_BY_SERVER; side <= MSG_BY_AGENT; side++) {
		json_doc_cleanup yyjson_doc *doc = NULL, *again = NULL;
		buf_cleanup struct buf text = BUF_INIT;
		struct err err = ERR_INIT;
		struct link_msg m, o;

		if (msg_decode((const char *)data, n, (enum msg_side)side, &m, &doc, &err) != 0)
			continue;
		msg_encode(&m, &text);
		if (msg_decode(text.data, text.len, (enum msg_side)side, &o, &again, &err) != 0 || o.type != m.type ||
		    memcmp(&o.attempt, &m.attempt, sizeof m.attempt) != 0)
			abort();
	}
	return 0;
}
