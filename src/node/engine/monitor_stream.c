/* SPDX-License-Identifier: Apache-2.0
 *
 * What comes over the socket about streams: clients to be attached, and sizes of terminals.
 */
#include "node/engine/monitor.h"

#include "base/core/fd.h"
#include "base/core/guard.h"
#include "base/wire/json.h"

#include <string.h>
#include <sys/ioctl.h>

static void on_rotated(void *ctx)
{
	monitor_conn_wake(ctx);
}

void monitor_stream_init(struct monitor *m)
{
	m->flow = (struct flow)FLOW_NULL;
	m->flow.dir = m->dir;
	m->flow.log = &m->log;
	m->flow.rotated = on_rotated;
	m->flow.ctx = m;
}

void monitor_stream_prepare(struct monitor *m)
{
	const struct spec *s = &m->order.spec;

	m->flow.tty = s->tty;
	m->flow.in_once = s->stdin_once;
	if (s->log_driver == SPEC_LOG_NONE || outlet_alone(s))
		m->flow.log = NULL;
}

/* How long a start waits for a server of logs. */
#define OUTLET_MS 10000

int monitor_stream_outlet(struct monitor *m, struct err *err)
{
	const struct spec *s = &m->order.spec;
	const struct outlet_about about = {
	    .id = m->id, .name = m->name, .image = s->image ? s->image : "", .env = m->order.env, .labels = s->labels};

	return outlet_open(s, &about, OUTLET_MS, &m->flow.outlet, err);
}

void monitor_stream_tell(struct monitor *m)
{
	static const char yes[] = "{\"crowded\":true}\n", no[] = "{\"crowded\":false}\n";
	bool crowded = m->flow.n_clients >= ENGINE_ATTACH_MAX && RT_GUARD(A5);

	if (crowded == m->crowded)
		return;
	m->crowded = crowded;
	for (size_t i = 0; i < MONITOR_CONNS; i++)
		monitor_conn_send(&m->conns[i], crowded ? yes : no, crowded ? sizeof yes - 1 : sizeof no - 1, false);
}

static bool flag(yyjson_val *v, const char *key)
{
	return yyjson_get_bool(yyjson_obj_get(v, key));
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 0;
}

void monitor_stream_keys(struct detach *d, yyjson_val *v)
{
	const char *hex = yyjson_get_str(yyjson_obj_get(v, "keys"));

	*d = (struct detach){.n = 0};
	for (; hex && hex[0] && hex[1] && d->n < DETACH_MAX; hex += 2)
		d->keys[d->n++] = (uint8_t)(digit(hex[0]) << 4 | digit(hex[1]));
}

void monitor_stream_attach(struct monitor *m, yyjson_val *v, int fd)
{
	struct flow_attach how = {.in = flag(v, "in"),
				  .out = flag(v, "out"),
				  .err = flag(v, "err"),
				  .logs = flag(v, "logs"),
				  .stream = flag(v, "stream"),
				  .raw = flag(v, "raw")};

	monitor_stream_keys(&how.detach, v);
	flow_attach(&m->flow, &how, fd);
}

void monitor_stream_size(const struct flow *f, yyjson_val *v)
{
	const struct winsize size = {.ws_row = (unsigned short)yyjson_get_uint(yyjson_arr_get(v, 0)),
				     .ws_col = (unsigned short)yyjson_get_uint(yyjson_arr_get(v, 1))};

	/* The kernel tells the processes at the terminal, when the size has changed. */
	if (f->tty && f->out[0] >= 0)
		(void)ioctl(f->out[0], TIOCSWINSZ, &size);
}
