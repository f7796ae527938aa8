/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runtime/label.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "node/runtime/bundle.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

enum { LABEL_MAX = 4096 };

static int read_back(int proc, const char *file, const char *label, struct err *err)
{
	fd_cleanup int fd = fs_open_in(proc, file, O_RDONLY, 0, FS_BENEATH, err);
	char text[LABEL_MAX];
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, text, sizeof text - 1);
	if (n < 0)
		return err_sys(err, errno, "read %s", file);
	text[n] = '\0';
	/* AppArmor adds the mode: "profile (enforce)". */
	if (strncmp(text, label, strlen(label)) != 0)
		return err_set(err, EPERM, "the label \"%s\" was not taken: %s has \"%s\"", label, file, text);
	return 0;
}

static int set(const char *module, const char *file, const char *prefix, const char *label, struct err *err)
{
	fd_cleanup int proc = procfd_open(err);
	struct err why = ERR_INIT;
	char text[LABEL_MAX];
	int r;

	if (proc < 0)
		return proc;
	if (snprintf(text, sizeof text, "%s%s", prefix, label) >= (int)sizeof text)
		return err_set(err, E2BIG, "the %s label is longer than %d bytes", module, LABEL_MAX);
	r = procfd_write(proc, file, text, &why);
	if (r == -ENOENT || r == -EINVAL)
		return err_set(err, ENOTSUP, "the %s label \"%s\" cannot be set here: %s", module, label, why.text);
	if (r < 0)
		return err_set(err, -r, "%s", why.text);
	return read_back(proc, file, label, err);
}

int label_exec(const struct rt_process_attr *p, struct err *err)
{
	int r = 0;

	if (p->apparmor && *p->apparmor) {
		r = set("AppArmor", "thread-self/attr/apparmor/exec", "exec ", p->apparmor, err);
		if (r == -ENOTSUP)
			r = set("AppArmor", "thread-self/attr/exec", "exec ", p->apparmor, err);
	}
	if (r == 0 && p->selinux && *p->selinux)
		r = set("SELinux", "thread-self/attr/exec", "", p->selinux, err);
	return r;
}
