/* SPDX-License-Identifier: Apache-2.0 */
#include "node/oci/checkpoint.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/oci/config.h"
#include "node/oci/lifecycle.h"
#include "node/oci/record.h"
#include "node/oci/spawn.h"

#include <string.h>
#include <unistd.h>

#define SAID_MAX 600
#define CHECK_MS 30000

static int run_criu(const char *path, char *const *args, int timeout_ms, struct buf *said, struct err *err)
{
	static const char *const env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};
	const struct spawn s = {
	    .path = path, .args = args, .env = (char *const *)env, .timeout_ms = timeout_ms, .out = said};
	int r = spawn_run(&s, err);

	while (said->len > 0 && said->data[said->len - 1] == '\n')
		said->data[--said->len] = '\0';
	return r;
}

int oci_criu_find(const char **ret, struct err *err)
{
	static const char *const paths[] = {"/usr/local/sbin/criu", "/usr/sbin/criu", "/usr/bin/criu"};
	static const char *const args[] = {"criu", "check", NULL};
	buf_cleanup struct buf said = BUF_LIMIT(SAID_MAX);
	const char *found = NULL;
	int r;

	for (size_t i = 0; i < sizeof paths / sizeof *paths && !found; i++)
		found = access(paths[i], X_OK) == 0 ? paths[i] : NULL;
	if (!found)
		return err_set(err, ENOTSUP, "checkpoint and restore need the program criu, which is not installed");
	r = run_criu(found, (char *const *)args, CHECK_MS, &said, err);
	if (r > 0)
		return err_set(err, ENOTSUP, "criu cannot work on this machine (criu check): %s", buf_str(&said));
	if (r == 0)
		*ret = found;
	return r;
}

static void add(char ***args, const char *option, const char *value)
{
	mem_strv_add(args, option);
	if (value)
		mem_strv_add(args, value);
}

static void add_flags(char ***args, const struct oci_checkpoint *o)
{
	const struct {
		bool set;
		const char *option;
	} flags[] = {{o->leave_running, "--leave-running"},
		     {o->tcp_established, "--tcp-established"},
		     {o->tcp_skip_in_flight, "--skip-in-flight"},
		     {o->ext_unix, "--ext-unix-sk"},
		     {o->shell_job, "--shell-job"},
		     {o->file_locks, "--file-locks"},
		     {o->link_remap, "--link-remap"},
		     {o->auto_dedup, "--auto-dedup"}};

	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		if (flags[i].set)
			add(args, flags[i].option, NULL);
	}
}

/* Host directories in the container are no part of its image: restore is given them anew. */
static int add_mounts(char ***args, const struct oci_container *c, struct err *err)
{
	struct oci_config *config = NULL;
	int r = oci_record_config(c->dir, &config, err);

	for (size_t i = 0; r == 0 && i < config->box.n_mounts; i++) {
		const struct rt_fs *m = &config->box.mounts[i];
		mem_cleanup char *map = mem_printf("mnt[%s]:%s", m->target, m->target);

		if (m->type == RT_FS_BIND)
			add(args, "--external", map);
	}
	oci_config_free(config);
	return r;
}

static int make_args(const struct oci_checkpoint *o, const struct oci_container *c, const char *image, char ***args,
		     struct err *err)
{
	mem_cleanup char *pid = mem_printf("%d", (int)c->state->pid);

	add(args, "criu", o->pre_dump ? "pre-dump" : "dump");
	add(args, "--tree", pid);
	add(args, "--images-dir", image);
	if (o->work_path)
		add(args, "--work-dir", o->work_path);
	if (o->parent_path)
		add(args, "--prev-images-dir", o->parent_path);
	add(args, "--root", c->state->rootfs);
	add(args, "--log-file", "dump.log");
	add(args, "-v4", NULL);
	if (o->manage_cgroups) {
		mem_cleanup char *mode = mem_printf("--manage-cgroups=%s", o->manage_cgroups);

		add(args, mode, NULL);
	}
	add_flags(args, o);
	return add_mounts(args, c, err);
}

static int check(const struct oci_checkpoint *o, const struct oci_container *c, struct err *err)
{
	if (c->status != OCI_RUNNING && c->status != OCI_PAUSED)
		return err_set(err, EBUSY, "Container cannot be checkpointed in %s state", oci_status_names[c->status]);
	if (o->parent_path && *o->parent_path == '/')
		return err_set(err, EINVAL, "--parent-path must be relative");
	return 0;
}

static int dump(const char *criu, const struct oci_checkpoint *o, const struct oci_container *c, struct err *err)
{
	const char *image = o->image_path ? o->image_path : "checkpoint";
	fd_cleanup int dir = fs_mkdirs(image, 0700, err), work = -1;
	buf_cleanup struct buf said = BUF_LIMIT(SAID_MAX);
	cleanup_with(mem_strv_freep) char **args = NULL;
	int r = dir;

	if (r >= 0 && o->work_path) {
		work = fs_mkdirs(o->work_path, 0700, err);
		r = work;
	}
	if (r >= 0)
		r = make_args(o, c, image, &args, err);
	if (r < 0)
		return r;
	r = run_criu(criu, args, -1, &said, err);
	return r > 0 ? err_set(err, EIO, "criu failed with status %d, see dump.log in \"%s\": %s", r,
			       o->work_path ? o->work_path : image, buf_str(&said))
		     : r;
}

int oci_dump(const struct oci_runtime *rt, const struct oci_checkpoint *o, struct err *err)
{
	struct oci_container c = OCI_CONTAINER_NONE;
	const char *criu = NULL;
	int r = oci_open(rt, o->id, false, &c, err);

	if (r == 0)
		r = check(o, &c, err);
	if (r == 0)
		r = oci_criu_find(&criu, err);
	if (r == 0)
		r = dump(criu, o, &c, err);
	oci_close(&c);
	return r < 0 || o->leave_running || o->pre_dump ? r : oci_delete(rt, o->id, true, err);
}
