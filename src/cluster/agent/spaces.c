/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/agent/spaces.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/core/random.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define MARK ".id"
#define DIGITS (SPACES_ID_MAX - 1)

static int mark_read(int dir, char ret[static SPACES_ID_MAX], struct err *err)
{
	fd_cleanup int fd = openat(dir, MARK, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	mem_cleanup char *text = NULL;
	size_t n;
	int r;

	if (fd < 0)
		return err_sys(err, errno, "open the mark of the data spaces, %s", MARK);
	r = fd_read_all(fd, SPACES_ID_MAX, &text, &n);
	if (r < 0)
		return err_sys(err, -r, "read the mark of the data spaces, %s", MARK);
	if (n != DIGITS || strspn(text, "0123456789abcdef") != DIGITS)
		return err_set(err, EINVAL, "the mark of the data spaces, %s, is not %d digits", MARK, DIGITS);
	memcpy(ret, text, DIGITS);
	ret[DIGITS] = '\0';
	return 0;
}

/* Whole under its name or not there: of several nodes that come at once the first one's stays. */
static int mark_make(int dir, struct err *err)
{
	char id[SPACES_ID_MAX], name[sizeof MARK "-" + DIGITS];
	int r;

	random_hex(id, DIGITS);
	memcpy(name, MARK "-", sizeof MARK);
	memcpy(name + sizeof MARK, id, sizeof id);
	r = fs_write_atomic(dir, name, id, DIGITS, 0644, true, err);
	if (r < 0)
		return r;
	if (linkat(dir, name, dir, MARK, 0) < 0 && errno != EEXIST)
		r = err_sys(err, errno, "make the mark of the data spaces, %s", MARK);
	unlinkat(dir, name, 0);
	return r;
}

int spaces_id(const char *data_dir, char ret[static SPACES_ID_MAX], struct err *err)
{
	mem_cleanup char *path = mem_printf("%s/spaces", data_dir);
	fd_cleanup int dir = fs_mkdirs(path, 0755, err);
	int r;

	if (dir < 0)
		return dir;
	if (faccessat(dir, MARK, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return mark_read(dir, ret, err);
	r = mark_make(dir, err);
	return r < 0 ? r : mark_read(dir, ret, err);
}
