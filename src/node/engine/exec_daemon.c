/* SPDX-License-Identifier: Apache-2.0
 *
 * Records of processes in running containers: limited in number, in bytes and in age. What runs is the monitor's; a new daemon hears of it from there and
 * reads the rest from the file.
 */
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/random.h"
#include "base/wire/json.h"
#include "node/engine/container.h"
#include "node/engine/exec.h"
#include "node/engine/stream.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define RECORDS_MAX 8192
#define BYTES_MAX (16u << 20)
#define KEEP_MS (5 * 60 * 1000)

struct exec {
	struct engine_exec pub; /* first: the public pointer is the private one */
	struct exec *next;
	struct container *c;
	struct detach keys;
	char **argv, **env, *cwd, *user, *detach_keys;
	size_t bytes;
	int64_t ended_ms; /* clock_mono_ms() */
	void (*started)(void *ctx, const struct err *err);
	void *ctx;
};

/* ---- records ---- */

static size_t bytes_of(char *const *v)
{
	size_t n = 0;

	for (; v && *v; v++)
		n += strlen(*v) + 1 + sizeof(char *);
	return n;
}

/* What the record of one takes. */
static size_t bytes_of_spec(const struct engine_exec_spec *s)
{
	return sizeof(struct exec) + bytes_of(s->argv) + bytes_of(s->env) + (s->cwd ? strlen(s->cwd) : 0) +
	       (s->user ? strlen(s->user) : 0);
}

static void file_of(const struct exec *x, char path[static 160])
{
	snprintf(path, 160, "%s/" EXEC_DIR "/%s.json", x->pub.container, x->pub.id);
}

static void forget(struct exec **at)
{
	struct exec *x = *at;
	struct engine *e = x->c->e;
	char path[160];

	*at = x->next;
	e->n_execs--;
	e->exec_bytes -= x->bytes;
	file_of(x, path);
	if (!x->pub.running)
		(void)unlinkat(e->dir, path, 0);
	mem_strv_free(x->argv);
	mem_strv_free(x->env);
	free(x->cwd);
	free(x->user);
	free(x->detach_keys);
	free(x);
}

static struct exec *find(struct engine *e, const char *id)
{
	struct exec *x = e->execs;

	while (x && strcmp(x->pub.id, id) != 0)
		x = x->next;
	return x;
}

static void forget_old(struct engine *e)
{
	int64_t before = clock_mono_ms() - KEEP_MS;

	for (struct exec **at = &e->execs; *at;) {
		if ((*at)->pub.ended && (*at)->ended_ms < before)
			forget(at);
		else
			at = &(*at)->next;
	}
}

/* The oldest that is of no use to anybody who waits for it; c NULL: of all. The list has the newest first. */
static bool forget_one(struct engine *e, const struct container *c)
{
	struct exec **old = NULL;

	for (struct exec **at = &e->execs; *at; at = &(*at)->next) {
		const struct exec *x = *at;

		if ((x->pub.ended || !x->pub.started) && (!c || x->c == c))
			old = at;
	}
	if (old)
		forget(old);
	return old != NULL;
}

static size_t count(const struct engine *e, const struct container *c, bool running)
{
	size_t n = 0;

	for (const struct exec *x = e->execs; x; x = x->next)
		n += x->c == c && (!running || x->pub.running);
	return n;
}

static int make_room(struct container *c, size_t bytes, struct err *err)
{
	struct engine *e = c->e;

	forget_old(e);
	while (count(e, c, false) >= ENGINE_EXEC_RECORDS_MAX && forget_one(e, c))
		;
	while ((e->n_execs >= RECORDS_MAX || e->exec_bytes + bytes > BYTES_MAX) && forget_one(e, NULL))
		;
	if (e->n_execs >= RECORDS_MAX || e->exec_bytes + bytes > BYTES_MAX)
		return err_set(err, EBUSY, "too many processes were started by exec; end some first");
	return 0;
}

static struct exec *add(struct container *c, const char *id, const struct engine_exec_spec *spec)
{
	struct engine *e = c->e;
	struct exec *x = mem_new(struct exec);

	*x = (struct exec){.next = e->execs, .c = c};
	x->pub.spec = *spec;
	x->pub.spec.argv = x->argv = mem_strv_dup(spec->argv);
	x->pub.spec.env = x->env = spec->env ? mem_strv_dup(spec->env) : NULL;
	x->pub.spec.cwd = x->cwd = mem_strdup(spec->cwd);
	x->pub.spec.user = x->user = mem_strdup(spec->user);
	x->pub.spec.detach_keys = x->detach_keys = mem_strdup(spec->detach_keys);
	x->bytes = bytes_of_spec(spec);
	snprintf(x->pub.id, sizeof x->pub.id, "%s", id);
	snprintf(x->pub.container, sizeof x->pub.container, "%s", c->pub.id);
	e->execs = x;
	e->n_execs++;
	e->exec_bytes += x->bytes;
	return x;
}

static void tell(const struct exec *x, const char *what, bool with_command, const char *code)
{
	const char *const attributes[] = {"execID", x->pub.id, code ? "exitCode" : NULL, code, NULL};
	buf_cleanup struct buf text = BUF_LIMIT(1024);

	buf_adds(&text, what);
	for (size_t i = 0; with_command && x->argv[i]; i++)
		buf_printf(&text, "%s%s", i ? " " : ": ", x->argv[i]);
	engine_action_of(x->c->e, &x->c->pub, buf_str(&text), attributes);
}

/* ---- the file ---- */

static char *text_of(const struct engine_exec_spec *s, size_t *ret_len)
{
	json_mut_cleanup yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	const struct {
		const char *key;
		bool value;
	} flags[] = {{"tty", s->tty}, {"in", s->in}, {"out", s->out}, {"err", s->err}, {"privileged", s->privileged}};
	const struct {
		const char *key, *value;
	} texts[] = {{"cwd", s->cwd}, {"user", s->user}, {"detach_keys", s->detach_keys}};
	yyjson_mut_val *size = yyjson_mut_arr(doc);

	yyjson_mut_doc_set_root(doc, root);
	json_add_strv(doc, root, "argv", s->argv);
	json_add_strv(doc, root, "env", s->env);
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		yyjson_mut_obj_add_bool(doc, root, flags[i].key, flags[i].value);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		if (texts[i].value)
			yyjson_mut_obj_add_str(doc, root, texts[i].key, texts[i].value);
	}
	yyjson_mut_arr_add_uint(doc, size, s->rows);
	yyjson_mut_arr_add_uint(doc, size, s->cols);
	yyjson_mut_obj_add_val(doc, root, "size", size);
	return json_text(doc, false, ret_len);
}

static int write_file(struct container *c, const char *id, const struct engine_exec_spec *spec, struct err *err)
{
	fd_cleanup int dir = container_dir(c, err), sub = -1;
	mem_cleanup char *text = NULL;
	char name[80];
	size_t n;

	if (dir < 0)
		return dir;
	sub = fs_mkdirs_in(dir, EXEC_DIR, 0700, FS_NO_SYMLINKS, err);
	if (sub < 0)
		return sub;
	text = text_of(spec, &n);
	if (n > EXEC_TEXT_MAX)
		return err_set(err, E2BIG, "the process has more than %u bytes of arguments", EXEC_TEXT_MAX);
	snprintf(name, sizeof name, "%s.json", id);
	return fs_write_atomic(sub, name, text, n, 0600, false, err);
}

/* One that an earlier daemon has started. */
static struct exec *recall(struct container *c, const char *id)
{
	cleanup_with(mem_strv_freep) char **argv = NULL, **env = NULL;
	json_doc_cleanup yyjson_doc *doc = NULL;
	mem_cleanup char *text = NULL;
	struct engine_exec_spec s = {.argv = NULL};
	char path[160];
	yyjson_val *v;
	size_t n;

	snprintf(path, sizeof path, "%s/" EXEC_DIR "/%.64s.json", c->pub.id, id);
	if (strlen(id) != 64 || strspn(id, "0123456789abcdef") != 64 || make_room(c, 0, NULL) < 0 ||
	    fs_read(c->e->dir, path, EXEC_TEXT_MAX, &text, &n, NULL) < 0)
		return NULL;
	doc = json_parse(text, n, EXEC_TEXT_MAX, path, NULL);
	v = doc ? yyjson_doc_get_root(doc) : NULL;
	if (!yyjson_is_obj(v) || json_get_strv(v, "argv", &argv, NULL) < 0 || json_opt_strv(v, "env", &env, NULL) < 0 ||
	    json_opt_str(v, "cwd", &s.cwd, NULL) < 0 || json_opt_str(v, "user", &s.user, NULL) < 0 ||
	    json_opt_str(v, "detach_keys", &s.detach_keys, NULL) < 0)
		return NULL;
	s.argv = argv;
	s.env = env;
	s.tty = yyjson_get_bool(yyjson_obj_get(v, "tty"));
	s.in = yyjson_get_bool(yyjson_obj_get(v, "in"));
	s.out = yyjson_get_bool(yyjson_obj_get(v, "out"));
	s.err = yyjson_get_bool(yyjson_obj_get(v, "err"));
	s.privileged = yyjson_get_bool(yyjson_obj_get(v, "privileged"));
	return add(c, id, &s);
}

/* ---- facts ---- */

static void call_started(struct exec *x, const struct err *err)
{
	void (*fn)(void *, const struct err *) = x->started;

	x->started = NULL;
	if (fn)
		fn(x->ctx, err);
}

static void set_ended(struct exec *x, int code, const char *error)
{
	struct err err = ERR_INIT;
	char text[16];

	if (x->pub.ended)
		return;
	x->pub.running = false;
	x->pub.ended = true;
	x->pub.pid = 0;
	x->pub.exit_code = code;
	x->ended_ms = clock_mono_ms();
	snprintf(text, sizeof text, "%d", code);
	tell(x, "exec_die", false, text);
	if (error && *error)
		err_set(&err, code == 126 || code == 127 ? EINVAL : EIO, "%s", error);
	call_started(x, error && *error ? &err : NULL);
}

static void set_running(struct exec *x, int pid)
{
	if (x->pub.ended)
		return;
	x->pub.started = x->pub.running = true;
	x->pub.pid = pid;
	call_started(x, NULL);
}

static void take_line(struct container *c, yyjson_val *v)
{
	const char *id = yyjson_get_str(yyjson_obj_get(v, "exec"));
	int64_t pid = 0, code = 0;
	struct exec *x = id ? find(c->e, id) : NULL;

	if (!id || (x && x->c != c))
		return;
	if (json_get_int(v, "pid", 1, INT32_MAX, &pid, NULL) == 0) {
		x = x ? x : recall(c, id);
		if (x)
			set_running(x, (int)pid);
	} else if (x && json_get_int(v, "code", 0, 255, &code, NULL) == 0) {
		set_ended(x, (int)code, yyjson_get_str(yyjson_obj_get(v, "error")));
	}
}

bool exec_line(struct container *c, const char *line, size_t n)
{
	static const char begin[] = "{\"exec\":", crowded[] = "{\"crowded\":";
	json_doc_cleanup yyjson_doc *doc = NULL;

	if (n > sizeof crowded && memcmp(line, crowded, sizeof crowded - 1) == 0) {
		c->crowded = line[sizeof crowded - 1] == 't';
		return true;
	}
	if (n < sizeof begin || memcmp(line, begin, sizeof begin - 1) != 0)
		return false;
	doc = json_parse(line, n, RECORD_MAX, "a monitor's message", NULL);
	if (doc && yyjson_is_obj(yyjson_doc_get_root(doc)))
		take_line(c, yyjson_doc_get_root(doc));
	return true;
}

void exec_ended(struct container *c)
{
	c->crowded = false;
	for (struct exec *x = c->e->execs; x; x = x->next) {
		if (x->c == c && x->pub.running)
			set_ended(x, 137, x->pub.pid ? NULL : "the container ended");
	}
}

void exec_drop(struct container *c)
{
	for (struct exec **at = &c->e->execs; *at;) {
		if ((*at)->c == c)
			forget(at);
		else
			at = &(*at)->next;
	}
}

/* ---- what can be asked ---- */

static int may_run(const struct container *c, struct err *err)
{
	if (c->pub.state != ENGINE_RUNNING)
		return err_set(err, EBUSY, "container %s is not running", c->pub.id);
	if (c->pub.paused)
		return err_set(err, EBUSY, "container %s is paused, unpause the container before exec", c->pub.name);
	return 0;
}

int engine_exec_create(struct engine *e, const char *container, const struct engine_exec_spec *spec,
		       const struct engine_exec **ret, struct err *err)
{
	struct container *c;
	struct detach keys;
	struct exec *x;
	char id[65];
	int r = container_find(e, container, &c, err);

	if (r == 0)
		r = may_run(c, err);
	if (r == 0)
		r = detach_parse(&keys, spec->detach_keys, err);
	if (r < 0)
		return r;
	if (!spec->argv || !spec->argv[0])
		return err_set(err, EINVAL, "No exec command specified");
	if (bytes_of(spec->argv) + bytes_of(spec->env) > EXEC_ARGS_MAX)
		return err_set(err, E2BIG, "arguments and environment have more than %u bytes", EXEC_ARGS_MAX);
	r = make_room(c, bytes_of_spec(spec), err);
	random_hex(id, 64);
	if (r == 0)
		r = write_file(c, id, spec, err);
	if (r < 0)
		return r;
	x = add(c, id, spec);
	x->keys = keys;
	tell(x, "exec_create", true, NULL);
	*ret = &x->pub;
	return 0;
}

static int get(struct engine *e, const char *id, struct exec **ret, struct err *err)
{
	*ret = find(e, id);
	return *ret ? 0 : err_set(err, ENOENT, "No such exec instance: %.80s", id);
}

int engine_exec_find(struct engine *e, const char *id, const struct engine_exec **ret, struct err *err)
{
	struct exec *x;
	int r = get(e, id, &x, err);

	/* The client has seen the end of its stream; the monitor told us before, but it may not have been our turn yet. */
	if (r == 0 && x->pub.running && x->c->conn >= 0) {
		container_hear(x->c);
		r = get(e, id, &x, err);
	}
	if (r == 0)
		*ret = &x->pub;
	return r;
}

const struct engine_exec *engine_exec_at(struct engine *e, const char *container, size_t nth)
{
	for (const struct exec *x = e->execs; x; x = x->next) {
		if (strcmp(x->pub.container, container) == 0 && nth-- == 0)
			return &x->pub;
	}
	return NULL;
}

static int may_start(struct engine *e, const char *id, struct exec **ret, struct err *err)
{
	int r = get(e, id, ret, err);

	if (r < 0)
		return r;
	if ((*ret)->pub.started)
		return err_set(err, EBUSY, "exec command %s has already run", id);
	r = may_run((*ret)->c, err);
	if (r == 0 && count(e, (*ret)->c, true) >= ENGINE_EXEC_RUNNING_MAX)
		return err_set(err, EBUSY,
			       "%d processes were started in container %s by exec, which is the most it can have",
			       ENGINE_EXEC_RUNNING_MAX, (*ret)->c->pub.name);
	return r;
}

int engine_exec_check(struct engine *e, const char *id, struct err *err)
{
	struct exec *x;

	return may_start(e, id, &x, err);
}

int engine_exec_start(struct engine *e, const char *id, const struct engine_exec_start *how, struct err *err)
{
	fd_cleanup int fd = how->fd;
	char line[256], keys[STREAM_KEYS_MAX];
	struct exec *x;
	int r = may_start(e, id, &x, err);

	if (r < 0)
		return r;
	if (how->rows && how->cols) {
		x->pub.spec.rows = how->rows;
		x->pub.spec.cols = how->cols;
	}
	snprintf(line, sizeof line, "{\"exec\":\"%s\",\"fd\":%s,\"raw\":%s,\"size\":[%u,%u],\"keys\":\"%s\"}\n",
		 x->pub.id, fd >= 0 ? "true" : "false", how->raw ? "true" : "false", x->pub.spec.rows & UINT16_MAX,
		 x->pub.spec.cols & UINT16_MAX, stream_keys(&x->keys, keys));
	r = fd >= 0 ? container_give(x->c, line, fd, err) : container_tell(x->c, line, err);
	if (r < 0)
		return r;
	x->pub.started = x->pub.running = true;
	x->started = how->started;
	x->ctx = how->ctx;
	tell(x, "exec_start", true, NULL);
	return 0;
}

void engine_exec_forget(struct engine *e, const void *ctx)
{
	for (struct exec *x = e->execs; x; x = x->next) {
		if (x->ctx == ctx)
			x->started = NULL;
	}
}

static int get_running(struct engine *e, const char *id, struct exec **ret, struct err *err)
{
	int r = get(e, id, ret, err);

	return r == 0 && !(*ret)->pub.running ? err_set(err, EBUSY, "exec %.12s is not running", id) : r;
}

int engine_exec_resize(struct engine *e, const char *id, unsigned rows, unsigned cols, struct err *err)
{
	struct exec *x;
	char line[128];
	int r = get_running(e, id, &x, err);

	if (r < 0)
		return r;
	if (rows > UINT16_MAX || cols > UINT16_MAX)
		return err_set(err, EINVAL, "a terminal of %u rows and %u columns is too large", rows, cols);
	if (!x->pub.spec.tty)
		return 0;
	snprintf(line, sizeof line, "{\"exec\":\"%s\",\"resize\":[%u,%u]}\n", x->pub.id, rows, cols);
	return container_tell(x->c, line, err);
}
