/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/link/msg.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/wire/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
	HAS_JOB = 1,
	HAS_TASK = 2,
	HAS_INDEX = 4, /* index and attempt */
	HAS_TEXT = 8,  /* must be there */
	OPT_TEXT = 16,
	OPT_TEXT2 = 32,
	HAS_FLAG = 64,
	HAS_EXIT = 128,
	HAS_NODE = 256,
	HAS_LEASE = 512,
	OPT_SENT = 1024,
	OPT_CORES = 2048,
	OPT_SIGNAL = 4096,
	OPT_COUNTERS = 8192,
	HAS_TIMEOUT = 16384,
	HAS_ATTEMPT = HAS_JOB | HAS_TASK | HAS_INDEX,
};

static const struct row {
	enum msg_side by;
	unsigned has;
} rows[] = {
    [LINK_START] = {MSG_BY_SERVER, HAS_ATTEMPT | HAS_TEXT | HAS_FLAG | OPT_CORES | OPT_COUNTERS},
    [LINK_KILL] = {MSG_BY_SERVER, HAS_ATTEMPT | OPT_TEXT | OPT_SIGNAL},
    [LINK_EXPAND] = {MSG_BY_SERVER, HAS_JOB | HAS_TASK | HAS_TEXT | OPT_TEXT2},
    [LINK_PROBE] = {MSG_BY_SERVER, HAS_TEXT | OPT_TEXT2 | HAS_TIMEOUT},
    [LINK_PROBED] = {MSG_BY_AGENT, HAS_TEXT | OPT_TEXT2 | HAS_FLAG},
    [LINK_FORGET] = {MSG_BY_SERVER, HAS_JOB},
    [LINK_WELCOME] = {MSG_BY_SERVER, HAS_LEASE | OPT_SENT},
    [LINK_REFUSE] = {MSG_BY_SERVER, HAS_TEXT},
    [LINK_CERT] = {MSG_BY_SERVER, HAS_TEXT},
    [LINK_HEARD] = {MSG_BY_SERVER, OPT_SENT},
    [LINK_HELLO] = {MSG_BY_AGENT, HAS_NODE | HAS_TEXT | OPT_TEXT2 | OPT_SENT | OPT_COUNTERS},
    [LINK_HAVE] = {MSG_BY_AGENT, HAS_JOB},
    [LINK_STARTED] = {MSG_BY_AGENT, HAS_ATTEMPT | OPT_TEXT},
    [LINK_HEALTH] = {MSG_BY_AGENT, HAS_ATTEMPT | HAS_FLAG},
    [LINK_WARNED] = {MSG_BY_AGENT, HAS_ATTEMPT},
    [LINK_EXITED] = {MSG_BY_AGENT, HAS_ATTEMPT | HAS_EXIT | HAS_FLAG | OPT_TEXT},
    [LINK_EXPANDED] = {MSG_BY_AGENT, HAS_JOB | HAS_TASK | OPT_TEXT | OPT_TEXT2},
    [LINK_BEAT] = {MSG_BY_AGENT, OPT_SENT | OPT_TEXT},
    [LINK_RENEW] = {MSG_BY_AGENT, HAS_TEXT},
};
#define N_ROWS (sizeof rows / sizeof *rows)

static const char *const outcomes[] = {
    [LINK_OUT_EXITED] = "exited", [LINK_OUT_FAILED] = "failed", [LINK_OUT_LOST] = "lost"};
#define N_OUTCOMES (sizeof outcomes / sizeof *outcomes)

/* ---- writing ---- */

static void add_text(struct buf *out, const char *key, const char *text)
{
	if (!text)
		return;
	buf_printf(out, ",\"%s\":", key);
	json_quote(out, text, strlen(text));
}

static void add_node(struct buf *out, const struct link_msg *m)
{
	buf_printf(out,
		   ",\"protocol_min\":%" PRIu32 ",\"protocol_max\":%" PRIu32 ",\"slots\":%" PRIu32
		   ",\"cpu_milli\":%" PRIu64 ",\"memory\":%" PRIu64,
		   m->protocol_min, m->protocol_max, m->slots, m->cpu_milli, m->memory);
	add_text(out, "facts", m->facts);
}

void msg_encode(const struct link_msg *m, struct buf *out)
{
	unsigned has = rows[m->type].has;

	buf_printf(out, "{\"type\":\"%s\"", link_type_name(m->type));
	if (has & HAS_JOB)
		add_text(out, "job", m->attempt.job);
	if (has & HAS_TASK)
		buf_printf(out, ",\"task\":%" PRIu32, m->attempt.task);
	if (has & HAS_INDEX)
		buf_printf(out, ",\"index\":%" PRIu32 ",\"attempt\":%" PRIu32, m->attempt.index, m->attempt.epoch);
	if (has & HAS_EXIT)
		buf_printf(out, ",\"outcome\":\"%s\",\"code\":%" PRId32 ",\"signal\":%" PRId32, outcomes[m->outcome],
			   m->code, m->signal);
	if (has & HAS_FLAG)
		buf_printf(out, ",\"flag\":%s", m->flag ? "true" : "false");
	if (has & HAS_NODE)
		add_node(out, m);
	if (has & HAS_LEASE)
		buf_printf(out, ",\"protocol\":%" PRIu32 ",\"lease_ms\":%" PRIu32, m->protocol_max, m->lease_ms);
	if (has & OPT_SENT)
		buf_printf(out, ",\"sent_ms\":%" PRId64, m->sent_ms);
	if ((has & OPT_CORES) && m->cores)
		buf_printf(out, ",\"cores\":%" PRIu32 "%s", m->cores, m->numa ? ",\"numa\":true" : "");
	if (has & HAS_TIMEOUT)
		buf_printf(out, ",\"timeout_ms\":%" PRIu32, m->timeout_ms);
	if ((has & OPT_SIGNAL) && m->signal)
		buf_printf(out, ",\"signal\":%" PRId32, m->signal);
	if (has & OPT_COUNTERS)
		add_text(out, "counters", m->counters);
	if (has & (HAS_TEXT | OPT_TEXT))
		add_text(out, "text", m->text);
	if (has & OPT_TEXT2)
		add_text(out, "text2", m->text2);
	buf_addc(out, '}');
}

/* ---- reading ---- */

static int read_attempt(yyjson_val *o, unsigned has, struct link_attempt *a, struct err *err)
{
	const char *job;
	int r = json_get_str(o, "job", &job, err);

	if (r < 0)
		return r;
	if (!*job || strlen(job) >= sizeof a->job)
		return err_set(err, EINVAL, "job: 1 to %zu bytes are needed", sizeof a->job - 1);
	snprintf(a->job, sizeof a->job, "%s", job);
	if (has & HAS_TASK)
		r = json_get_u32(o, "task", &a->task, err);
	if (r == 0 && (has & HAS_INDEX))
		r = json_get_u32(o, "index", &a->index, err);
	if (r == 0 && (has & HAS_INDEX))
		r = json_get_u32(o, "attempt", &a->epoch, err);
	return r;
}

static int read_exit(yyjson_val *o, struct link_msg *m, struct err *err)
{
	const char *outcome;
	size_t i = 0;
	int r = json_get_str(o, "outcome", &outcome, err);

	if (r < 0)
		return r;
	while (i < N_OUTCOMES && strcmp(outcomes[i], outcome) != 0)
		i++;
	if (i == N_OUTCOMES)
		return err_set(err, EINVAL, "outcome: unknown word");
	m->outcome = (enum link_outcome)i;
	r = json_get_i32(o, "code", &m->code, err);
	return r < 0 ? r : json_get_i32(o, "signal", &m->signal, err);
}

static int read_node(yyjson_val *o, struct link_msg *m, struct err *err)
{
	int r = json_get_u32(o, "protocol_min", &m->protocol_min, err);

	if (r == 0)
		r = json_get_u32(o, "protocol_max", &m->protocol_max, err);
	if (r == 0)
		r = json_get_u32(o, "slots", &m->slots, err);
	if (r == 0)
		r = json_get_u64(o, "cpu_milli", &m->cpu_milli, err);
	if (r == 0)
		r = json_get_u64(o, "memory", &m->memory, err);
	return r < 0 ? r : json_opt_str(o, "facts", &m->facts, err);
}

static int read_members(yyjson_val *o, unsigned has, struct link_msg *m, struct err *err)
{
	int64_t cores = 0, signal = 0;
	int r = 0;

	if (has & HAS_JOB)
		r = read_attempt(o, has, &m->attempt, err);
	if (r == 0 && (has & HAS_EXIT))
		r = read_exit(o, m, err);
	if (r == 0 && (has & HAS_FLAG))
		r = json_get_bool(o, "flag", &m->flag, err);
	if (r == 0 && (has & HAS_NODE))
		r = read_node(o, m, err);
	if (r == 0 && (has & HAS_LEASE))
		r = json_get_u32(o, "protocol", &m->protocol_max, err);
	if (r == 0 && (has & HAS_LEASE))
		r = json_get_u32(o, "lease_ms", &m->lease_ms, err);
	if (r == 0 && (has & OPT_SENT))
		r = json_opt_int(o, "sent_ms", 0, INT64_MAX, &m->sent_ms, err);
	if (r == 0 && (has & OPT_CORES))
		r = json_opt_int(o, "cores", 0, UINT16_MAX, &cores, err);
	if (r == 0 && (has & OPT_CORES))
		r = json_opt_bool(o, "numa", &m->numa, err);
	m->cores = (uint32_t)cores;
	if (r == 0 && (has & HAS_TIMEOUT))
		r = json_get_u32(o, "timeout_ms", &m->timeout_ms, err);
	if (r == 0 && (has & OPT_SIGNAL)) {
		r = json_opt_int(o, "signal", 0, 64, &signal, err);
		m->signal = (int32_t)signal;
	}
	if (r == 0 && (has & OPT_COUNTERS))
		r = json_opt_str(o, "counters", &m->counters, err);
	if (r == 0 && (has & HAS_TEXT))
		r = json_get_str(o, "text", &m->text, err);
	if (r == 0 && (has & OPT_TEXT))
		r = json_opt_str(o, "text", &m->text, err);
	if (r == 0 && (has & OPT_TEXT2))
		r = json_opt_str(o, "text2", &m->text2, err);
	return r;
}

static int decode(yyjson_val *o, enum msg_side by, struct link_msg *ret, struct err *err)
{
	struct link_msg m = {.flag = false};
	const char *name;
	size_t type = 0;
	int r = yyjson_is_obj(o) ? json_get_str(o, "type", &name, err) : err_set(err, EINVAL, "an object is needed");

	if (r < 0)
		return r;
	while (type < N_ROWS && strcmp(link_type_name((enum link_type)type), name) != 0)
		type++;
	if (type == N_ROWS)
		return 1;
	if (rows[type].by != by)
		return err_set(err, EPERM, "%s: this side does not send it", link_type_name((enum link_type)type));
	m.type = (enum link_type)type;
	r = read_members(o, rows[type].has, &m, err);
	if (r < 0)
		return err_wrap(err, "%s", link_type_name((enum link_type)type));
	*ret = m;
	return 0;
}

int msg_decode(const char *text, size_t n, enum msg_side by, struct link_msg *ret, yyjson_doc **ret_doc,
	       struct err *err)
{
	yyjson_doc *doc = json_parse(text, n, MSG_MAX, "a message of the link", err);
	int r;

	if (!doc)
		return -err->code;
	r = decode(yyjson_doc_get_root(doc), by, ret, err);
	if (r == 0)
		*ret_doc = doc;
	else
		yyjson_doc_free(doc);
	return r;
}
