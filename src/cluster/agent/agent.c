/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/agent/agent.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/log.h"
#include "base/core/loop.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "cluster/agent/bind.h"
#include "cluster/agent/disk.h"
#include "cluster/agent/facts.h"
#include "cluster/agent/gpus.h"
#include "cluster/agent/holdings.h"
#include "cluster/agent/probes.h"
#include "cluster/agent/spaces.h"
#include "cluster/agent/waiting.h"
#include "cluster/link/lease.h"
#include "cluster/link/link.h"
#include "cluster/link/msg.h"
#include "node/engine/cdi.h"
#include "node/engine/engine.h"
#include "node/engine/rights.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define KEY_MAX (LINK_JOB_MAX + 40)
#define SPEC_MAX (32u << 20)
#define GLOB_MAX 100000
#define BEATS_A_LEASE 4
/* Of start(). */
#define START_LATE 1
#define START_BUSY 2
#define START_BY_HAND 3

struct agent {
	struct loop *loop;
	struct engine *engine;
	struct engine_listener *listener;
	struct link_end *link;
	struct loop_timer *beat;
	uint32_t lease_ms; /* 0 = nobody waits for beats */
	char *data_dir, *api_socket, *node;
	struct agent_options o;
	struct gpus gpus;
	unsigned gpus_by_hand; /* as the server was told */
	struct disk disk;
	struct waiting_list waiting;
	struct loop_timer *again; /* for those: a container has ended */
	struct holdings *holdings;
	char spaces[SPACES_ID_MAX]; /* which they are; "": no other node shares them */
	struct probes *probes;
	struct glob *globs;    /* asked for, not answered */
	uint64_t images_stamp; /* of the images that the server was told of */
};

struct glob {
	struct glob *next;
	struct agent *agent; /* NULL once the agent is gone */
	struct link_attempt attempt;
};

static void key_of(const struct link_attempt *a, char key[static KEY_MAX])
{
	snprintf(key, KEY_MAX, "%s/%" PRIu32 "/%" PRIu32 "/%" PRIu32, a->job, a->task, a->index, a->epoch);
}

static bool attempt_of(const char *key, struct link_attempt *ret)
{
	const char *slash = strchr(key, '/');

	if (!slash || (size_t)(slash - key) >= sizeof ret->job)
		return false;
	*ret = (struct link_attempt){.task = 0};
	memcpy(ret->job, key, (size_t)(slash - key));
	return sscanf(slash, "/%" SCNu32 "/%" SCNu32 "/%" SCNu32, &ret->task, &ret->index, &ret->epoch) == 3;
}

/* ---- report: engine -> server ---- */

static void report_exit(struct agent *a, const struct link_attempt *id, const struct engine_container *c)
{
	struct link_msg m = {.type = LINK_EXITED, .attempt = *id, .outcome = LINK_OUT_EXITED};

	m.code = c->exit.code;
	m.signal = c->exit.signal;
	m.flag = c->exit.oom;
	m.text = c->exit.fenced ? "the node had lost its server, and its lease ended" : c->exit.error;
	if (c->state == ENGINE_LOST || c->exit.fenced)
		m.outcome = LINK_OUT_LOST;
	else if (c->exit.never_started || c->exit.error)
		m.outcome = LINK_OUT_FAILED;
	link_send(a->link, &m);
}

static void report_started(struct agent *a, const struct link_attempt *id, const struct engine_container *c)
{
	struct link_msg m = {.type = LINK_STARTED, .attempt = *id, .text = c->id};

	link_send(a->link, &m);
}

static void report_health(struct agent *a, const struct link_attempt *id, const struct engine_container *c)
{
	struct link_msg m = {.type = LINK_HEALTH, .attempt = *id, .flag = c->health == ENGINE_HEALTHY};

	if (c->health == ENGINE_HEALTHY || c->health == ENGINE_UNHEALTHY)
		link_send(a->link, &m);
}

static void report_warned(struct agent *a, const struct link_attempt *id, const struct engine_container *c)
{
	struct link_msg m = {.type = LINK_WARNED, .attempt = *id};

	if (c->warned_ms)
		link_send(a->link, &m);
}

/* All that is known, for a server that asks again. */
static void report_state(struct agent *a, const struct link_attempt *id, const struct engine_container *c)
{
	if (c->started_ms)
		report_started(a, id, c);
	report_warned(a, id, c);
	if (c->state == ENGINE_EXITED || c->state == ENGINE_LOST)
		report_exit(a, id, c);
	else
		report_health(a, id, c);
}

static void report_lost(struct agent *a, const struct link_attempt *id, const char *why)
{
	struct link_msg m = {.type = LINK_EXITED, .attempt = *id, .outcome = LINK_OUT_LOST, .code = 1, .text = why};

	link_send(a->link, &m);
}

static char *facts_of(const struct agent *a)
{
	const struct facts_number n = {
	    .cores = a->o.cores, .gpus = counts_get(&a->o.counters, COUNTS_GPU), .gpus_by_hand = a->gpus_by_hand};

	return facts_json(&n, &a->disk, a->spaces, a->engine, a->holdings);
}

static struct bind bind_of(const struct agent *a)
{
	return (struct bind){.has = &a->o.counters, .gpus = &a->gpus, .share = a->o.share_gpus, .cdi = cdi_dirs};
}

/* True: containers of no job have more GPUs, or fewer, than the server knows. */
static bool look_by_hand(struct agent *a)
{
	const struct bind bind = bind_of(a);
	unsigned before = a->gpus_by_hand;

	if (a->gpus.n)
		a->gpus_by_hand = bind_by_hand(a->engine, &bind);
	return a->gpus_by_hand != before;
}

/* Still here; with what has changed. */
static void say_beat(struct agent *a, bool changed)
{
	mem_cleanup char *facts = changed ? facts_of(a) : NULL;

	a->images_stamp = engine_images_stamp(a->engine);
	link_send(a->link, &(struct link_msg){.type = LINK_BEAT, .sent_ms = clock_mono_ms(), .text = facts});
}

static void on_engine_event(void *ctx, const struct engine_event *ev)
{
	struct agent *a = ctx;
	struct link_attempt id;

	if (ev->type == ENGINE_EV_IMAGE)
		say_beat(a, true);
	/* Before an end is told: a GPU that somebody shares with a job is his alone then. */
	if (ev->c && ev->c->devices && look_by_hand(a))
		say_beat(a, true);
	if (!ev->c || !ev->c->key || !attempt_of(ev->c->key, &id))
		return;
	switch (ev->type) {
	case ENGINE_EV_STARTED:
		report_started(a, &id, ev->c);
		break;
	case ENGINE_EV_HEALTH:
		report_health(a, &id, ev->c);
		break;
	case ENGINE_EV_WARNED:
		report_warned(a, &id, ev->c);
		break;
	case ENGINE_EV_EXITED:
		/* What it has left here counts for the choice that follows from its end. */
		if (holdings_touched(a->holdings, ev->c->job) && holdings_look(a->holdings))
			say_beat(a, true);
		report_exit(a, &id, ev->c);
		/* Not from within the engine. */
		if (a->waiting.n)
			loop_timer_arm(a->again, 0);
		break;
	case ENGINE_EV_CREATED:
	case ENGINE_EV_STOPPING:
	case ENGINE_EV_REMOVED:
	case ENGINE_EV_CHANGED:
	case ENGINE_EV_IMAGE:
		break;
	}
}

/* ---- enact: server -> engine ---- */

/* Directories of managed spaces are made on first use; a space that the user named by its path must be there. */
static int make_spaces(struct agent *a, yyjson_val *spec, struct err *err)
{
	yyjson_val *spaces = yyjson_obj_get(spec, "spaces"), *space;
	size_t i, n, prefix = strlen(a->data_dir);

	yyjson_arr_foreach (spaces, i, n, space) {
		fd_cleanup int fd = -1;
		const char *path;
		int r = json_get_str(space, "path", &path, err);

		if (r < 0)
			return r;
		if (strncmp(path, a->data_dir, prefix) != 0 || path[prefix] != '/')
			continue;
		fd = fs_mkdirs(path, 0755, err);
		if (fd < 0)
			return fd;
	}
	return 0;
}

static int start(struct agent *a, const struct link_msg *m, struct err *err)
{
	struct bind bind = bind_of(a);
	json_doc_cleanup yyjson_doc *doc =
	    json_parse(m->text, strlen(m->text), SPEC_MAX, "the container's specification", err);
	json_doc_cleanup yyjson_doc *bound = NULL, *hooks = NULL;
	const struct engine_container *c;
	int r = 0;

	bind.cores = m->cores;
	bind.numa = m->numa;
	bind.counters = m->counters;
	if (!doc)
		return -err->code;
	if (yyjson_get_bool(yyjson_obj_get(yyjson_doc_get_root(doc), "fenced")) &&
	    engine_fenced_until(a->engine) <= clock_mono_ms())
		return START_LATE;
	/* As the user wrote it: what this node chooses for it is not his wish. */
	if (yyjson_get_bool(yyjson_obj_get(yyjson_doc_get_root(doc), "confined")))
		r = rights_check_named(a->engine, yyjson_doc_get_root(doc), err);
	if (r == 0)
		r = bind_spec(a->engine, &bind, doc, &bound, &hooks, err);
	if (r == BIND_BUSY || r == BIND_BY_HAND)
		return r == BIND_BUSY ? START_BUSY : START_BY_HAND;
	if (r == 0)
		r = make_spaces(a, yyjson_doc_get_root(bound), err);
	if (r < 0)
		return r;
	return engine_run_hooked(a->engine, yyjson_doc_get_root(bound), yyjson_doc_get_root(hooks), &c, err);
}

/* It has lain in the way until after the end of this node's lease, and may run elsewhere by now. If not, it is wanted again: the beat comes first, so that
 * the next start finds a new lease. */
static void refuse_start(struct agent *a, const struct link_msg *m)
{
	link_send(a->link, &(struct link_msg){.type = LINK_BEAT, .sent_ms = clock_mono_ms()});
	report_lost(a, &m->attempt, "its start came after the end of the node's lease");
}

/* Somebody was quicker than the server knew. It knows now, and chooses again. */
static void give_back(struct agent *a, const struct link_msg *m)
{
	(void)look_by_hand(a);
	say_beat(a, true);
	report_lost(a, &m->attempt, "containers of no job have the GPUs that it was to get");
}

static void enact_start(struct agent *a, const struct link_msg *m)
{
	char key[KEY_MAX];
	const struct engine_container *c;
	struct err err = ERR_INIT;
	int r;
	struct link_msg failed = {.type = LINK_EXITED, .attempt = m->attempt, .outcome = LINK_OUT_FAILED, .code = 125};

	key_of(&m->attempt, key);
	c = engine_by_key(a->engine, key);
	if (c) {
		report_state(a, &m->attempt, c);
		return;
	}
	if (m->flag) {
		report_lost(a, &m->attempt, "the node has no record of this container any more");
		return;
	}
	r = start(a, m, &err);
	if (r == START_LATE)
		refuse_start(a, m);
	if (r == START_BY_HAND)
		give_back(a, m);
	if (r == START_BUSY)
		r = waiting_add(&a->waiting, m, &err);
	if (r >= 0)
		return;
	failed.text = err.text;
	link_send(a->link, &failed);
}

static void start_again(void *ctx, const struct link_msg *m)
{
	enact_start(ctx, m);
}

static void on_again(void *ctx)
{
	struct agent *a = ctx;

	waiting_each(&a->waiting, start_again, a);
}

static void enact_kill(struct agent *a, const struct link_msg *m)
{
	char key[KEY_MAX];
	const struct engine_container *c;
	struct err err = ERR_INIT;

	key_of(&m->attempt, key);
	c = engine_by_key(a->engine, key);
	(void)waiting_drop(&a->waiting, &m->attempt);
	if (!c) {
		report_lost(a, &m->attempt, "it was ended before it started");
		return;
	}
	/* Its end alone: a start that the server does not want any more would be answered by the next KILL. */
	if (c->state == ENGINE_EXITED || c->state == ENGINE_LOST) {
		report_exit(a, &m->attempt, c);
		return;
	}
	if (engine_stop_by(a->engine, c->id, m->signal, -1, &err) < 0 && err.code != ESRCH)
		log_err(&err, "stop a container");
}

static void glob_unlink(struct agent *a, struct glob *g)
{
	for (struct glob **p = &a->globs; *p; p = &(*p)->next) {
		if (*p == g) {
			*p = g->next;
			return;
		}
	}
}

static void on_glob(void *ctx, char **paths, size_t n, const struct err *error)
{
	struct glob *g = ctx;
	struct link_msg m = {.type = LINK_EXPANDED, .attempt = g->attempt, .text2 = error ? error->text : NULL};
	buf_cleanup struct buf list = BUF_LIMIT(MSG_TEXT_MAX);

	if (g->agent) {
		glob_unlink(g->agent, g);
		buf_addc(&list, '[');
		for (size_t i = 0; i < n; i++) {
			if (i > 0)
				buf_addc(&list, ',');
			json_quote(&list, paths[i], strlen(paths[i]));
		}
		buf_addc(&list, ']');
		m.text = error ? NULL : buf_str(&list);
		if (list.full) {
			m.text = NULL;
			m.text2 = "the names of the files together are too long for a message (16 MiB)";
		}
		link_send(g->agent->link, &m);
	}
	free(g);
}

static void enact_expand(struct agent *a, const struct link_msg *m)
{
	struct glob *g = mem_new(struct glob);
	struct err err = ERR_INIT;
	size_t prefix = strlen(a->data_dir);

	*g = (struct glob){.next = a->globs, .agent = a, .attempt = m->attempt};
	a->globs = g;
	if (!strncmp(m->text, a->data_dir, prefix) && m->text[prefix] == '/') {
		fd_cleanup int fd = fs_mkdirs(m->text, 0755, &err);

		if (fd < 0) {
			on_glob(g, NULL, 0, &err);
			return;
		}
	}
	if (engine_glob(a->engine, m->text, m->text2, GLOB_MAX, on_glob, g, &err) < 0)
		on_glob(g, NULL, 0, &err);
}

static void on_probed(void *ctx, const char *name, bool fit, const char *text)
{
	struct agent *a = ctx;

	link_send(a->link, &(struct link_msg){.type = LINK_PROBED, .text = name, .flag = fit, .text2 = text});
}

static void enact_forget(struct agent *a, const struct link_msg *m)
{
	const struct engine_container *c;
	struct err err = ERR_INIT;
	mem_cleanup char *relative = mem_printf("spaces/job/%s", m->attempt.job);
	char **ids = NULL;

	waiting_drop_job(&a->waiting, m->attempt.job);
	for (size_t i = 0; (c = engine_at(a->engine, i)); i++) {
		if (c->job && !strcmp(c->job, m->attempt.job))
			mem_strv_add(&ids, c->id);
	}
	for (char **id = ids; id && *id; id++) {
		if (engine_remove(a->engine, *id, true, &err) < 0)
			log_err(&err, "forget a container");
	}
	mem_strv_free(ids);
	engine_remove_tree(a->engine, relative);
}

static void on_beat(void *ctx)
{
	struct agent *a = ctx;

	bool holds = holdings_look(a->holdings), room = disk_look(&a->disk, a->data_dir);

	say_beat(a, holds || room || engine_images_stamp(a->engine) != a->images_stamp);
	if (a->lease_ms)
		loop_timer_arm(a->beat, a->lease_ms / BEATS_A_LEASE + 1);
}

/* The server has heard what was sent then. */
static void on_heard(struct agent *a, const struct link_msg *m)
{
	if (m->sent_ms <= clock_mono_ms())
		engine_fence(a->engine, lease_end(m->sent_ms, a->lease_ms));
}

static void on_heard_again(struct agent *a, const struct link_msg *m)
{
	if (a->lease_ms)
		on_heard(a, m);
}

static void on_welcome(struct agent *a, const struct link_msg *m)
{
	a->lease_ms = m->lease_ms;
	on_heard(a, m);
	on_beat(a);
}

static void on_message(void *ctx, const struct link_msg *m)
{
	struct agent *a = ctx;

	log_debug("agent: %s %s/%u/%u#%u", link_type_name(m->type), m->attempt.job, m->attempt.task, m->attempt.index,
		  m->attempt.epoch);
	switch (m->type) {
	case LINK_START:
		enact_start(a, m);
		break;
	case LINK_KILL:
		enact_kill(a, m);
		break;
	case LINK_PROBE:
		if (m->text2)
			probes_run(a->probes, m->text2, m->text, m->timeout_ms);
		break;
	case LINK_EXPAND:
		enact_expand(a, m);
		break;
	case LINK_FORGET:
		enact_forget(a, m);
		break;
	case LINK_WELCOME:
		on_welcome(a, m);
		break;
	case LINK_HEARD:
		on_heard_again(a, m);
		break;
	case LINK_REFUSE:
	case LINK_CERT:
	case LINK_BEAT:
	case LINK_RENEW:
	case LINK_HELLO:
	case LINK_HAVE:
	case LINK_STARTED:
	case LINK_HEALTH:
	case LINK_WARNED:
	case LINK_PROBED:
	case LINK_EXITED:
	case LINK_EXPANDED:
		break; /* our own kinds: not for us */
	}
}

void agent_node_name(const struct agent_options *o, char *name, size_t n)
{
	char host[LINK_JOB_MAX] = "";

	if (!o->node && gethostname(host, sizeof host - 1) < 0)
		host[0] = '\0';
	snprintf(name, n, "%s", o->node ? o->node : *host ? host : "localhost");
}

static void say_hello(struct agent *a)
{
	const struct agent_options *o = &a->o;
	struct link_msg m = {.type = LINK_HELLO, .protocol_min = LINK_PROTOCOL_MIN, .protocol_max = LINK_PROTOCOL_MAX};
	mem_cleanup char *facts = NULL;
	mem_cleanup char *counters = o->counters.n ? counts_text(&o->counters) : NULL;
	mem_cleanup char *spaces = mem_printf("%s/spaces", a->data_dir);

	(void)holdings_look(a->holdings);
	(void)disk_look(&a->disk, a->data_dir);
	(void)look_by_hand(a);
	facts = facts_of(a);
	a->images_stamp = engine_images_stamp(a->engine);
	m.sent_ms = clock_mono_ms();
	m.text = a->node;
	m.facts = facts;
	m.counters = counters;
	m.text2 = spaces;
	m.slots = o->slots ? o->slots : o->cores;
	m.cpu_milli = (uint64_t)o->cores * 1000;
	m.memory = o->memory ? o->memory : o->machine_memory;
	link_send(a->link, &m);
}

/* A job may have been forgotten while nobody was here to clear up after it. */
static void say_what_is_here(struct agent *a)
{
	const struct engine_container *c;
	struct map told = MAP_INIT;

	for (size_t i = 0; (c = engine_at(a->engine, i)); i++) {
		struct link_msg m = {.type = LINK_HAVE};

		if (!c->job || map_get(&told, c->job))
			continue;
		map_put(&told, c->job, a);
		snprintf(m.attempt.job, sizeof m.attempt.job, "%s", c->job);
		link_send(a->link, &m);
	}
	map_free(&told);
}

/* Whatever the server has given up meanwhile it tells to end. */
static void say_what_runs(struct agent *a)
{
	const struct engine_container *c;
	struct link_attempt id;

	for (size_t i = 0; (c = engine_at(a->engine, i)); i++) {
		if (!c->key || !attempt_of(c->key, &id) || c->state == ENGINE_EXITED || c->state == ENGINE_LOST)
			continue;
		report_started(a, &id, c);
		report_warned(a, &id, c);
	}
}

static void on_state(void *ctx, bool up)
{
	struct agent *a = ctx;

	a->lease_ms = 0;
	loop_timer_disarm(a->beat);
	/* The server says again what it wants. */
	waiting_clear(&a->waiting);
	if (!up)
		return;
	say_hello(a);
	say_what_is_here(a);
	say_what_runs(a);
}

/* The server has a request for the API of this node. */
static int on_tunnel(void *ctx)
{
	const struct agent *a = ctx;
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	fd_cleanup int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || !a->api_socket || strlen(a->api_socket) >= sizeof to.sun_path)
		return -1;
	memcpy(to.sun_path, a->api_socket, strlen(a->api_socket));
	if (connect(fd, (const struct sockaddr *)&to, sizeof to) < 0)
		return -1;
	return fd_take(&fd);
}

struct agent *agent_new(struct loop *l, struct engine *e, struct link_end *link, const struct agent_options *o)
{
	struct agent *a = mem_new(struct agent);
	char name[LINK_JOB_MAX];
	struct err err = ERR_INIT;

	a->loop = l;
	a->engine = e;
	a->link = link;
	a->o = *o;
	a->data_dir = mem_strdup(o->data_dir);
	gpus_find("/dev", &a->gpus);
	if (a->gpus.n && !counts_has(&a->o.counters, COUNTS_GPU))
		(void)counts_set(&a->o.counters, COUNTS_GPU, a->gpus.n, NULL);
	disk_open(&a->disk, o->data_dir, o->disk);
	if (disk_units(&a->disk))
		(void)counts_set(&a->o.counters, COUNTS_DISK, disk_units(&a->disk), NULL);
	a->again = loop_timer_new(l, on_again, a);
	a->api_socket = mem_strdup(o->api_socket);
	agent_node_name(o, name, sizeof name);
	a->node = mem_strdup(name);
	a->beat = loop_timer_new(l, on_beat, a);
	a->listener = engine_listen(e, on_engine_event, a);
	a->holdings = holdings_new(o->data_dir);
	if (spaces_id(o->data_dir, a->spaces, &err) < 0)
		log_err(&err, "whether other nodes share the data spaces");
	a->probes = probes_new(l, e, on_probed, a);
	link_on_message(link, on_message, a);
	link_on_tunnel(link, on_tunnel, a);
	link_on_state(link, on_state, a);
	return a;
}

struct agent *agent_free(struct agent *a)
{
	if (!a)
		return NULL;
	for (struct glob *g = a->globs; g; g = g->next)
		g->agent = NULL;
	engine_unlisten(a->listener);
	probes_free(a->probes);
	holdings_free(a->holdings);
	link_on_state(a->link, NULL, NULL);
	link_free(a->link);
	loop_timer_free(a->beat);
	loop_timer_free(a->again);
	waiting_clear(&a->waiting);
	gpus_free(&a->gpus);
	free(a->api_socket);
	free(a->node);
	free(a->data_dir);
	free(a);
	return NULL;
}
