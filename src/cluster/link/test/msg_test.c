/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/link/msg.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/wire/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void same(const char *a, const char *b)
{
	assert_int_equal(!a, !b);
	if (a)
		assert_string_equal(a, b);
}

static void survives(void **state)
{
	static const struct {
		enum msg_side by;
		struct link_msg m;
	} rows[] = {
	    {MSG_BY_SERVER, {.type = LINK_START, .attempt = {"j-1", 2, 3, 4}, .text = "{\"a\":\"\\n\"}", .flag = true}},
	    {MSG_BY_SERVER, {.type = LINK_KILL, .attempt = {"j", UINT32_MAX, 0, 1}, .text = "walltime"}},
	    {MSG_BY_SERVER, {.type = LINK_EXPAND, .attempt = {"j", 1, 0, 0}, .text = "/x", .text2 = "*.txt"}},
	    {MSG_BY_SERVER, {.type = LINK_FORGET, .attempt = {"j", 0, 0, 0}}},
	    {MSG_BY_SERVER, {.type = LINK_WELCOME, .protocol_max = 1, .lease_ms = 30000}},
	    {MSG_BY_SERVER, {.type = LINK_REFUSE, .text = "no"}},
	    {MSG_BY_SERVER, {.type = LINK_CERT, .text = "pem"}},
	    {MSG_BY_AGENT,
	     {.type = LINK_HELLO,
	      .text = "n1",
	      .text2 = "/s",
	      .facts = "{}",
	      .counters = "gpu 2\n",
	      .slots = 8,
	      .cpu_milli = 8000,
	      .memory = 1ull << 40,
	      .protocol_min = 1,
	      .protocol_max = 2}},
	    {MSG_BY_AGENT, {.type = LINK_HAVE, .attempt = {"j", 0, 0, 0}}},
	    {MSG_BY_AGENT, {.type = LINK_STARTED, .attempt = {"j", 0, 1, 2}, .text = "c0ffee"}},
	    {MSG_BY_SERVER, {.type = LINK_KILL, .attempt = {"j", 0, 0, 1}, .text = "preempted", .signal = 10}},
	    {MSG_BY_SERVER, {.type = LINK_PROBE, .text = "{}", .text2 = "k@1", .timeout_ms = 5}},
	    {MSG_BY_AGENT, {.type = LINK_PROBED, .text = "k@1", .text2 = "no disk", .flag = true}},
	    {MSG_BY_AGENT, {.type = LINK_WARNED, .attempt = {"j", 0, 1, 2}}},
	    {MSG_BY_AGENT, {.type = LINK_HEALTH, .attempt = {"j", 0, 1, 2}, .flag = true}},
	    {MSG_BY_AGENT,
	     {.type = LINK_EXITED,
	      .attempt = {"j", 0, 1, 2},
	      .outcome = LINK_OUT_LOST,
	      .code = -1,
	      .signal = 9,
	      .flag = true,
	      .text = "gone"}},
	    {MSG_BY_AGENT, {.type = LINK_EXPANDED, .attempt = {"j", 1, 0, 0}, .text2 = "no such folder"}},
	    {MSG_BY_AGENT, {.type = LINK_BEAT, .text = "{}", .sent_ms = 5}},
	    {MSG_BY_SERVER,
	     {.type = LINK_START,
	      .attempt = {"j", 1, 2, 3},
	      .text = "{}",
	      .cores = 4,
	      .numa = true,
	      .counters = "gpu 1\nscratch 4\n"}},
	    {MSG_BY_AGENT, {.type = LINK_BEAT}},
	    {MSG_BY_AGENT, {.type = LINK_RENEW, .text = "pem"}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		buf_cleanup struct buf text = BUF_INIT;
		json_doc_cleanup yyjson_doc *doc = NULL;
		struct err err = ERR_INIT;
		struct link_msg m;

		msg_encode(&rows[i].m, &text);
		assert_int_equal(msg_decode(text.data, text.len, rows[i].by, &m, &doc, &err), 0);
		same(m.text, rows[i].m.text);
		same(m.text2, rows[i].m.text2);
		same(m.facts, rows[i].m.facts);
		same(m.counters, rows[i].m.counters);
		m.text = rows[i].m.text;
		m.text2 = rows[i].m.text2;
		m.facts = rows[i].m.facts;
		m.counters = rows[i].m.counters;
		assert_memory_equal(&m.attempt, &rows[i].m.attempt, sizeof m.attempt);
		assert_true(m.type == rows[i].m.type && m.flag == rows[i].m.flag && m.outcome == rows[i].m.outcome &&
			    m.code == rows[i].m.code && m.signal == rows[i].m.signal && m.slots == rows[i].m.slots &&
			    m.cpu_milli == rows[i].m.cpu_milli && m.memory == rows[i].m.memory &&
			    m.protocol_min == rows[i].m.protocol_min && m.protocol_max == rows[i].m.protocol_max &&
			    m.lease_ms == rows[i].m.lease_ms && m.numa == rows[i].m.numa &&
			    m.cores == rows[i].m.cores && m.timeout_ms == rows[i].m.timeout_ms);
		/* The other side may not send it. */
		assert_int_equal(msg_decode(text.data, text.len,
					    rows[i].by == MSG_BY_AGENT ? MSG_BY_SERVER : MSG_BY_AGENT, &m, &doc, &err),
				 -EPERM);
	}
}

static void refuses(void **state)
{
	static const struct {
		const char *text;
		int want;
	} rows[] = {
	    {"", -EINVAL},
	    {"[]", -EINVAL},
	    {"{}", -ENOENT},
	    {"{\"type\":7}", -EINVAL},
	    {"{\"type\":\"from-the-next-release\"}", 1},
	    {"{\"type\":\"have\"}", -ENOENT},
	    {"{\"type\":\"have\",\"job\":\"\"}", -EINVAL},
	    {"{\"type\":\"have\",\"job\":\"0123456789012345678901234567890123456789012345678901234567890123\"}",
	     -EINVAL},
	    {"{\"type\":\"started\",\"job\":\"j\",\"task\":-1,\"index\":0,\"attempt\":1}", -EINVAL},
	    {"{\"type\":\"started\",\"job\":\"j\",\"task\":4294967296,\"index\":0,\"attempt\":1}", -EINVAL},
	    {"{\"type\":\"exited\",\"job\":\"j\",\"task\":0,\"index\":0,\"attempt\":1,\"outcome\":\"well\",\"code\":0,"
	     "\"signal\":0,\"flag\":false}",
	     -EINVAL},
	    {"{\"type\":\"beat\",\"more\":[1,2]}", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		json_doc_cleanup yyjson_doc *doc = NULL;
		struct err err = ERR_INIT;
		struct link_msg m;

		assert_int_equal(msg_decode(rows[i].text, strlen(rows[i].text), MSG_BY_AGENT, &m, &doc, &err),
				 rows[i].want);
	}
}

/* The worst that JSON can be when it is quoted once more. */
static void a_text_fits(void **state)
{
	buf_cleanup struct buf text = BUF_INIT, out = BUF_INIT;
	const size_t n = 1000;

	(void)state;
	for (size_t i = 0; i < n; i++)
		buf_addc(&text, '"');
	msg_encode(&(struct link_msg){.type = LINK_EXPANDED, .attempt = {"j", 0, 0, 0}, .text = text.data}, &out);
	assert_false(out.full);
	assert_true(out.len > 2 * n && out.len <= MSG_MAX - 2 * (MSG_TEXT_MAX - n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(survives), cmocka_unit_test(refuses),
					   cmocka_unit_test(a_text_fits)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
