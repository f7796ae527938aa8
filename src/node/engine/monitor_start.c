/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/archive.h"
#include "node/engine/lowers.h"
#include "node/engine/monitor.h"
#include "node/engine/kernel.h"
#include "node/engine/volume.h"
#include "node/runtime/cgroup_box.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_NAME "file.%zu"

/* Everything rt_start() is given, to be let go of in one place. */
struct start {
	int *lowers;
	size_t n_lowers;
	bool loose; /* the lower is a mount of ours: the image's EROFS file */
	int upper, work;
	struct kernel_mount *mounts;
	size_t n_mounts;
	bool own_resolv;       /* the file for it is of this start alone */
	struct kernel *kernel; /* NULL: a simple start will do */
	int in;		       /* read end of the input, or -1 */
	int pipes[2];	       /* write ends */
};

static void start_free(struct start *s)
{
	for (size_t i = 0; i < s->n_lowers; i++)
		close(s->lowers[i]);
	for (size_t i = 0; i < s->n_mounts; i++)
		fd_closep(&s->mounts[i].mount.source_fd);
	free(s->lowers);
	s->kernel = kernel_free(s->kernel);
	free(s->mounts);
	fd_closep(&s->upper);
	fd_closep(&s->work);
	fd_closep(&s->in);
	fd_closep(&s->pipes[0]);
	fd_closep(&s->pipes[1]);
}

static int make_dir(struct monitor *m, const char *name, mode_t mode, struct err *err)
{
	int fd;

	if (mkdirat(m->dir, name, 0700) < 0 && errno != EEXIST)
		return err_sys(err, errno, "make directory \"%s\"", name);
	fd = openat(m->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "open directory \"%s\"", name);
	if (mode != 0700 && fchmod(fd, mode) < 0) {
		int code = errno;

		close(fd);
		return err_sys(err, code, "set the mode of directory \"%s\"", name);
	}
	return fd;
}

static int open_bind(const struct spec_mount *mount, struct err *err)
{
	int fd = open(mount->source, O_PATH | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && mount->create)
		return fs_mkdirs(mount->source, 0755, err);
	if (fd < 0 && errno == ENOENT)
		return err_set(err, ENOENT,
			       "invalid mount config for type \"bind\": bind source path does not exist: %s",
			       mount->source);
	return fd < 0 ? err_sys(err, errno, "bind mount of \"%s\"", mount->source) : fd;
}

static int open_volume(struct monitor *m, const struct start *s, const struct spec_mount *mount, bool *ret_loose,
		       struct err *err)
{
	const struct volume_mount v = {.name = mount->source,
				       .subpath = mount->subpath && *mount->subpath ? mount->subpath : NULL,
				       .target = mount->target,
				       .lowers = s->lowers,
				       .n_lowers = mount->nocopy ? 0 : s->n_lowers};
	int fd = volume_open(m->data_dir, &v, ret_loose, err);

	return fd < 0 ? err_wrap(err, "volume \"%s\"", mount->source) : fd;
}

static struct rt_mount *add_mount(struct start *s, const char *target, const struct spec_mount *from)
{
	struct kernel_mount *mount = &s->mounts[s->n_mounts++];

	*mount =
	    (struct kernel_mount){.mount = {.type = RT_MOUNT_BIND, .source_fd = -1, .target = target}, .from = from};
	return &mount->mount;
}

static int add_spec_mount(struct monitor *m, struct start *s, const struct spec_mount *from, struct err *err)
{
	struct rt_mount *to = add_mount(s, from->target, from);

	to->read_only = from->read_only;
	switch (from->type) {
	case SPEC_BIND:
		to->source_fd = open_bind(from, err);
		break;
	case SPEC_VOLUME:
		to->source_fd = open_volume(m, s, from, &to->loose, err);
		break;
	case SPEC_TMPFS:
		to->type = RT_MOUNT_TMPFS;
		to->size = from->size;
		to->mode = from->mode;
		return 0;
	}
	return to->source_fd < 0 ? to->source_fd : 0;
}

/* A secret or config: a file of the given owner and mode outside of any layer, mounted read-only. Its name goes away after the start (only
 * what has a name can be mounted), the mount keeps it. */
static int add_file(struct monitor *m, struct start *s, const struct spec_file *file, size_t i, struct err *err)
{
	struct rt_mount *mount = add_mount(s, file->target, NULL);
	mem_cleanup unsigned char *data = NULL;
	char name[32];
	size_t n;
	int r = spec_base64(file->base64, &data, &n, err);

	if (r < 0)
		return r;
	mount->read_only = true;
	snprintf(name, sizeof name, FILE_NAME, i);
	/* What a monitor that was killed in between has left. */
	(void)unlinkat(m->dir, name, 0);
	mount->source_fd = openat(m->dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (mount->source_fd < 0)
		return err_sys(err, errno, "make the file for \"%s\"", file->target);
	r = fd_write_all(mount->source_fd, data, n);
	if (r == 0 && (fchown(mount->source_fd, file->uid, file->gid) < 0 || fchmod(mount->source_fd, file->mode) < 0))
		r = -errno;
	explicit_bzero(data, n);
	if (r == -EINVAL)
		return err_set(err, EINVAL, "the file for \"%s\": this berth's user namespace has no owner %u:%u",
			       file->target, file->uid, file->gid);
	return r < 0 ? err_sys(err, -r, "write the file for \"%s\"", file->target) : 0;
}

static size_t depth(const char *path)
{
	size_t n = 0;

	for (; *path; path++)
		n += *path == '/' && path[1] && path[1] != '/';
	return n;
}

/* Stable, shallow first: a mount below another one must come after it. */
static void sort_mounts(struct kernel_mount *v, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct kernel_mount one = v[i];
		size_t j = i;

		for (; j > 0 && depth(v[j - 1].mount.target) > depth(one.mount.target); j--)
			v[j] = v[j - 1];
		v[j] = one;
	}
}

/* Has the user put something there? */
static bool is_taken(const struct start *s, const char *target)
{
	for (size_t i = 0; i < s->n_mounts; i++) {
		const char *t = s->mounts[i].mount.target;

		if (!strcmp(t, target) || !strcmp(t, "/etc"))
			return true;
	}
	return false;
}

static int add_name_file(struct monitor *m, struct start *s, size_t i, struct err *err)
{
	struct rt_mount *mount;
	int fd = openat(m->dir, order_files[i].name, O_PATH | O_NOFOLLOW | O_CLOEXEC), r = 0;

	if (fd < 0 && errno != ENOENT)
		return err_sys(err, errno, "open the file for %s", order_files[i].target);
	/* Name servers that were asked for are asked, by whatever way. */
	if (!strcmp(order_files[i].name, ORDER_RESOLV) && (fd < 0 || !m->order.spec.dns)) {
		s->own_resolv = fd < 0;
		r = monitor_network_names(m, &fd, err);
		s->own_resolv = s->own_resolv && r == 0 && fd >= 0;
	}
	if (r < 0 || fd < 0)
		return r < 0 ? r : 0;
	mount = add_mount(s, order_files[i].target, NULL);
	mount->source_fd = fd;
	mount->read_only = m->order.spec.read_only;
	return 0;
}

static int add_names(struct monitor *m, struct start *s, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < ORDER_FILES && r == 0; i++) {
		if (!is_taken(s, order_files[i].target))
			r = add_name_file(m, s, i, err);
	}
	return r;
}

static int make_mounts(struct monitor *m, struct start *s, struct err *err)
{
	const struct spec *spec = &m->order.spec;
	int r = 0;

	s->mounts = mem_new_n(struct kernel_mount, spec->n_mounts + spec->n_files + 4);
	for (size_t i = 0; i < spec->n_mounts && r == 0; i++)
		r = add_spec_mount(m, s, &spec->mounts[i], err);
	for (size_t i = 0; i < spec->n_files && r == 0; i++)
		r = add_file(m, s, &spec->files[i], i, err);
	if (r == 0 && (spec->n_stage_in || spec->n_stage_out)) {
		struct rt_mount *mount = add_mount(s, SPEC_TASK_DIR, NULL);

		mount->source_fd = make_dir(m, "task", 0777, err);
		r = mount->source_fd < 0 ? mount->source_fd : 0;
	}
	if (r == 0)
		r = add_names(m, s, err);
	sort_mounts(s->mounts, s->n_mounts);
	return r;
}

static void unlink_files(struct monitor *m, const struct start *s)
{
	char name[32];

	if (s->own_resolv)
		(void)unlinkat(m->dir, ORDER_RESOLV, 0);
	for (size_t i = 0; i < m->order.spec.n_files; i++) {
		snprintf(name, sizeof name, FILE_NAME, i);
		(void)unlinkat(m->dir, name, 0);
	}
}

/* It stays open over its writers, until one closes it (stdin_once). */
static int make_input(struct monitor *m, struct start *s, struct err *err)
{
	int fds[2];

	if (!m->order.spec.open_stdin)
		return 0;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe for the input");
	s->in = fds[0];
	m->flow.in = fds[1];
	return fd_nonblock(fds[1]) < 0 ? err_sys(err, errno, "make a pipe for the input") : 0;
}

static int make_pipes(struct monitor *m, struct start *s, struct err *err)
{
	if (m->order.spec.tty)
		return 0;
	for (int i = 0; i < 2; i++) {
		int fds[2];

		if (pipe2(fds, O_CLOEXEC) < 0)
			return err_sys(err, errno, "make a pipe for the output");
		m->flow.out[i] = fds[0];
		s->pipes[i] = fds[1];
		if (fd_nonblock(fds[0]) < 0)
			return err_sys(err, errno, "make a pipe for the output");
	}
	return make_input(m, s, err);
}

static int make_layers(struct monitor *m, struct start *s, struct err *err)
{
	struct lowers lowers;
	int r = lowers_open(m->data_dir, &m->order, &lowers, err);

	s->lowers = lowers.v;
	s->n_lowers = lowers.n;
	s->loose = lowers.loose;
	if (r < 0)
		return r;
	s->upper = make_dir(m, "upper", 0755, err);
	s->work = s->upper < 0 ? s->upper : make_dir(m, "work", 0700, err);
	return s->work < 0 ? s->work : 0;
}

static bool limits_pids(const struct monitor *m)
{
	return m->can_limit_pids || !m->order.spec.pids_by_default;
}

static bool has_own_network(const struct spec *s)
{
	return s->network_mode.kind != SPEC_NS_HOST && s->network_mode.kind != SPEC_NS_CONTAINER;
}

/* What both kinds of a start are told. */
static struct rt_spec basic_spec(struct monitor *m, const struct start *s)
{
	const struct order *c = &m->order;

	return (struct rt_spec){
	    .id = m->id,
	    .lower_fds = s->lowers,
	    .n_lower = s->n_lowers,
	    .lower_loose = s->loose,
	    .upper_fd = s->upper,
	    .work_fd = s->work,
	    .root_fd = -1,
	    .read_only = c->spec.read_only,
	    .discard_upper = c->spec.remove || c->spec.job,
	    .argv = c->argv,
	    .env = c->env,
	    .cwd = c->working_dir,
	    .hostname = c->hostname,
	    /* A user namespace must own its network. */
	    .has_netns = m->netns >= 0 && c->userns_base == 0 && has_own_network(&c->spec),
	    .netns = m->netns,
	    .user_namespace = c->userns_base > 0,
	    .userns_base = (uint32_t)c->userns_base,
	    .furnish = monitor_network_furnish,
	    .furnish_ctx = m,
	    .stdin_fd = s->in,
	    .stdout_fd = s->pipes[0],
	    .stderr_fd = s->pipes[1],
	};
}

static int start_simple(struct monitor *m, const struct start *s, enum rt_fault *ret_fault, struct err *err)
{
	mem_cleanup struct rt_mount *mounts = mem_new_n(struct rt_mount, s->n_mounts + 1);
	const struct order *c = &m->order;
	struct rt_spec spec = basic_spec(m, s);

	for (size_t i = 0; i < s->n_mounts; i++)
		mounts[i] = s->mounts[i].mount;
	spec.mounts = mounts;
	spec.n_mounts = s->n_mounts;
	spec.user = c->user;
	spec.caps = RT_CAPS_DEFAULT;
	spec.no_init = c->spec.init_given && !c->spec.init;
	spec.limits = (struct rt_limits){
	    .cpu_milli = (uint64_t)c->spec.limit_cpu_milli,
	    .memory = (uint64_t)c->spec.limit_memory,
	    .pids = limits_pids(m) ? (uint64_t)c->spec.limit_pids : 0,
	};
	return rt_start(&spec, &m->box, ret_fault, err);
}

/* The master end is both: where the output comes from and where the input goes. */
static int take_terminal(struct monitor *m, struct err *err)
{
	if (m->box.terminal_fd < 0)
		return 0;
	m->flow.out[0] = fd_take(&m->box.terminal_fd);
	if (fd_nonblock(m->flow.out[0]) < 0)
		return err_sys(err, errno, "prepare the terminal");
	if (!m->order.spec.open_stdin)
		return 0;
	m->flow.in = fcntl(m->flow.out[0], F_DUPFD_CLOEXEC, 3);
	return m->flow.in < 0 ? err_sys(err, errno, "prepare the terminal") : 0;
}

static int run_full(struct monitor *m, struct start *s, enum rt_fault *ret_fault, struct err *err)
{
	struct rt_spec spec = basic_spec(m, s);
	int r;

	spec.process = &s->kernel->rights.process;
	spec.box = &s->kernel->box;
	spec.root_fd = m->hooks.root;
	devhook_set(&m->hooks, spec.process, &s->kernel->box);
	if (!s->kernel->box.ns[RT_NS_UTS].wanted)
		spec.hostname = NULL;
	r = rt_start(&spec, &m->box, ret_fault, err);
	if (r < 0) {
		kernel_undo(s->kernel);
		return r;
	}
	m->box.cgroups = s->kernel->cgroups;
	s->kernel->cgroups = NULL;
	r = take_terminal(m, err);
	if (r == 0)
		r = devhook_poststart(&m->hooks, m->box.pid, err);
	if (r < 0)
		(void)rt_delete(&m->box, NULL);
	return r;
}

/* More is asked of the kernel than the simple start can do. */
static int start_full(struct monitor *m, struct start *s, enum rt_fault *ret_fault, struct err *err)
{
	const struct kernel_start k = {.order = &m->order,
				       .data_dir = m->data_dir,
				       .dir = m->dir,
				       .limit_pids = limits_pids(m),
				       .mounts = s->mounts,
				       .n_mounts = s->n_mounts};
	int r = kernel_make(&k, &s->kernel, err);

	if (r < 0)
		return r;
	r = devhook_open(&m->hooks, &m->order, m->dir, err);
	if (r < 0) {
		kernel_undo(s->kernel);
		return r;
	}
	r = run_full(m, s, ret_fault, err);
	if (r < 0)
		(void)devhook_close(&m->hooks, NULL);
	return r;
}

static int start(struct monitor *m, struct start *s, enum rt_fault *ret_fault, struct err *err)
{
	return kernel_needed(&m->order) ? start_full(m, s, ret_fault, err) : start_simple(m, s, ret_fault, err);
}

int monitor_start(struct monitor *m, enum rt_fault *ret_fault, struct err *err)
{
	struct start s = {.upper = -1, .work = -1, .in = -1, .pipes = {-1, -1}};
	/* Whoever copies files of a container at rest works on the same layer. */
	fd_cleanup int lock = files_lock(m->dir, err);
	int r = lock < 0 ? lock : make_layers(m, &s, err);

	*ret_fault = RT_FAULT_OURS;
	if (r == 0 && has_own_network(&m->order.spec) && m->order.spec.network_mode.kind != SPEC_NS_NONE)
		r = monitor_network_start(m, err);
	if (r == 0)
		r = make_mounts(m, &s, err);
	if (r == 0)
		r = make_pipes(m, &s, err);
	if (r == 0)
		r = monitor_stream_outlet(m, err);
	if (r == 0)
		r = start(m, &s, ret_fault, err);
	fd_closep(&m->netns);
	unlink_files(m, &s);
	start_free(&s);
	return r;
}

void monitor_cleanup(struct monitor *m)
{
	static const char *const names[] = {"work", "upper", "task"};

	/* A failure leaves files that engine_remove() tries again; there is nobody here to tell. */
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		(void)fs_remove_tree(m->dir, names[i], NULL);
}
