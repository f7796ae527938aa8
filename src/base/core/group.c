/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/group.h"

#include "base/core/child.h"
#include "base/core/err.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdlib.h>

#define ENTRY_MAX (1u << 20)

#define NO_SUCH_GROUP INT_MAX /* what the child says for none */

static int ask(void *ctx, struct err *err)
{
	const char *name = ctx;
	struct group entry, *found = NULL;
	gid_t gid = NO_SUCH_GROUP;
	char *text = NULL;
	int r = ERANGE;

	for (size_t n = 4096; r == ERANGE && n <= ENTRY_MAX; n *= 4) {
		free(text);
		text = malloc(n);
		r = text ? getgrnam_r(name, &entry, text, n, &found) : ENOMEM;
	}
	if (r == 0 && found)
		gid = found->gr_gid;
	free(text);
	/* What getgrnam_r(3) returns for a name that is not there depends on the source. */
	if (r == ERANGE || r == ENOMEM || r == EMFILE || r == EIO)
		return err_sys(err, r, "look up the group %s", name);
	if (gid > NO_SUCH_GROUP)
		return err_set(err, ERANGE, "the number %u of the group %s is too high", gid, name);
	return (int)gid;
}

int group_find(const char *name, gid_t *ret, struct err *err)
{
	int r = child_run(ask, (void *)name, -1, "looks up a group", err);

	*ret = r < 0 || r == NO_SUCH_GROUP ? GROUP_NONE : (gid_t)r;
	return r < 0 ? r : r != NO_SUCH_GROUP;
}
