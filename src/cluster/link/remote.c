/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/link/remote.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/wire/json.h"

void remote_send(struct remote *r, const struct link_msg *m)
{
	buf_cleanup struct buf text = BUF_INIT;

	if (!r->conn)
		return;
	msg_encode(m, &text);
	conn_send(r->conn, text.data, text.len);
}

int remote_take(struct remote *r, const char *text, size_t n, link_fn fn, void *ctx, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct link_msg m;
	int x = msg_decode(text, n, r->peer, &m, &doc, err);

	if (x == 0 && fn)
		fn(ctx, &m);
	return x < 0 ? x : 0;
}
