/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers of an etcd and what lies below its keys, from a hostile one; the first byte chooses which. What is read as events is written again, and must
 * be read as the same. Needs store_dep.
 */
#include "base/core/buf.h"
#include "base/store/etcd_cell.h"
#include "base/store/etcd_msg.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Touches all that is said to be there. */
static int touch(void *ctx, const struct etcd_kv *kv)
{
	unsigned *sum = ctx;

	for (size_t i = 0; i < kv->key_len; i++)
		*sum += (unsigned char)kv->key[i];
	for (size_t i = 0; i < kv->value_len; i++)
		*sum += (unsigned char)kv->value[i];
	return 0;
}

static int write_event(void *ctx, const struct store_event *e)
{
	struct buf *b = ctx;

	if (strlen(e->data) > e->len)
		abort();
	if (b->len == 0)
		cell_put_first(b, e->seq);
	cell_put_event(b, e);
	return 0;
}

static void check_events(const char *data, size_t n)
{
	struct buf once = BUF_INIT, twice = BUF_INIT;
	int r = cell_get_events(data, n, 0, write_event, &once);

	if (r == 0 && once.len > 0 &&
	    (cell_get_events(once.data, once.len, 0, write_event, &twice) != 0 || once.len != twice.len ||
	     memcmp(once.data, twice.data, once.len) != 0))
		abort();
	buf_free(&once);
	buf_free(&twice);
}

static void check_cells(const char *data, size_t n)
{
	struct cell_value v;
	struct cell_head h;

	if (cell_get_value(data, n, &v) == 0 && (v.data ? (size_t)(v.data - data) > n && v.len > 0 : !*v.blob))
		abort();
	(void)cell_get_head(data, n, &h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;
	struct etcd_answer a;
	unsigned sum = 0;

	if (size < 1)
		return 0;
	switch (data[0] % 7) {
	case 0:
		(void)etcd_msg_read_range(text, size - 1, &a, touch, &sum);
		break;
	case 1:
		(void)etcd_msg_read_txn(text, size - 1, &a, touch, &sum);
		break;
	case 2:
		(void)etcd_msg_read_watch(text, size - 1, &a, touch, &sum);
		break;
	case 3:
		(void)etcd_msg_read_lease(text, size - 1, &a);
		break;
	case 4:
		(void)etcd_msg_read_token(text, size - 1, &a);
		break;
	case 5:
		check_cells(text, size - 1);
		break;
	default:
		check_events(text, size - 1);
		break;
	}
	return 0;
}
