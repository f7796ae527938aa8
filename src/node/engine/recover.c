/* SPDX-License-Identifier: Apache-2.0
 *
 * What an earlier daemon left. The data directory's lock was held until the last monitor listened, so each container directory is in one of these
 * states:
 *   no whole config.json and no sock      the daemon died while it wrote the order: nobody acted on it, it is removed
 *   exit.json                             ended
 *   sock answers                          its monitor lives and tells the rest
 *   sock refuses                          the monitor died: lost
 *   no sock                               its order never reached a launcher: it is given once more
 * Records of another life than the present one (life.h) are as good as none.
 */
#include "node/engine/container.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/log.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/engine/lodger.h"
#include "node/engine/network.h"
#include "node/engine/order.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define RETRY_MS 50

/* 0 = connected; -EAGAIN = it lives but is too busy; -ENOENT = it never listened; -ECONNREFUSED = it is dead. */
static int connect_monitor(int dir, int *ret)
{
	fd_cleanup int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	if (fd < 0)
		return -errno;
	/* A path below a data directory may be longer than sun_path. */
	snprintf(addr.sun_path, sizeof addr.sun_path, "/proc/self/fd/%d/sock", dir);
	if (connect(fd, (struct sockaddr *)&addr, sizeof addr) < 0)
		return -errno;
	*ret = fd_take(&fd);
	return 0;
}

static void on_retry(void *ctx)
{
	recover_connect(ctx);
}

/* Its monitor may not have heard of the wish. */
static void repeat_end(struct container *c)
{
	char line[64];

	if (c->remove_soon || c->ending == 0)
		snprintf(line, sizeof line, "{\"kill\":9}\n");
	else if (c->ending != LIFE_NOT_ENDING)
		snprintf(line, sizeof line, "{\"stop\":%lld}\n", (long long)c->ending);
	else
		return;
	(void)container_ask(c, line, NULL);
}

void recover_connect(struct container *c)
{
	struct err err = ERR_INIT;
	fd_cleanup int dir = container_dir(c, NULL);
	int fd = -1, r = dir < 0 ? dir : connect_monitor(dir, &fd);

	if (r == -EAGAIN || r == -EMFILE || r == -ENFILE) {
		if (!c->retry)
			c->retry = loop_timer_new(c->e->loop, on_retry, c);
		loop_timer_arm(c->retry, RETRY_MS);
		return;
	}
	c->retry = loop_timer_free(c->retry);
	if (r == 0 && container_connect(c, fd, &err) == 0) {
		/* Somebody asked for its end meanwhile; and readers wait to be heard. */
		repeat_end(c);
		follow_wake(c, false);
		return;
	}
	/* Nobody has acted on the order of an earlier daemon, and its promise holds. */
	if (r == -ENOENT && !c->remove_soon && dir >= 0 && network_prepare(c, dir, &err) == 0 &&
	    container_order(c, dir, &err) == 0) {
		repeat_end(c);
		return;
	}
	c->never_ran = r == -ENOENT;
	container_gone(c);
}

/* A whole order that cannot be followed is one of a container that was created: another version's, perhaps. */
static bool is_half_written(int dir)
{
	mem_cleanup char *text = NULL;
	json_doc_cleanup yyjson_doc *doc = NULL;
	size_t n;
	int r = fs_read(dir, "config.json", ORDER_MAX, &text, &n, NULL);

	if (r == 0)
		doc = json_parse(text, n, ORDER_MAX, "config.json", NULL);
	return r == -ENOENT || (r == 0 && !doc);
}

/* Removes what no monitor has ever seen; leaves everything that is not surely that. */
static void drop_unreadable(struct engine *e, int dir, const char *id, const struct err *err)
{
	struct stat st;
	char path[96];

	if (fstatat(dir, "sock", &st, AT_SYMLINK_NOFOLLOW) == 0 || fstatat(dir, "exit.json", &st, 0) == 0 ||
	    !is_half_written(dir)) {
		log_err(err, "a container's directory cannot be understood and is left alone");
		return;
	}
	log_warning("container %.12s was not completely created and is removed: %s", id, err->text);
	snprintf(path, sizeof path, "containers/%s", id);
	engine_remove_tree(e, path);
}

static void recall_end(struct container *c, const struct record *r)
{
	c->pub.state = r->state;
	c->pub.health = r->health;
	c->pub.started_ms = r->started_ms;
	c->pub.ended_ms = r->ended_ms;
	c->pub.warned_ms = r->warned_ms;
	c->pub.exit = r->exit;
	c->pub.exit.error = mem_strdup(r->exit.error);
	/* It was to be removed, and there was nobody to do it. */
	if (c->pub.remove && !c->start_soon)
		event_add(c->e, ENGINE_EV_EXITED, c, NULL);
}

static void recall_running(struct container *c, int dir, char **layers)
{
	struct record r;

	container_recall_lease(c, layers);
	c->pub.starting = c->pub.run > 0;
	c->pub.restarting = c->automatic && c->pub.starting;
	if (record_read(dir, "state.json", &r, NULL) < 0)
		return;
	if (r.run == c->pub.run) {
		c->pub.state = ENGINE_RUNNING;
		c->pub.starting = c->pub.restarting = false;
		c->recalled = true;
		c->pub.health = r.health;
		c->pub.paused = r.paused;
		c->pub.pid = r.pid;
		c->pub.started_ms = r.started_ms;
		c->pub.warned_ms = r.warned_ms;
	}
	record_clear(&r);
}

static void recall(struct engine *e, const char *id)
{
	struct container *c = container_new(e, id);
	struct err err = ERR_INIT;
	fd_cleanup int dir = container_dir(c, &err);
	struct order order = {.doc = NULL};
	struct record r;

	if (dir < 0 || order_read(dir, &order, &err) < 0) {
		if (dir >= 0)
			drop_unreadable(e, dir, id, &err);
		else
			log_err(&err, "a container is left out");
		order_free(&order);
		container_free(c);
		return;
	}
	container_describe(c, &order, (const char *const *)order.argv);
	life_load(c, dir, order.waits);
	if (record_read(dir, "exit.json", &r, NULL) == 0) {
		if (r.run == c->pub.run)
			recall_end(c, &r);
		else
			c->pub.last_ended_ms = r.ended_ms;
		record_clear(&r);
	}
	if (container_ended(c))
		container_recall_lease(c, NULL);
	else
		recall_running(c, dir, order.layers);
	order_free(&order);
	mem_grow(&e->list, &e->cap, e->n);
	e->list[e->n++] = c;
}

static int by_creation(const void *a, const void *b)
{
	const struct container *x = *(struct container *const *)a, *y = *(struct container *const *)b;

	if (x->created_ns != y->created_ns)
		return x->created_ns < y->created_ns ? -1 : 1;
	return strcmp(x->pub.id, y->pub.id);
}

/* Sorted by creation, and into the maps. */
static void list_all(struct engine *e)
{
	struct container **found = e->list;
	size_t n = e->n;

	e->list = NULL;
	e->n = e->cap = 0;
	if (n > 0)
		qsort(found, n, sizeof *found, by_creation);
	for (size_t i = 0; i < n; i++) {
		struct err err = ERR_INIT;

		/* Two with one name cannot be made; a copied directory can be. */
		if (container_list(found[i], &err) < 0) {
			log_err(&err, "a container is left out");
			container_drop_lease(found[i]);
			container_free(found[i]);
		}
	}
	free(found);
}

static bool is_id(const char *name)
{
	return strlen(name) == 64 && strspn(name, "0123456789abcdef") == 64;
}

static int read_names(struct engine *e, struct err *err)
{
	int fd = openat(e->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		int code = errno;

		fd_closep(&fd);
		return err_sys(err, code, "read the directory of containers");
	}
	for (struct dirent *entry = readdir(d); entry; entry = readdir(d)) {
		if (is_id(entry->d_name))
			recall(e, entry->d_name);
	}
	closedir(d);
	return 0;
}

int recover_all(struct engine *e, struct err *err)
{
	int r = read_names(e, err);

	if (r < 0)
		return r;
	list_all(e);
	container_reconcile_leases(e);
	lodger_sweep(e);
	/* Before any new life: what the living have is not given away. */
	for (size_t i = 0; i < e->n; i++) {
		if (!container_idle(e->list[i]))
			network_recall(e->list[i]);
	}
	network_reconcile(e);
	/* From the end: those that were to be removed leave the list. */
	for (size_t i = e->n; i-- > 0;) {
		if (container_idle(e->list[i]))
			life_recall(e->list[i]);
		else
			recover_connect(e->list[i]);
	}
	return 0;
}
