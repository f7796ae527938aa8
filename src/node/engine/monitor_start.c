/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/monitor.h"
#include "node/image/erofs.h"
#include "node/image/layer.h"

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
	struct rt_mount *mounts;
	size_t n_mounts;
	int pipes[2]; /* write ends */
};

static void start_free(struct start *s)
{
	for (size_t i = 0; i < s->n_lowers; i++)
		close(s->lowers[i]);
	for (size_t i = 0; i < s->n_mounts; i++)
		fd_closep(&s->mounts[i].source_fd);
	free(s->lowers);
	free(s->mounts);
	fd_closep(&s->upper);
	fd_closep(&s->work);
	fd_closep(&s->pipes[0]);
	fd_closep(&s->pipes[1]);
}

/* Overlay does not look at the mark of a layer's top. */
static bool hides_below(struct monitor *m, const char *layer)
{
	char path[128];

	snprintf(path, sizeof path, "images/layers/%s/" LAYER_OPAQUE_NAME, layer);
	return faccessat(m->data_dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int open_layers(struct monitor *m, struct start *s, struct err *err)
{
	size_t n = mem_strv_len(m->order.layers);

	s->lowers = mem_new_n(int, n);
	/* config.json: bottom first; rt_start: topmost first. */
	for (size_t i = n; i-- > 0;) {
		char path[128];
		int fd;

		snprintf(path, sizeof path, "images/layers/%s/fs", m->order.layers[i]);
		fd = fs_open_in(m->data_dir, path, O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
		if (fd < 0)
			return err_wrap(err, "layer of image \"%s\"", m->order.spec.image);
		s->lowers[s->n_lowers++] = fd;
		if (hides_below(m, m->order.layers[i]))
			break;
	}
	return 0;
}

/* The whole image as one mount. 0 = not so: it has no such file, has it no more, or only the machine's root may mount one. */
static int open_erofs(struct monitor *m, struct start *s, struct err *err)
{
	fd_cleanup int file = -1;
	int mount;

	if (!m->order.erofs)
		return 0;
	file = image_erofs_open(m->data_dir, m->order.erofs, err);
	mount = file < 0 ? file : rt_erofs(file, err);
	if (mount == -ENOENT || mount == -EPERM) {
		err_clear(err);
		return 0;
	}
	if (mount < 0)
		return err_wrap(err, "image \"%s\" (`berth image convert --directories` lets it run from its layers)",
				m->order.spec.image);
	s->lowers = mem_new_n(int, 1);
	s->lowers[s->n_lowers++] = mount;
	s->loose = true;
	return 1;
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
	return fd < 0 ? err_sys(err, errno, "bind mount of \"%s\"", mount->source) : fd;
}

static int open_volume(struct monitor *m, const struct spec_mount *mount, struct err *err)
{
	char path[160];
	int fd;

	snprintf(path, sizeof path, "volumes/%s", mount->source);
	fd = fs_mkdirs_in(m->data_dir, path, 0755, FS_NO_SYMLINKS, err);
	return fd < 0 ? err_wrap(err, "volume \"%s\"", mount->source) : fd;
}

static struct rt_mount *add_mount(struct start *s, const char *target)
{
	struct rt_mount *mount = &s->mounts[s->n_mounts++];

	*mount = (struct rt_mount){.type = RT_MOUNT_BIND, .source_fd = -1, .target = target};
	return mount;
}

static int add_spec_mount(struct monitor *m, struct start *s, const struct spec_mount *from, struct err *err)
{
	struct rt_mount *to = add_mount(s, from->target);

	to->read_only = from->read_only;
	switch (from->type) {
	case SPEC_BIND:
		to->source_fd = open_bind(from, err);
		break;
	case SPEC_VOLUME:
		to->source_fd = open_volume(m, from, err);
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
	struct rt_mount *mount = add_mount(s, file->target);
	mem_cleanup unsigned char *data = NULL;
	char name[32];
	size_t n;
	int r = spec_base64(file->base64, &data, &n, err);

	if (r < 0)
		return r;
	mount->read_only = true;
	snprintf(name, sizeof name, FILE_NAME, i);
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
static void sort_mounts(struct rt_mount *v, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct rt_mount one = v[i];
		size_t j = i;

		for (; j > 0 && depth(v[j - 1].target) > depth(one.target); j--)
			v[j] = v[j - 1];
		v[j] = one;
	}
}

/* Unless the user has put something there. */
static int add_names(struct monitor *m, struct start *s, struct err *err)
{
	static const char target[] = "/etc/resolv.conf";
	int fd, r;

	for (size_t i = 0; i < s->n_mounts; i++) {
		if (!strcmp(s->mounts[i].target, target) || !strcmp(s->mounts[i].target, "/etc"))
			return 0;
	}
	r = monitor_network_names(m, &fd, err);
	if (r == 0 && fd >= 0)
		add_mount(s, target)->source_fd = fd;
	return r;
}

static int make_mounts(struct monitor *m, struct start *s, struct err *err)
{
	const struct spec *spec = &m->order.spec;
	int r = 0;

	s->mounts = mem_new_n(struct rt_mount, spec->n_mounts + spec->n_files + 2);
	for (size_t i = 0; i < spec->n_mounts && r == 0; i++)
		r = add_spec_mount(m, s, &spec->mounts[i], err);
	for (size_t i = 0; i < spec->n_files && r == 0; i++)
		r = add_file(m, s, &spec->files[i], i, err);
	if (r == 0 && (spec->n_stage_in || spec->n_stage_out)) {
		struct rt_mount *mount = add_mount(s, SPEC_TASK_DIR);

		mount->source_fd = make_dir(m, "task", 0777, err);
		r = mount->source_fd < 0 ? mount->source_fd : 0;
	}
	if (r == 0)
		r = add_names(m, s, err);
	sort_mounts(s->mounts, s->n_mounts);
	return r;
}

static void unlink_files(struct monitor *m)
{
	char name[32];

	(void)unlinkat(m->dir, RESOLV_NAME, 0);
	for (size_t i = 0; i < m->order.spec.n_files; i++) {
		snprintf(name, sizeof name, FILE_NAME, i);
		(void)unlinkat(m->dir, name, 0);
	}
}

static int make_pipes(struct monitor *m, struct start *s, struct err *err)
{
	for (int i = 0; i < 2; i++) {
		int fds[2];

		if (pipe2(fds, O_CLOEXEC) < 0)
			return err_sys(err, errno, "make a pipe for the output");
		m->out[i] = fds[0];
		s->pipes[i] = fds[1];
		if (fd_nonblock(fds[0]) < 0)
			return err_sys(err, errno, "make a pipe for the output");
	}
	return 0;
}

static int make_layers(struct monitor *m, struct start *s, struct err *err)
{
	int r = open_erofs(m, s, err);

	if (r == 0)
		r = open_layers(m, s, err);
	if (r < 0)
		return r;
	s->upper = make_dir(m, "upper", 0755, err);
	s->work = s->upper < 0 ? s->upper : make_dir(m, "work", 0700, err);
	return s->work < 0 ? s->work : 0;
}

static int start(struct monitor *m, const struct start *s, enum rt_fault *ret_fault, struct err *err)
{
	const struct order *c = &m->order;
	bool limit_pids = m->can_limit_pids || !c->spec.pids_by_default;
	struct rt_spec spec = {
	    .id = m->id,
	    .lower_fds = s->lowers,
	    .n_lower = s->n_lowers,
	    .lower_loose = s->loose,
	    .upper_fd = s->upper,
	    .work_fd = s->work,
	    .root_fd = -1,
	    .read_only = c->spec.read_only,
	    .discard_upper = c->spec.remove || c->spec.job,
	    .mounts = s->mounts,
	    .n_mounts = s->n_mounts,
	    .argv = c->argv,
	    .env = c->env,
	    .cwd = c->working_dir,
	    .user = c->user,
	    .hostname = c->hostname,
	    .caps = RT_CAPS_DEFAULT,
	    /* A user namespace must own its network. */
	    .has_netns = m->netns >= 0 && c->userns_base == 0,
	    .netns = m->netns,
	    .user_namespace = c->userns_base > 0,
	    .userns_base = (uint32_t)c->userns_base,
	    .limits =
		{
		    .cpu_milli = (uint64_t)c->spec.limit_cpu_milli,
		    .memory = (uint64_t)c->spec.limit_memory,
		    .pids = limit_pids ? (uint64_t)c->spec.limit_pids : 0,
		},
	    .stdin_fd = -1,
	    .stdout_fd = s->pipes[0],
	    .stderr_fd = s->pipes[1],
	};

	return rt_start(&spec, &m->box, ret_fault, err);
}

int monitor_start(struct monitor *m, enum rt_fault *ret_fault, struct err *err)
{
	struct start s = {.upper = -1, .work = -1, .pipes = {-1, -1}};
	int r = make_layers(m, &s, err);

	*ret_fault = RT_FAULT_OURS;
	if (r == 0)
		monitor_network_start(m);
	if (r == 0)
		r = make_mounts(m, &s, err);
	if (r == 0)
		r = make_pipes(m, &s, err);
	if (r == 0)
		r = start(m, &s, ret_fault, err);
	fd_closep(&m->netns);
	unlink_files(m);
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
