/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/container.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/log.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "node/engine/network.h"
#include "node/engine/order.h"
#include "node/engine/volume.h"
#include "node/image/image.h"
#include "node/image/lease.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define COMMAND_MAX 120
#define ORDERS_MAX 5
#define ORDER_AGAIN_MS 20
#define WISHES_MAX 1024

struct container *container_new(struct engine *e, const char *id)
{
	struct container *c = mem_new(struct container);

	c->e = e;
	c->conn = -1;
	c->ending = LIFE_NOT_ENDING;
	c->in = (struct buf)BUF_LIMIT(4 * RECORD_MAX);
	c->wishes = (struct buf)BUF_LIMIT(WISHES_MAX);
	snprintf(c->pub.id, sizeof c->pub.id, "%s", id);
	return c;
}

/* As Docker shows it: arguments with a blank in quotes. */
static char *short_command(const char *const *argv)
{
	buf_cleanup struct buf b = BUF_LIMIT(COMMAND_MAX + 6);

	for (const char *const *at = argv; *at; at++) {
		size_t room = COMMAND_MAX - b.len, n = strnlen(*at, room + 1);
		const char *quote = at > argv && memchr(*at, ' ', n) ? "'" : "";

		if (b.len > 0)
			buf_addc(&b, ' ');
		buf_adds(&b, quote);
		buf_add(&b, *at, n > room ? room : n);
		buf_adds(&b, quote);
		if (n > room || b.len >= COMMAND_MAX) {
			b.len = b.len > COMMAND_MAX - 3 ? COMMAND_MAX - 3 : b.len;
			buf_adds(&b, "...");
			break;
		}
	}
	return mem_strdup(buf_str(&b));
}

_Static_assert((int)ENGINE_RESTART_ON_FAILURE == (int)SPEC_RESTART_ON_FAILURE &&
		   (int)ENGINE_RESTART_ALWAYS == (int)SPEC_RESTART_ALWAYS,
	       "the policies are numbered alike");

static char **labels(yyjson_val *v)
{
	yyjson_val *key, *val;
	char **list = NULL;
	size_t i, n;

	yyjson_obj_foreach (v, i, n, key, val) {
		mem_cleanup char *one = mem_printf("%s=%s", yyjson_get_str(key), yyjson_get_str(val));

		mem_strv_add(&list, one);
	}
	return list;
}

static bool has_links(yyjson_val *networks)
{
	yyjson_val *v;
	size_t i, n;

	yyjson_arr_foreach (networks, i, n, v) {
		if (yyjson_arr_size(yyjson_obj_get(v, "links")) > 0)
			return true;
	}
	return false;
}

void container_describe(struct container *c, const struct order *o, const char *const *argv)
{
	const struct spec *s = &o->spec;

	c->created_ns = o->created_ns;
	c->pub.created_ms = o->created_ns / 1000000;
	c->pub.name = mem_strdup(o->name);
	c->pub.key = mem_strdup(s->key);
	c->pub.image = mem_strdup(s->image);
	c->pub.job = mem_strdup(s->job);
	c->pub.task = mem_strdup(s->task);
	c->pub.index = (uint32_t)s->index;
	c->pub.epoch = (uint32_t)s->epoch;
	c->pub.remove = s->remove;
	c->pub.restart = (enum engine_restart)s->restart;
	c->pub.restart_max = (uint32_t)s->restart_max;
	c->pub.labels = labels(s->labels);
	c->pub.linked = has_links(s->networks);
	for (size_t i = 0; i < s->n_devices; i++)
		mem_strv_add(&c->pub.devices, s->devices[i].path_on_host);
	c->userns_base = o->userns_base;
	c->stop_signal = (int)o->stop_signal;
	c->has_health = s->health.test != NULL;
	c->pub.command = short_command(argv);
	c->volumes = volume_names(s);
	c->own_volumes = volume_own_names(s);
	c->tty = s->tty;
	c->pub.health = c->has_health ? ENGINE_HEALTH_STARTING : ENGINE_HEALTH_NONE;
}

int container_list(struct container *c, struct err *err)
{
	struct engine *e = c->e;

	if (map_get(&e->by_name, c->pub.name))
		return err_set(err, EEXIST, "the name \"%s\" is already used by another container", c->pub.name);
	if (c->pub.key && map_get(&e->by_key, c->pub.key))
		return err_set(err, EEXIST, "the key \"%s\" is already used by another container", c->pub.key);
	map_put(&e->by_id, c->pub.id, c);
	map_put(&e->by_name, c->pub.name, c);
	if (c->pub.key)
		map_put(&e->by_key, c->pub.key, c);
	mem_grow(&e->list, &e->cap, e->n);
	e->list[e->n++] = c;
	return 0;
}

void container_unlist(struct container *c)
{
	struct engine *e = c->e;

	if (c->unlisted)
		return;
	c->unlisted = true;
	map_remove(&e->by_id, c->pub.id);
	map_remove(&e->by_name, c->pub.name);
	if (c->pub.key)
		map_remove(&e->by_key, c->pub.key);
	for (size_t i = e->n; i-- > 0;) {
		if (e->list[i] != c)
			continue;
		memmove(&e->list[i], &e->list[i + 1], (e->n - i - 1) * sizeof *e->list);
		e->n--;
		break;
	}
	c->next_gone = e->gone;
	e->gone = c;
}

static void disconnect(struct container *c)
{
	c->watch = loop_fd_free(c->watch);
	c->retry = loop_timer_free(c->retry);
	fd_closep(&c->conn);
	buf_free(&c->in);
}

/* ---- its lease ---- */

#define LEASE "container-"

static const char *lease_id(const struct container *c, char id[static 80])
{
	snprintf(id, 80, LEASE "%s", c->pub.id);
	return id;
}

int container_lease(struct container *c, const struct image_info *image, struct err *err)
{
	char id[80];
	int r = image_lease_keep(c->e->images, lease_id(c, id), image, err);

	c->leased = r == 0;
	return r;
}

void container_recall_lease(struct container *c, char **layers)
{
	const struct image_info image = {.layers = layers};
	struct err err = ERR_INIT;
	char id[80];

	c->leased = image_lease_is_kept(c->e->images, lease_id(c, id));
	if (!c->leased && layers && container_lease(c, &image, &err) < 0)
		log_err(&err, "a container runs without a lease on its image");
}

void container_drop_lease(struct container *c)
{
	char id[80];

	if (c->leased)
		image_lease_drop(c->e->images, lease_id(c, id));
	c->leased = false;
}

/* A task's container ends for ever, and a job has many; every other one has its image until it is removed. */
static bool needs_image(const struct container *c)
{
	return !container_ended(c) || !c->pub.job;
}

static bool may_need(void *ctx, const char *id)
{
	const struct container *c = map_get(&((struct engine *)ctx)->by_id, id + strlen(LEASE));

	return c && needs_image(c);
}

void container_reconcile_leases(struct engine *e)
{
	image_lease_reconcile(e->images, LEASE, may_need, e);
}

/* One that waits for its policy has what it will have again in a moment; one that was made and never started has nothing. */
bool engine_uses_devices(const struct engine_container *c)
{
	return c->starting || c->restarting || c->state == ENGINE_RUNNING || c->state == ENGINE_STOPPING;
}

void container_free(struct container *c)
{
	disconnect(c);
	c->backoff = loop_timer_free(c->backoff);
	answer_drop(c);
	update_drop(c);
	follow_detach(c);
	stream_drop(c);
	exec_drop(c);
	buf_free(&c->wishes);
	mem_strv_free(c->pub.labels);
	mem_strv_free(c->pub.devices);
	free(c->pub.name);
	free(c->pub.key);
	free(c->pub.image);
	free(c->pub.command);
	free(c->pub.job);
	free(c->pub.task);
	free(c->pub.exit.error);
	free(c->pub.refused);
	mem_strv_free(c->volumes);
	mem_strv_free(c->own_volumes);
	free(c);
}

bool container_ended(const struct container *c)
{
	return c->pub.state == ENGINE_EXITED || c->pub.state == ENGINE_LOST;
}

bool container_idle(const struct container *c)
{
	return container_ended(c) || (c->pub.state == ENGINE_CREATED && !c->pub.starting);
}

int container_dir(const struct container *c, struct err *err)
{
	int fd = openat(c->e->dir, c->pub.id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? err_sys(err, errno, "open the directory of container %.12s", c->pub.id) : fd;
}

/* ---- facts ---- */

static void tell_die(struct container *c)
{
	const struct engine_exit *exit = &c->pub.exit;
	char code[16], seconds[32];
	const char *const died[] = {"execDuration", seconds, "exitCode", code, NULL}, *const killed[] = {"signal", "9",
													 NULL};

	snprintf(code, sizeof code, "%d", exit->code);
	snprintf(seconds, sizeof seconds, "%" PRId64,
		 c->pub.started_ms ? (c->pub.ended_ms - c->pub.started_ms) / 1000 : 0);
	if (exit->oom && c->ooms == 0)
		engine_action_of(c->e, &c->pub, "oom", NULL);
	/* Its monitor's, after the grace of a stop. */
	if (c->stop_asked && exit->signal == SIGKILL)
		engine_action_of(c->e, &c->pub, "kill", killed);
	engine_action_of(c->e, &c->pub, "die", died);
	if (c->stop_asked)
		engine_action_of(c->e, &c->pub, "stop", NULL);
	c->stop_asked = false;
}

static void set_started(struct container *c, const struct record *r)
{
	free(c->pub.exit.error);
	c->pub.exit = (struct engine_exit){.code = 0};
	c->pub.pid = r->pid;
	c->pub.started_ms = r->started_ms;
	c->pub.state = ENGINE_RUNNING;
	c->ooms = 0;
	c->pub.starting = c->pub.restarting = false;
	volume_tell_use(c, "mount");
	engine_action_of(c->e, &c->pub, "start", NULL);
	if (c->restart_asked)
		engine_action_of(c->e, &c->pub, "restart", NULL);
	c->restart_asked = false;
	event_add(c->e, ENGINE_EV_STARTED, c, NULL);
	network_started(c, r->pid, r->start_time);
}

static void set_health(struct container *c, enum engine_health health, bool tell)
{
	char text[64];

	c->pub.health = health;
	if (!tell)
		return;
	snprintf(text, sizeof text, "health_status: %s", record_health_name(health));
	if (!c->recalled)
		engine_action_of(c->e, &c->pub, text, NULL);
	event_add(c->e, ENGINE_EV_HEALTH, c, record_health_name(health));
}

/* What happened while there was no daemon was told to nobody. */
static void set_ooms(struct container *c, uint32_t ooms)
{
	c->ooms = ooms;
	c->pub.exit.oom = true;
	if (!c->recalled)
		engine_action_of(c->e, &c->pub, "oom", NULL);
}

/* Told also when an earlier daemon may have told it: nobody minds to hear it twice. */
static void set_warned(struct container *c, int64_t warned_ms)
{
	c->pub.warned_ms = warned_ms;
	event_add(c->e, ENGINE_EV_WARNED, c, NULL);
}

static void set_paused(struct container *c, bool paused)
{
	const char *what = paused ? "pause" : "unpause";

	c->pub.paused = paused;
	if (c->recalled)
		return;
	engine_action_of(c->e, &c->pub, what, NULL);
	event_add(c->e, ENGINE_EV_CHANGED, c, what);
}

static void set_end(struct container *c, const struct record *r)
{
	c->pub.ended_ms = r->ended_ms;
	free(c->pub.exit.error);
	c->pub.exit = r->exit;
	c->pub.exit.error = mem_strdup(r->exit.error);
	c->pub.pid = 0;
	life_ended(c);
	exec_ended(c);
	tell_die(c);
	network_part(c);
	if (c->pub.started_ms)
		volume_tell_use(c, "unmount");
	if (!needs_image(c))
		container_drop_lease(c);
	follow_wake(c, false);
	event_add(c->e, ENGINE_EV_EXITED, c, NULL);
}

void container_record(struct container *c, const struct record *r)
{
	bool was_running = c->pub.started_ms != 0;

	if (container_ended(c) || r->state < c->pub.state || r->run != c->pub.run)
		return;
	if (r->started_ms && !was_running)
		set_started(c, r);
	if (r->health != c->pub.health)
		set_health(c, r->health, was_running);
	if (r->ooms > c->ooms)
		set_ooms(c, r->ooms);
	if (r->warned_ms && !c->pub.warned_ms)
		set_warned(c, r->warned_ms);
	if (r->paused != c->pub.paused && r->state == ENGINE_RUNNING)
		set_paused(c, r->paused);
	if (r->state == ENGINE_STOPPING && c->pub.state != ENGINE_STOPPING)
		event_add(c->e, ENGINE_EV_STOPPING, c, NULL);
	c->pub.state = r->state;
	if (container_ended(c))
		set_end(c, r);
}

static void on_line(struct container *c, const char *line, size_t n)
{
	static const char more[] = "{\"log\":\"more\"}", rotated[] = "{\"log\":\"rotated\"}";
	struct record r;
	struct err err = ERR_INIT;

	/* Its end was the last that anybody wanted to know. */
	if (c->forgotten)
		return;
	c->heard = true;
	buf_free(&c->wishes);
	stream_heard(c);
	if ((n == sizeof more - 1 && !memcmp(line, more, n)) ||
	    (n == sizeof rotated - 1 && !memcmp(line, rotated, n))) {
		follow_wake(c, n == sizeof rotated - 1);
		return;
	}
	if (answer_line(c, line, n) || exec_line(c, line, n))
		return;
	if (record_parse(line, n, &r, &err) < 0) {
		log_err(&err, "a monitor's message cannot be understood");
		return;
	}
	container_record(c, &r);
	c->recalled = false;
	record_clear(&r);
}

/* True when there may be more. */
static bool read_some(struct container *c)
{
	size_t room = RECORD_MAX;
	char *to = buf_room(&c->in, room), *end;
	ssize_t n = to ? recv(c->conn, to, room, MSG_DONTWAIT) : 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		container_gone(c);
		return false;
	}
	buf_added(&c->in, (size_t)n);
	while (c->in.len > 0 && (end = memchr(c->in.data, '\n', c->in.len))) {
		size_t len = (size_t)(end - c->in.data);

		on_line(c, c->in.data, len);
		buf_drop(&c->in, len + 1);
	}
	if (c->in.len == 0)
		buf_free(&c->in);
	return true;
}

void container_hear(struct container *c)
{
	while (c->conn >= 0 && read_some(c))
		;
}

/* A monitor that ends before it read all that we sent leaves an error on the connection, after which the loop does not call again: then all that
 * is left is read at once. */
static void on_conn(void *ctx, int events)
{
	while (read_some(ctx) && (events & LOOP_HUP))
		;
}

int container_connect(struct container *c, int fd, struct err *err)
{
	int r = loop_fd_new(c->e->loop, fd, LOOP_IN, on_conn, c, &c->watch, err);

	if (r < 0) {
		close(fd);
		return r;
	}
	c->conn = fd;
	stream_connected(c);
	return c->wishes.len > 0 ? container_tell(c, buf_str(&c->wishes), err) : 0;
}

int container_order(struct container *c, int dir, struct err *err)
{
	char run[16];
	const char *args[] = {c->pub.id, run, c->pub.name, NULL};
	int pair[2], fds[2], r;

	snprintf(run, sizeof run, "%" PRIu32, c->pub.run);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, errno, "make a socket pair");
	c->ordered += c->ordered == 0;
	r = container_connect(c, pair[0], err);
	if (r < 0) {
		close(pair[1]);
		return r;
	}
	fds[0] = fcntl(dir, F_DUPFD_CLOEXEC, 3);
	fds[1] = pair[1];
	if (fds[0] < 0) {
		close(pair[1]);
		return err_sys(err, errno, "duplicate a descriptor");
	}
	return launcher_send(c->e->launcher, LAUNCHER_MONITOR, args, fds, 2, err);
}

int container_tell(struct container *c, const char *line, struct err *err)
{
	size_t n = strlen(line);
	ssize_t w = c->conn < 0 ? -1 : send(c->conn, line, n, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (w == (ssize_t)n)
		return 0;
	if (w < 0 && c->conn >= 0 && errno == EAGAIN)
		return err_set(err, EBUSY, "the monitor of container %.12s does not answer", c->pub.id);
	return err_set(err, ESRCH, "container %.12s has no monitor any more", c->pub.id);
}

int container_give(struct container *c, const char *line, int fd, struct err *err)
{
	int r = c->conn < 0 ? -ESRCH : fd_send_msg(c->conn, line, strlen(line), &fd, 1);

	if (r == 0)
		return 0;
	if (r == -EAGAIN)
		return err_set(err, EBUSY, "the monitor of container %.12s does not answer", c->pub.id);
	return err_set(err, ESRCH, "container %.12s has no monitor any more", c->pub.id);
}

int container_ask(struct container *c, const char *line, struct err *err)
{
	bool keep = !c->heard && (c->conn >= 0 || c->retry);
	int r;

	if (keep && c->wishes.len + strlen(line) > WISHES_MAX)
		return err_set(err, EBUSY, "the monitor of container %.12s does not answer", c->pub.id);
	r = keep && c->conn < 0 ? 0 : container_tell(c, line, err);
	if (r == 0 && keep)
		r = buf_adds(&c->wishes, line);
	return r;
}

/* ---- the end without a word ---- */

static void write_lost(struct container *c, const struct record *r)
{
	buf_cleanup struct buf text = BUF_LIMIT(RECORD_MAX);
	fd_cleanup int dir = container_dir(c, NULL);
	struct err err = ERR_INIT;

	record_write(&text, r);
	if (dir >= 0 && fs_write_atomic(dir, "exit.json", text.data, text.len, 0600, false, &err) < 0)
		log_err(&err, "the record of a lost container");
}

static void lose(struct container *c, const char *why)
{
	struct record r = {
	    .state = ENGINE_LOST,
	    .run = c->pub.run,
	    .health = c->pub.health,
	    .started_ms = c->pub.started_ms,
	    .ended_ms = clock_wall_ms(),
	    .exit = {.code = 125, .never_started = c->never_ran || c->pub.started_ms == 0, .error = (char *)why},
	};

	write_lost(c, &r);
	container_record(c, &r);
	life_over(c);
	container_try_forget(c);
}

static void on_cleaned(void *ctx, yyjson_val *answer, const struct err *err)
{
	struct container *c = ctx;

	c->losing = false;
	if (!answer)
		log_err(err, "what a dead monitor left could not be removed");
	lose(c, c->never_ran ? "its monitor process could not be started"
			     : "its monitor process vanished; what was left of the container was killed");
}

/* Kills by the cgroup what the monitor left; only then it is lost. */
static void start_cleanup(struct container *c)
{
	const char *args[] = {c->pub.id, NULL};
	struct err err = ERR_INIT;
	struct reply *reply;
	int fd, r;

	c->losing = true;
	r = reply_new(c->e, 4096, on_cleaned, c, &fd, &reply, &err);
	if (r < 0) {
		on_cleaned(c, NULL, &err);
		return;
	}
	r = launcher_send(c->e->launcher, LAUNCHER_CLEANUP, args, &fd, 1, &err);
	if (r < 0) {
		reply_free(reply);
		on_cleaned(c, NULL, &err);
	}
}

static void on_order_again(void *ctx)
{
	struct container *c = ctx;
	fd_cleanup int dir = container_dir(c, NULL);

	c->retry = loop_timer_free(c->retry);
	c->ordered++;
	/* It may have been asked to go meanwhile. */
	if (c->remove_soon || dir < 0 || network_prepare(c, dir, NULL) < 0 || container_order(c, dir, NULL) < 0)
		container_gone(c);
}

/* A launcher that dies may take an order with it. Nobody has acted on an order without a socket: it can be given once more, a little later, when
 * the dead launcher is sure to have been noticed. */
static bool order_again(struct container *c, int dir)
{
	struct stat st;

	if (!c->ordered || dir < 0 || fstatat(dir, "sock", &st, AT_SYMLINK_NOFOLLOW) == 0)
		return false;
	c->never_ran = true;
	if (c->ordered >= ORDERS_MAX)
		return false;
	c->retry = loop_timer_new(c->e->loop, on_order_again, c);
	loop_timer_arm(c->retry, ORDER_AGAIN_MS);
	return true;
}

void container_gone(struct container *c)
{
	fd_cleanup int dir = container_dir(c, NULL);
	struct record r;

	disconnect(c);
	answer_none(c);
	if (c->forgotten) {
		network_release(c);
		if (c->buried)
			container_bury(c);
		return;
	}
	/* Its last message may not have reached us; its file is there then. That of another life says nothing: container_record() looks. */
	if (!container_ended(c) && dir >= 0 && record_read(dir, "exit.json", &r, NULL) == 0) {
		container_record(c, &r);
		record_clear(&r);
	}
	if (!container_ended(c) && !c->remove_soon && order_again(c, dir))
		return;
	if (!container_ended(c))
		start_cleanup(c);
	else
		life_over(c);
	container_try_forget(c);
}

/* ---- removal ---- */

void container_bury(struct container *c)
{
	c->buried = true;
	if (c->conn >= 0)
		return;
	for (struct container **at = &c->e->gone; *at; at = &(*at)->next_gone) {
		if (*at == c) {
			*at = c->next_gone;
			break;
		}
	}
	container_free(c);
}

/* What else goes with a container: its files and its place in the lists have gone already. */
static void removed(struct container *c)
{
	stream_drop(c);
	exec_drop(c);
	if (c->conn < 0)
		network_release(c);
	container_drop_lease(c);
	follow_detach(c);
}

/* Files that cannot be moved keep their container, but for one whose name may be another's by now. */
static bool remove_files(struct container *c)
{
	mem_cleanup char *path = mem_printf("containers/%s", c->pub.id);
	struct err err = ERR_INIT;

	if (trash_put(c->e, path, &err) == 0)
		return true;
	log_err(&err, "a container cannot be removed");
	c->pub.dead = !c->unlisted;
	c->remove_soon = c->pub.removing = c->unlisted;
	return c->unlisted;
}

void container_try_forget(struct container *c)
{
	if (!c->remove_soon || !container_idle(c) || c->forgotten)
		return;
	/* After its end a monitor takes interfaces away; for a job it still clears up in the files. */
	if (c->retry || c->losing || (c->conn >= 0 && (!container_ended(c) || c->pub.job))) {
		container_unlist(c);
		return;
	}
	/* Before: who empties the trash is another process. */
	follow_hold(c);
	if (!remove_files(c))
		return;
	container_unlist(c);
	c->forgotten = true;
	if (c->pub.remove)
		volume_remove_anonymous(c->e, c->own_volumes);
	removed(c);
	engine_action_of(c->e, &c->pub, "destroy", NULL);
	event_add(c->e, ENGINE_EV_REMOVED, c, NULL);
}
