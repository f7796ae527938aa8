/* SPDX-License-Identifier: Apache-2.0 */
#include "node/oci/criu_image.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/oci/config.h"
#include "base/wire/protobuf.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IMAGE_DEFAULT "checkpoint"
#define STDIO_FILE "descriptors.json" /* the name and form that runc and crun use */
#define STDIO_MAX 65536
#define LOG_LEVEL 4
#define LOCK_BY_NFTABLES 2

enum { MODE_IGNORE = 0, MODE_SOFT = 3, MODE_FULL = 4, MODE_STRICT = 5 };

static int mode_of(const char *word)
{
	static const struct {
		const char *word;
		int mode;
	} rows[] = {{"soft", MODE_SOFT}, {"full", MODE_FULL}, {"strict", MODE_STRICT}, {"ignore", MODE_IGNORE}};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (!word || strcmp(rows[i].word, word) == 0)
			return rows[i].mode;
	}
	return -1;
}

/* The last ':' is the one before the port: an address of version 6 has more. */
static int split_server(const char *text, char **ret_address, int *ret_port)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon ? strlen(colon + 1) : 0;

	if (n == 0 || n > 5 || strspn(colon + 1, "0123456789") != n || strtol(colon + 1, NULL, 10) > 65535)
		return -EINVAL;
	*ret_address = mem_strndup(text, (size_t)(colon - text));
	*ret_port = (int)strtol(colon + 1, NULL, 10);
	return 0;
}

int criu_image_check(const struct criu_image *i, struct err *err)
{
	mem_cleanup char *address = NULL;
	int port;

	if (mode_of(i->manage_cgroups) < 0)
		return err_set(err, EINVAL, "--manage-cgroups-mode: \"%s\" is not soft, full, strict or ignore",
			       i->manage_cgroups);
	if (i->page_server && split_server(i->page_server, &address, &port) < 0)
		return err_set(err, EINVAL, "--page-server: \"%s\" is not ADDRESS:PORT", i->page_server);
	for (char *const *ns = i->empty_ns; ns && *ns; ns++) {
		if (strcmp(*ns, "network") != 0)
			return err_set(err, EINVAL, "--empty-ns: \"%s\" is not possible, only \"network\"", *ns);
	}
	return 0;
}

static void add_options(const struct criu_image *i, const char *log, struct criu *c)
{
	const struct {
		enum criu_option option;
		bool on;
	} rows[] = {{CRIU_TCP_ESTABLISHED, i->tcp_established},
		    {CRIU_TCP_CLOSE, i->tcp_close},
		    {CRIU_TCP_SKIP_IN_FLIGHT, i->tcp_skip_in_flight},
		    {CRIU_EXT_UNIX_SK, i->ext_unix},
		    {CRIU_SHELL_JOB, i->shell_job},
		    {CRIU_FILE_LOCKS, i->file_locks},
		    {CRIU_LINK_REMAP, i->link_remap},
		    {CRIU_AUTO_DEDUP, i->auto_dedup},
		    {CRIU_LAZY_PAGES, i->lazy_pages},
		    {CRIU_NOTIFY_SCRIPTS, true},
		    {CRIU_ORPHAN_PTS_MASTER, true},
		    {CRIU_MANAGE_CGROUPS, true}};
	mem_cleanup char *address = NULL;
	int port;

	for (size_t n = 0; n < sizeof rows / sizeof *rows; n++) {
		if (rows[n].on)
			pb_number(&c->opts, rows[n].option, 1);
	}
	pb_number(&c->opts, CRIU_MANAGE_CGROUPS_MODE, (uint64_t)mode_of(i->manage_cgroups));
	pb_number(&c->opts, CRIU_LOG_LEVEL, LOG_LEVEL);
	pb_text(&c->opts, CRIU_LOG_FILE, log);
	pb_text(&c->opts, CRIU_LSM_PROFILE, i->lsm_profile);
	pb_text(&c->opts, CRIU_LSM_MOUNT_CONTEXT, i->lsm_mount_context);
	pb_text(&c->opts, CRIU_PARENT_IMG, i->parent_path);
	if (i->parent_path)
		pb_number(&c->opts, CRIU_TRACK_MEM, 1);
	/* By default it holds connections back with iptables, which is no part of it. */
	if (access("/usr/sbin/iptables-restore", X_OK) < 0)
		pb_number(&c->opts, CRIU_NETWORK_LOCK, LOCK_BY_NFTABLES);
	if (i->empty_ns && i->empty_ns[0])
		pb_number(&c->opts, CRIU_EMPTY_NS, CLONE_NEWNET);
	if (i->page_server && split_server(i->page_server, &address, &port) == 0)
		criu_add_count(c, CRIU_PAGE_SERVER, address, port);
}

int criu_image_open(const struct criu_image *i, bool make, const char *log, struct criu *c, struct criu_dirs *dirs,
		    struct err *err)
{
	const char *path = i->image_path ? i->image_path : IMAGE_DEFAULT;

	dirs->image = make ? fs_mkdirs(path, 0700, err) : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirs->image < 0)
		return make ? dirs->image : err_sys(err, errno, "open the image \"%s\"", path);
	dirs->work = i->work_path ? fs_mkdirs(i->work_path, 0700, err) : fcntl(dirs->image, F_DUPFD_CLOEXEC, 3);
	if (dirs->work < 0)
		return i->work_path ? dirs->work : err_sys(err, errno, "keep the image \"%s\" open", path);
	/* criu opens them by our number and theirs. */
	pb_number(&c->opts, CRIU_IMAGES_DIR_FD, (uint64_t)dirs->image);
	pb_number(&c->opts, CRIU_WORK_DIR_FD, (uint64_t)dirs->work);
	c->image_dir = dirs->image;
	c->log_dir = dirs->work;
	c->log = log;
	add_options(i, log, c);
	return 0;
}

void criu_image_close(struct criu_dirs *dirs)
{
	fd_closep(&dirs->image);
	fd_closep(&dirs->work);
}

int criu_image_place(int root, const char *prefix, const char *target, char **ret, struct err *err)
{
	fd_cleanup int fd = fs_open_in(root, target, O_PATH, 0, FS_IN_ROOT, err);
	char link[40], path[PATH_MAX];
	size_t n_prefix = strlen(prefix);
	ssize_t n;

	if (fd < 0)
		return fd;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	if (n < 0)
		return err_sys(err, errno, "find the place of \"%s\"", target);
	path[n] = '\0';
	if (strncmp(path, prefix, n_prefix) != 0 || path[n_prefix] != '/')
		return err_set(err, EINVAL, "the place of \"%s\" is outside of the root: \"%s\"", target, path);
	*ret = mem_strdup(path + n_prefix);
	return 0;
}

void criu_image_config(const struct oci_config *config, struct criu *c)
{
	for (size_t i = 0; i < config->n_annotations; i++) {
		if (strcmp(config->annotations[i].key, "org.criu.config") == 0 && *config->annotations[i].value)
			pb_text(&c->opts, CRIU_CONFIG_FILE, config->annotations[i].value);
	}
}

/* ---- standard descriptors ---- */

bool criu_image_is_outside(const char *name)
{
	return strncmp(name, "pipe:[", 6) == 0 || strncmp(name, "file[", 5) == 0;
}

static int read_proc(pid_t pid, const char *name, char **ret)
{
	mem_cleanup char *path = mem_printf("/proc/%d/%s", (int)pid, name);
	fd_cleanup int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t n;

	return fd < 0 ? -errno : fd_read_all(fd, OCI_CONFIG_MAX, ret, &n);
}

static bool has_mount(const char *mountinfo, int id)
{
	for (const char *line = mountinfo; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		if (strtol(line, NULL, 10) == id)
			return true;
	}
	return false;
}

/* A file on a mount that the container does not have came from whoever started it. */
static int name_file(pid_t pid, int fd, const char *mountinfo, char **name)
{
	mem_cleanup char *info_name = mem_printf("fdinfo/%d", fd), *path = mem_printf("/proc/%d/fd/%d", (int)pid, fd),
			 *info = NULL;
	const char *line;
	struct stat st;
	int r = read_proc(pid, info_name, &info), id;

	if (r < 0 || stat(path, &st) < 0)
		return r < 0 ? r : -errno;
	line = info ? strstr(info, "mnt_id:") : NULL;
	if (!line || sscanf(line, "mnt_id: %d", &id) != 1 || has_mount(mountinfo, id))
		return 0;
	free(*name);
	*name = mem_printf("file[%x:%llx]", (unsigned)id, (unsigned long long)st.st_ino);
	return 0;
}

int criu_image_stdio(pid_t pid, char *names[static 3], struct err *err)
{
	mem_cleanup char *mountinfo = NULL;
	int r = read_proc(pid, "mountinfo", &mountinfo);

	for (int fd = 0; fd < 3 && r == 0; fd++) {
		mem_cleanup char *path = mem_printf("/proc/%d/fd/%d", (int)pid, fd);
		char text[PATH_MAX];
		ssize_t n = readlink(path, text, sizeof text - 1);

		names[fd] = mem_strndup(text, n < 0 ? 0 : (size_t)n);
		if (*names[fd] == '/')
			r = name_file(pid, fd, mountinfo, &names[fd]);
	}
	return r < 0 ? err_sys(err, -r, "look at the descriptors of process %d", (int)pid) : 0;
}

int criu_image_write_stdio(int image, char *const names[static 3], struct err *err)
{
	json_mut_cleanup yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *list = yyjson_mut_arr(doc);
	mem_cleanup char *text = NULL;
	size_t n = 0;

	yyjson_mut_doc_set_root(doc, list);
	for (int fd = 0; fd < 3; fd++)
		yyjson_mut_arr_add_str(doc, list, names[fd]);
	text = json_text(doc, false, &n);
	return fs_write_atomic(image, STDIO_FILE, text, n, 0600, false, err);
}

int criu_image_read_stdio(int image, char *names[static 3], struct err *err)
{
	yyjson_doc *doc;
	mem_cleanup char *text = NULL;
	size_t n = 0;
	int r = fs_read(image, STDIO_FILE, STDIO_MAX, &text, &n, err);

	if (r < 0)
		return r;
	doc = json_parse(text, n, STDIO_MAX, STDIO_FILE, err);
	if (!doc)
		return -EINVAL;
	for (size_t fd = 0; fd < 3; fd++) {
		const char *name = yyjson_get_str(yyjson_arr_get(yyjson_doc_get_root(doc), fd));

		names[fd] = mem_strdup(name ? name : "");
	}
	yyjson_doc_free(doc);
	return 0;
}
