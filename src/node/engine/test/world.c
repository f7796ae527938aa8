/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/test/world.h"

#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/engine/container.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 60000

static void entry(struct buf *out, const char *name, char type, unsigned mode, const void *data, size_t n,
		  const char *link)
{
	char h[512] = {0}, zero[512] = {0};
	unsigned sum = 0;

	snprintf(h, 100, "%s", name);
	snprintf(h + 100, 8, "%07o", mode);
	snprintf(h + 108, 8, "%07o", 0u);
	snprintf(h + 116, 8, "%07o", 0u);
	snprintf(h + 124, 12, "%011zo", n);
	snprintf(h + 136, 12, "%011o", 0u);
	memset(h + 148, ' ', 8);
	h[156] = type;
	snprintf(h + 157, 100, "%s", link);
	memcpy(h + 257, "ustar", 6);
	h[263] = h[264] = '0';
	for (size_t i = 0; i < sizeof h; i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	buf_add(out, h, sizeof h);
	buf_add(out, data, n);
	buf_add(out, zero, (512 - n % 512) % 512);
}

void world_tar(struct buf *out)
{
	static const char *const links[] = {"sh",   "cat",  "echo",  "sleep", "true", "false", "dd",
					    "ls",   "id",   "env",   "mkdir", "wc",   "seq",   "kill",
					    "test", "stat", "touch", "head",  "yes"};
	static const char passwd[] = "root:x:0:0::/root:/bin/sh\n", bad[] = "#!/no/such/interpreter\n";
	mem_cleanup char *busybox = NULL;
	fd_cleanup int fd = open("/bin/busybox", O_RDONLY | O_CLOEXEC);
	char zero[1024] = {0}, name[64];
	size_t n;

	assert_true(fd >= 0);
	assert_int_equal(fd_read_all(fd, 64u << 20, &busybox, &n), 0);
	entry(out, "bin/", '5', 0755, NULL, 0, "");
	entry(out, "tmp/", '5', 01777, NULL, 0, "");
	entry(out, "etc/", '5', 0755, NULL, 0, "");
	entry(out, "etc/passwd", '0', 0644, passwd, sizeof passwd - 1, "");
	entry(out, "bin/busybox", '0', 0755, busybox, n, "");
	entry(out, "bin/notexec", '0', 0644, bad, sizeof bad - 1, "");
	for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
		snprintf(name, sizeof name, "bin/%s", links[i]);
		entry(out, name, '2', 0777, NULL, 0, "busybox");
	}
	buf_add(out, zero, sizeof zero);
}

static void on_event(void *ctx, const struct engine_event *ev)
{
	struct world *w = ctx;

	w->n_events[ev->type]++;
	if (w->until && w->until(w))
		loop_stop(w->loop);
}

static void on_watchdog(void *ctx)
{
	struct world *w = ctx;

	w->timed_out = true;
	loop_stop(w->loop);
}

/* For conditions that no event tells about. */
static void on_tick(void *ctx)
{
	struct world *w = ctx;

	if (w->until(w))
		loop_stop(w->loop);
	else
		loop_timer_arm(w->tick, 10);
}

void world_until(struct world *w, bool (*until)(struct world *w))
{
	struct err err = ERR_INIT;

	w->until = until;
	loop_timer_arm(w->watchdog, PATIENCE_MS);
	on_tick(w);
	while (!until(w) && !w->timed_out)
		assert_int_equal(loop_run(w->loop, &err), 0);
	loop_timer_disarm(w->watchdog);
	loop_timer_disarm(w->tick);
	w->until = NULL;
	assert_false(w->timed_out);
}

static bool has_answer(struct world *w)
{
	return w->answered;
}

static void on_imported(void *ctx, const struct image_info *image, const struct err *error)
{
	struct world *w = ctx;

	(void)image;
	w->answered = true;
	w->error = error ? *error : (struct err)ERR_INIT;
	loop_stop(w->loop);
}

struct feed {
	struct loop_fd *watch;
	int fd;
	const char *data;
	size_t n;
};

static void on_writable(void *ctx, int events)
{
	struct feed *f = ctx;
	ssize_t n = f->n ? write(f->fd, f->data, f->n) : 0;

	(void)events;
	if (n > 0) {
		f->data += n;
		f->n -= (size_t)n;
	}
	if (f->n == 0 || (n < 0 && errno != EAGAIN)) {
		f->watch = loop_fd_free(f->watch);
		fd_closep(&f->fd);
	}
}

void world_import(struct world *w, const void *tar, size_t n)
{
	struct feed f = {.fd = -1, .data = tar, .n = n};
	struct engine_import *i;
	struct err err = ERR_INIT;

	w->answered = false;
	assert_int_equal(engine_import(w->e, "busybox", NULL, on_imported, w, &f.fd, &i, &err), 0);
	assert_int_equal(loop_fd_new(w->loop, f.fd, LOOP_OUT, on_writable, &f, &f.watch, &err), 0);
	world_until(w, has_answer);
	loop_fd_free(f.watch);
	fd_closep(&f.fd);
}

bool world_begin(int argc, char **argv)
{
	if (argc > 0 && !strcmp(argv[0], "berth-launcher"))
		launcher_main(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	if (geteuid() != 0)
		puts("1..0 # SKIP containers need root");
	return geteuid() == 0;
}

int world_lock_file(const char *data)
{
	char path[96];
	int fd;

	snprintf(path, sizeof path, "%s/lock", data);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	return fd;
}

/* From field 4 of its stat. */
pid_t world_parent_of(pid_t pid)
{
	mem_cleanup char *text = NULL;
	char path[64], *p;
	fd_cleanup int fd = -1;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fd_read_all(fd, 4096, &text, NULL), 0);
	p = strrchr(text, ')');
	assert_non_null(p);
	return (pid_t)strtol(p + 4, NULL, 10);
}

void world_open(struct world *w, const char *data, int lock_fd)
{
	struct err err = ERR_INIT;

	*w = (struct world){.out = BUF_INIT};
	snprintf(w->data, sizeof w->data, "%s", data ? data : "/tmp/berth-engine-XXXXXX");
	if (!data)
		assert_non_null(mkdtemp(w->data));
	assert_int_equal(launcher_start(w->data, lock_fd, 2, UPLINK_NONE, &w->launcher, &err), 0);
	assert_int_equal(loop_new(&w->loop, &err), 0);
	if (engine_open(w->loop, w->data, w->launcher, &w->e, &err) < 0)
		fail_msg("%s", err.text);
	w->listener = engine_listen(w->e, on_event, w);
	w->watchdog = loop_timer_new(w->loop, on_watchdog, w);
	w->tick = loop_timer_new(w->loop, on_tick, w);
	if (!data) {
		buf_cleanup struct buf tar = BUF_INIT;

		world_tar(&tar);
		world_import(w, tar.data, tar.len);
		assert_string_equal(w->error.text, "");
	}
}

static bool nothing_runs(struct world *w)
{
	return engine_at(w->e, 0) == NULL && !w->e->gone;
}

void world_close(struct world *w, bool remove)
{
	/* Also after a failed test: nothing goes on running. */
	for (size_t i = w->e->n; remove && i-- > 0;)
		(void)engine_remove(w->e, engine_at(w->e, i)->id, true, NULL);
	if (remove)
		world_until(w, nothing_runs);
	w->listener = engine_unlisten(w->listener);
	w->e = engine_close(w->e);
	w->watchdog = loop_timer_free(w->watchdog);
	w->tick = loop_timer_free(w->tick);
	w->loop = loop_free(w->loop);
	w->launcher = launcher_free(w->launcher);
	buf_free(&w->out);
	buf_free(&w->notices);
	mem_strv_free(w->paths);
	if (remove) {
		fd_cleanup int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		struct err err = ERR_INIT;

		if (fs_remove_tree(tmp, w->data + 5, &err) < 0)
			fail_msg("%s", err.text);
	}
}

int world_try(struct world *w, const char *spec, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = json_parse(spec, strlen(spec), 1u << 24, "spec", err);
	const struct engine_container *c;
	int r;

	assert_non_null(doc);
	r = engine_run(w->e, yyjson_doc_get_root(doc), &c, err);
	if (r == 0)
		w->id = c->id;
	return r;
}

const struct engine_container *world_run(struct world *w, const char *spec)
{
	const struct engine_container *c;
	struct err err = ERR_INIT;

	if (world_try(w, spec, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(engine_find(w->e, w->id, &c, &err), 0);
	return c;
}

static const struct engine_container *watched(struct world *w)
{
	const struct engine_container *c = NULL;

	(void)engine_find(w->e, w->id, &c, NULL);
	return c;
}

static bool has_ended(struct world *w)
{
	const struct engine_container *c = watched(w);

	return !c || c->state == ENGINE_EXITED || c->state == ENGINE_LOST;
}

static bool has_started(struct world *w)
{
	const struct engine_container *c = watched(w);

	return !c || c->started_ms || has_ended(w);
}

const struct engine_container *world_wait_end(struct world *w, const char *id)
{
	w->id = id;
	world_until(w, has_ended);
	return watched(w);
}

const struct engine_container *world_wait_started(struct world *w, const char *id)
{
	w->id = id;
	world_until(w, has_started);
	assert_non_null(watched(w));
	assert_true(watched(w)->started_ms > 0);
	return watched(w);
}

const struct engine_container *world_run_to_end(struct world *w, const char *spec)
{
	return world_wait_end(w, world_run(w, spec)->id);
}

int world_log(void *ctx, int stream, int64_t time_ms, const void *data, size_t n)
{
	struct world *w = ctx;

	(void)time_ms;
	if (n == 0) {
		w->log_ended = true;
		loop_stop(w->loop);
		return 0;
	}
	buf_add(stream == 0 ? &w->notices : &w->out, data, n);
	if (w->log_stop_after && w->out.len >= w->log_stop_after) {
		w->log_stop_after = 0;
		w->log_paused = true;
		loop_stop(w->loop);
		return 1;
	}
	return 0;
}

static bool log_is_over(struct world *w)
{
	return w->log_ended || w->log_paused;
}

void world_output(struct world *w, const char *id, int64_t tail, bool follow)
{
	struct engine_log_options o = {.follow = follow, .tail = tail};
	struct engine_log *log;
	struct err err = ERR_INIT;

	buf_clear(&w->out);
	buf_clear(&w->notices);
	w->log_ended = w->log_paused = false;
	assert_int_equal(engine_log_open(w->e, id, &o, world_log, w, &log, &err), 0);
	world_until(w, log_is_over);
	engine_log_close(log);
}
