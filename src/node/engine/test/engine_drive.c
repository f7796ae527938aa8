/* SPDX-License-Identifier: Apache-2.0
 *
 * A hand-driven engine for development and measurement:
 *   engine_drive DATA import NAME TAR [CONFIG]    engine_drive DATA run SPEC [N]    engine_drive DATA hold SPEC N    engine_drive DATA ls
 * run: runs the container N times one after the other, prints its output and events, exits with its code.
 * hold: runs N at once until its standard input ends, for measuring memory.
 */
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/engine/engine.h"
#include "node/image/image.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

struct drive {
	struct loop *loop;
	struct engine *e;
	struct engine_log *log;
	yyjson_val *spec;
	int runs, code;
	int64_t began_ns;
	bool exited, read;
	struct loop_fd *watch;
	size_t n_before;
	int held;
};

static _Noreturn void die(const struct err *err)
{
	fprintf(stderr, "engine_drive: %s\n", err->text);
	exit(125);
}

static void next_run(struct drive *d);

static void done(struct drive *d)
{
	if (!d->exited || !d->read)
		return;
	fprintf(stderr, "run: %.2f ms\n", (double)(clock_mono_ns() - d->began_ns) / 1e6);
	d->log = engine_log_close(d->log);
	if (--d->runs > 0)
		next_run(d);
	else
		loop_stop(d->loop);
}

static int on_log(void *ctx, int stream, int64_t time_ms, const void *data, size_t n)
{
	struct drive *d = ctx;

	(void)time_ms;
	if (n == 0) {
		d->read = true;
		done(d);
		return 0;
	}
	fwrite(data, 1, n, stream == 1 ? stdout : stderr);
	fflush(stdout);
	return 0;
}

static void on_event(void *ctx, const struct engine_event *ev)
{
	struct drive *d = ctx;
	double ms = (double)(clock_mono_ns() - d->began_ns) / 1e6;

	if (!ev->c)
		return;
	if (d->held) {
		if (ev->type == ENGINE_EV_REMOVED && --d->held == 0)
			loop_stop(d->loop);
		return;
	}
	fprintf(stderr, "%6.2f ms event %d %s %s", ms, (int)ev->type, ev->c->name, engine_state_name(ev->c->state));
	if (ev->type == ENGINE_EV_EXITED) {
		fprintf(stderr, " code %d signal %d oom %d %s", ev->c->exit.code, ev->c->exit.signal, ev->c->exit.oom,
			ev->c->exit.error ? ev->c->exit.error : "");
		d->code = ev->c->exit.code;
		d->exited = true;
	}
	fprintf(stderr, "\n");
	if (ev->type == ENGINE_EV_EXITED)
		done(d);
}

static void next_run(struct drive *d)
{
	struct engine_log_options o = {.follow = true, .tail = -1};
	const struct engine_container *c;
	struct err err = ERR_INIT;

	d->exited = d->read = false;
	d->began_ns = clock_mono_ns();
	if (engine_run(d->e, d->spec, &c, &err) < 0 || engine_log_open(d->e, c->id, &o, on_log, d, &d->log, &err) < 0)
		die(&err);
}

static void on_stdin(void *ctx, int events)
{
	struct drive *d = ctx;
	const struct engine_container *c;
	struct err err = ERR_INIT;
	char text[64];

	(void)events;
	if (read(STDIN_FILENO, text, sizeof text) > 0)
		return;
	d->watch = loop_fd_free(d->watch);
	for (size_t i = d->n_before; (c = engine_at(d->e, i)); i++) {
		if (engine_kill(d->e, c->id, SIGKILL, &err) < 0)
			fprintf(stderr, "%s\n", err.text);
	}
}

static void hold(struct drive *d, int n)
{
	const struct engine_container *c;
	struct err err = ERR_INIT;

	while (engine_at(d->e, d->n_before))
		d->n_before++;
	d->held = n;
	for (int i = 0; i < n; i++) {
		if (engine_run(d->e, d->spec, &c, &err) < 0)
			die(&err);
	}
	if (loop_fd_new(d->loop, STDIN_FILENO, LOOP_IN, on_stdin, d, &d->watch, &err) < 0)
		die(&err);
}

static void on_imported(void *ctx, const struct image_info *image, const struct err *error)
{
	struct drive *d = ctx;

	if (error)
		die(error);
	printf("%s %s\n", image->name, image->id);
	loop_stop(d->loop);
}

static void import(struct drive *d, const char *name, const char *path, yyjson_val *config)
{
	struct engine_import *i;
	struct err err = ERR_INIT;
	mem_cleanup char *data = NULL;
	size_t n;
	int out, fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fd_read_all(fd, 1u << 30, &data, &n) < 0) {
		perror(path);
		exit(125);
	}
	if (engine_import(d->e, name, config, on_imported, d, &out, &i, &err) < 0)
		die(&err);
	fd_write_all(out, data, n);
	close(out);
}

int main(int argc, char **argv)
{
	struct drive d = {.runs = 1};
	struct launcher *launcher;
	struct err err = ERR_INIT;
	yyjson_doc *doc = NULL;
	const char *json = NULL;

	if (argc > 0 && !strcmp(argv[0], "berth-launcher"))
		launcher_main(argc, argv);
	if (argc < 3)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	if (launcher_start(argv[1], -1, 2, UPLINK_NONE, &launcher, &err) < 0 || loop_new(&d.loop, &err) < 0 ||
	    engine_open(d.loop, argv[1], launcher, &d.e, &err) < 0)
		die(&err);
	engine_listen(d.e, on_event, &d);
	if ((!strcmp(argv[2], "run") || !strcmp(argv[2], "hold")) && argc > 3)
		json = argv[3];
	else if (!strcmp(argv[2], "import") && argc > 5)
		json = argv[5];
	if (json && !(doc = json_parse(json, strlen(json), 1u << 24, "spec", &err)))
		die(&err);
	d.spec = doc ? yyjson_doc_get_root(doc) : NULL;
	if (!strcmp(argv[2], "run")) {
		d.runs = argc > 4 ? (int)strtol(argv[4], NULL, 10) : 1;
		next_run(&d);
		loop_run(d.loop, &err);
	} else if (!strcmp(argv[2], "hold") && argc > 4) {
		hold(&d, (int)strtol(argv[4], NULL, 10));
		loop_run(d.loop, &err);
	} else if (!strcmp(argv[2], "import")) {
		import(&d, argv[3], argv[4], d.spec);
		loop_run(d.loop, &err);
	} else {
		const struct engine_container *c;

		for (size_t i = 0; (c = engine_at(d.e, i)); i++)
			printf("%.12s %s %s %s\n", c->id, c->name, engine_state_name(c->state), c->command);
	}
	d.e = engine_close(d.e);
	loop_free(d.loop);
	launcher_free(launcher);
	yyjson_doc_free(doc);
	return d.code;
}
