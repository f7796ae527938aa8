/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/whiteout.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "node/image/guard.h"
#include "node/image/tree.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define PREFIX ".wh."
#define META_PREFIX PREFIX PREFIX
#define OPAQUE_NAME META_PREFIX ".opq" /* .wh..wh..opq */

static bool begins(const char *name, size_t n, const char *prefix)
{
	return n >= strlen(prefix) && strncmp(name, prefix, strlen(prefix)) == 0;
}

/* Whether a directory on the way is AUFS's own (1), or called like a whiteout, which nobody can mean (-EINVAL). */
static int check_dirs(const char *name, const char *last, struct err *err)
{
	for (const char *p = name; p < last; p += strcspn(p, "/") + 1) {
		size_t n = strcspn(p, "/");

		if (begins(p, n, META_PREFIX))
			return 1;
		if (begins(p, n, PREFIX))
			return err_set(err, EINVAL, "a directory of its name begins with \"" PREFIX "\"");
	}
	return 0;
}

int whiteout_kind(const char *name, enum whiteout_kind *ret_kind, char **ret, struct err *err)
{
	const char *slash = strrchr(name, '/'), *last = slash ? slash + 1 : name;
	const char *what = last + strlen(PREFIX);
	size_t dir = slash ? (size_t)(slash - name) : 0;
	int r = check_dirs(name, last, err);

	*ret = NULL;
	*ret_kind = r == 1 ? WHITEOUT_PASS : WHITEOUT_NONE;
	if (r != 0 || !begins(last, strlen(last), PREFIX))
		return r < 0 ? r : 0;
	if (!strcmp(last, OPAQUE_NAME)) {
		*ret = mem_strndup(name, dir);
		*ret_kind = WHITEOUT_OPAQUE;
		return 0;
	}
	if (begins(last, strlen(last), META_PREFIX)) {
		*ret_kind = WHITEOUT_PASS;
		return 0;
	}
	if (!*what || !strcmp(what, ".") || !strcmp(what, ".."))
		return err_set(err, EINVAL, "a whiteout must name what is gone, and this one names \"%s\"", what);
	*ret = dir ? mem_printf("%.*s/%s", (int)dir, name, what) : mem_strdup(what);
	*ret_kind = WHITEOUT_NAME;
	return 0;
}

int whiteout_make(struct tree *t, const char *name, struct err *err)
{
	const char *last;
	struct stat st;
	int dir = tree_parent(t, name, &last, err);

	if (dir < 0)
		return dir;
	if (!IMAGE_GUARD(I3))
		return unlinkat(dir, last, 0) < 0 ? err_sys(err, errno, "remove \"%.200s\"", name) : 0;
	if (fstatat(dir, last, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return S_ISDIR(st.st_mode) ? tree_opaque(t, name, err) : 0;
	if (errno != ENOENT)
		return err_sys(err, errno, "look at what is there");
	if (mknodat(dir, last, S_IFCHR, makedev(0, 0)) < 0)
		return err_sys(err, errno, "make the whiteout of \"%.200s\"", name);
	return 0;
}

int whiteout_opaque(struct tree *t, const char *name, struct err *err)
{
	mem_cleanup char *below = *name ? mem_printf("%s/x", name) : mem_strdup("x");
	const char *last;
	int dir = tree_parent(t, below, &last, err); /* makes it */

	return dir < 0 ? dir : tree_opaque(t, name, err);
}
