/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/devhook.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/engine/order.h"
#include "node/runtime/caps.h"
#include "node/runtime/rt_attr.h"
#include "node/runtime/seccomp_profile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUNDLE "bundle"
#define OCI_VERSION "1.2.1" /* of runtime-spec, which state and config.json follow */
#define TIMEOUT_S 300	    /* of one that names none */
#define TIMEOUT_S_MAX 86400
#define ARGS_MAX 1024

/* ---- reading ---- */

static int type_of(const char *name, struct err *err)
{
	for (int t = 0; t < RT_HOOK_TYPES; t++) {
		if (!strcmp(name, rt_hook_names[t]))
			return t;
	}
	return err_set(err, EINVAL,
		       "hookName: \"%.100s\" is none of prestart, createRuntime, createContainer, "
		       "startContainer, poststart and poststop",
		       name);
}

static int read_words(yyjson_val *v, const char *key, char *const **ret, struct err *err)
{
	char **words = NULL;
	int r = json_opt_strv(v, key, &words, err);

	if (r == 0 && mem_strv_len(words) > ARGS_MAX)
		r = err_set(err, E2BIG, "%s: more than %d", key, ARGS_MAX);
	if (r < 0) {
		mem_strv_free(words);
		return r;
	}
	*ret = words ? words : (char *const *)mem_new_n(char *, 1);
	return 0;
}

static int read_texts(yyjson_val *v, struct rt_hook *ret, struct err *err)
{
	int64_t timeout = TIMEOUT_S;
	int r = json_get_str(v, "path", &ret->path, err);

	if (r == 0 && *ret->path != '/')
		r = err_set(err, EINVAL, "path: \"%.200s\" is not an absolute path", ret->path);
	if (r == 0)
		r = json_opt_int(v, "timeout", 1, TIMEOUT_S_MAX, &timeout, err);
	if (r == 0)
		r = read_words(v, "args", &ret->args, err);
	if (r == 0)
		r = read_words(v, "env", &ret->env, err);
	ret->timeout_s = (int)timeout;
	return r;
}

/* args may be left out: the program's path is its name then. */
static void name_program(struct rt_hook *hook)
{
	if (hook->args[0])
		return;
	mem_strv_free((char **)hook->args);
	hook->args = NULL;
	mem_strv_add((char ***)&hook->args, hook->path);
}

static int add(struct devhooks *h, size_t max, yyjson_val *v, struct err *err)
{
	const char *name;
	struct rt_hook hook = {.path = NULL};
	int r = json_get_str(v, "hookName", &name, err), type = r < 0 ? r : type_of(name, err);
	struct rt_hooks *to;

	r = type < 0 ? type : read_texts(v, &hook, err);
	if (r < 0) {
		mem_strv_free((char **)hook.args);
		mem_strv_free((char **)hook.env);
		return r;
	}
	name_program(&hook);
	to = &h->of[type];
	if (!to->v)
		to->v = mem_new_n(struct rt_hook, max);
	((struct rt_hook *)to->v)[to->n++] = hook;
	h->n++;
	return 0;
}

int devhook_read(yyjson_val *list, struct devhooks *ret, struct err *err)
{
	yyjson_val *v;
	size_t i, n;
	int r = 0;

	*ret = (struct devhooks){.n = 0};
	if (list && !yyjson_is_arr(list))
		return err_set(err, EINVAL, "hooks: a list is needed, not %s", yyjson_get_type_desc(list));
	if (yyjson_arr_size(list) > DEVHOOK_MAX)
		return err_set(err, E2BIG, "hooks: more than %d", DEVHOOK_MAX);
	yyjson_arr_foreach (list, i, n, v) {
		r = add(ret, n, v, err);
		if (r < 0) {
			devhook_free(ret);
			return err_wrap(err, "hooks.%zu", i);
		}
	}
	return 0;
}

void devhook_free(struct devhooks *h)
{
	for (int t = 0; t < RT_HOOK_TYPES; t++) {
		for (size_t i = 0; i < h->of[t].n; i++) {
			mem_strv_free((char **)h->of[t].v[i].args);
			mem_strv_free((char **)h->of[t].v[i].env);
		}
		free((void *)h->of[t].v);
	}
	*h = (struct devhooks){.n = 0};
}

/* ---- what they are told ---- */

static void add_annotations(yyjson_mut_doc *d, yyjson_mut_val *o, const struct order *order)
{
	if (order->spec.annotations)
		yyjson_mut_obj_add_val(d, o, "annotations", yyjson_val_mut_copy(d, order->spec.annotations));
}

static char *state_text(const struct devhook_life *l, const char *status, pid_t pid)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(d);

	yyjson_mut_doc_set_root(d, o);
	yyjson_mut_obj_add_str(d, o, "ociVersion", OCI_VERSION);
	yyjson_mut_obj_add_str(d, o, "id", l->order->id);
	yyjson_mut_obj_add_str(d, o, "status", status);
	if (pid > 0)
		yyjson_mut_obj_add_int(d, o, "pid", pid);
	yyjson_mut_obj_add_str(d, o, "bundle", l->bundle);
	add_annotations(d, o, l->order);
	return json_text(d, false, NULL);
}

static void add_root(yyjson_mut_doc *d, yyjson_mut_val *o, const struct devhook_life *l)
{
	mem_cleanup char *path = mem_printf("%s/rootfs", l->bundle);
	yyjson_mut_val *root = yyjson_mut_obj_add_obj(d, o, "root");

	yyjson_mut_obj_add_strcpy(d, root, "path", path);
	if (l->order->spec.read_only)
		yyjson_mut_obj_add_bool(d, root, "readonly", true);
}

static char *config_text(const struct devhook_life *l, size_t *ret_n)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(d), *process;

	yyjson_mut_doc_set_root(d, o);
	yyjson_mut_obj_add_str(d, o, "ociVersion", OCI_VERSION);
	process = yyjson_mut_obj_add_obj(d, o, "process");
	yyjson_mut_obj_add_bool(d, process, "terminal", l->order->spec.tty);
	json_add_strv(d, process, "args", l->order->argv);
	json_add_strv(d, process, "env", l->order->env);
	yyjson_mut_obj_add_str(d, process, "cwd", l->order->working_dir ? l->order->working_dir : "/");
	add_root(d, o, l);
	yyjson_mut_obj_add_str(d, o, "hostname", l->order->hostname);
	add_annotations(d, o, l->order);
	return json_text(d, false, ret_n);
}

static int bundle_path(int fd, char **ret, struct err *err)
{
	char link[64], path[4096];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path);
	if (n <= 0 || (size_t)n >= sizeof path)
		return err_sys(err, n < 0 ? errno : ENAMETOOLONG, "find the path of the bundle");
	*ret = mem_strndup(path, (size_t)n);
	return 0;
}

static int make_bundle(struct devhook_life *l, struct err *err)
{
	fd_cleanup int fd = fs_mkdirs_in(l->dir, BUNDLE "/rootfs", 0700, FS_NO_SYMLINKS, err);
	fd_cleanup int bundle = fd < 0 ? fd : openat(l->dir, BUNDLE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	mem_cleanup char *text = NULL;
	size_t n;
	int r;

	if (fd < 0)
		return fd;
	if (bundle < 0)
		return err_sys(err, errno, "open the directory \"" BUNDLE "\"");
	r = bundle_path(bundle, &l->bundle, err);
	if (r < 0)
		return r;
	text = config_text(l, &n);
	r = fs_write_atomic(bundle, "config.json", text, n, 0600, false, err);
	if (r == 0)
		l->root = fd_take(&fd);
	return r;
}

static void drop(struct devhook_life *l)
{
	(void)fs_remove_tree(l->dir, BUNDLE, NULL);
	fd_closep(&l->root);
	free(l->bundle);
	*l = (struct devhook_life)DEVHOOK_LIFE_NULL;
}

int devhook_open(struct devhook_life *l, const struct order *o, int dir, struct err *err)
{
	int r;

	*l = (struct devhook_life){.order = o, .dir = dir, .root = -1};
	if (!o->hooks.n)
		return 0;
	r = make_bundle(l, err);
	if (r == 0)
		return 0;
	drop(l);
	return err_wrap(err, "make the bundle for hooks");
}

/* ---- running ---- */

static int run(const struct devhook_life *l, enum rt_hook_type type, const char *status, pid_t pid,
	       struct rt_hook_call call, struct err *err)
{
	mem_cleanup char *state = NULL;

	if (!l->order->hooks.of[type].n)
		return 0;
	state = state_text(l, status, pid);
	call.state = state;
	return rt_hooks_run(l->order->hooks.of, type, &call, err);
}

static int run_here(const struct devhook_life *l, enum rt_hook_type type, const char *status, pid_t pid,
		    struct err *err)
{
	return run(l, type, status, pid, (struct rt_hook_call){.cwd = l->bundle}, err);
}

static int on_create_runtime(void *ctx, pid_t pid, struct err *err)
{
	int r = run_here(ctx, RT_HOOK_PRESTART, "creating", pid, err);

	return r < 0 ? r : run_here(ctx, RT_HOOK_CREATE_RUNTIME, "creating", pid, err);
}

/* In the container's namespaces, but /proc is still the host's and knows our number there. */
static int on_create_container(void *ctx, struct err *err)
{
	char text[16] = "";
	pid_t pid = getpid();
	int n;

	if (readlink("/proc/self", text, sizeof text - 1) > 0 && sscanf(text, "%d", &n) == 1)
		pid = n;
	return run_here(ctx, RT_HOOK_CREATE_CONTAINER, "creating", pid, err);
}

/* It is a program that the image may have brought: what the container may not do, it may not. */
static int confine(void *ctx)
{
	const struct rt_process_attr *a = ctx;

	if (caps_bound(a->caps.bounding, NULL) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -EPERM;
	return a->filter && seccomp_load(a->filter, -1, NULL, NULL) < 0 ? -EPERM : 0;
}

static int on_start_container(void *ctx, char *const *env, struct err *err)
{
	const struct devhook_life *l = ctx;
	const struct rt_hook_call call = {.cwd = "/", .env = env, .prepare = confine, .ctx = (void *)l->process};

	return run(l, RT_HOOK_START_CONTAINER, "created", getpid(), call, err);
}

void devhook_set(struct devhook_life *l, const struct rt_process_attr *process, struct rt_box_attr *box)
{
	if (!l->bundle)
		return;
	l->process = process;
	box->ctx = l;
	box->create_runtime = on_create_runtime;
	box->create_container = on_create_container;
	if (l->order->hooks.of[RT_HOOK_START_CONTAINER].n)
		box->start_container = on_start_container;
}

int devhook_poststart(const struct devhook_life *l, pid_t pid, struct err *err)
{
	return l->bundle ? run_here(l, RT_HOOK_POSTSTART, "running", pid, err) : 0;
}

/* One by one, because all of them are to run. */
static int run_poststop(const struct devhook_life *l, struct err *err)
{
	const struct rt_hooks *hooks = &l->order->hooks.of[RT_HOOK_POSTSTOP];
	mem_cleanup char *state = state_text(l, "stopped", 0);
	int r = 0;

	for (size_t i = 0; i < hooks->n; i++) {
		const struct rt_hooks one[RT_HOOK_TYPES] = {[RT_HOOK_POSTSTOP] = {.v = &hooks->v[i], .n = 1}};
		const struct rt_hook_call call = {.state = state, .cwd = l->bundle};
		int code = rt_hooks_run(one, RT_HOOK_POSTSTOP, &call, r < 0 ? NULL : err);

		r = r < 0 ? r : code;
	}
	return r;
}

int devhook_close(struct devhook_life *l, struct err *err)
{
	int r;

	if (!l->bundle)
		return 0;
	r = run_poststop(l, err);
	drop(l);
	return r;
}
