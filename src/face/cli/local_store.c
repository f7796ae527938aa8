/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/local_store.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/wire/http_dial.h"
#include "face/cli/client.h"
#include "face/cli/command.h"
#include "face/cli/show.h"
#include "face/cli/text.h"
#include "node/image/image.h"
#include "node/runtime/rootless.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

static int absolute(const char *path, char **ret, struct err *err)
{
	char here[PATH_MAX];

	if (!*path)
		return err_set(err, EINVAL, "--data: an empty path");
	if (*path == '/')
		*ret = mem_strdup(path);
	else if (getcwd(here, sizeof here))
		*ret = mem_printf("%s/%s", here, path);
	else
		return err_sys(err, errno, "find the current directory for \"%s\"", path);
	return 0;
}

/* What the daemon on the socket says; NULL when there is none. */
static char *data_of_daemon(struct cli *cli)
{
	yyjson_doc *doc json_doc_cleanup = NULL;
	const char *data;

	if (client_call(cli, "GET", "/v1/info", NULL, &doc, NULL) < 0 || !doc)
		return NULL;
	data = show_str(yyjson_doc_get_root(doc), "data", "");
	return *data == '/' ? mem_strdup(data) : NULL;
}

int local_store_data(struct cli *cli, const char *given, char **ret, struct err *err)
{
	const char *variable = getenv("BERTH_DATA");

	if (!given && variable && *variable)
		given = variable;
	if (given)
		return absolute(given, ret, err);
	/* Its directories would be looked for on this machine. */
	if (client_node(cli))
		return err_set(
		    err, EINVAL,
		    "the images of node %s cannot be opened from here: run this there, or name a directory of "
		    "this machine with --data DIR",
		    client_node(cli));
	if (client_is_remote(cli))
		return err_set(
		    err, EINVAL,
		    "the images of %s cannot be opened from here: run this there, or name a directory of this "
		    "machine with --data DIR",
		    client_dial(cli, NULL)->address);
	*ret = data_of_daemon(cli);
	return *ret ? 0 : client_data(ret, "the images are", err);
}

static int enter(struct err *err)
{
	char warning[ROOTLESS_WARNING_MAX] = "";
	int r = rootless_needed() ? rootless_enter(warning, err) : 0;

	if (r == 0 && *warning)
		text_line(stderr, "berth: %s", warning);
	return r;
}

int local_store_dir(struct cli *cli, const char *given, struct err *err)
{
	mem_cleanup char *data = NULL;
	int dir, r = local_store_data(cli, given, &data, err);

	if (r == 0)
		r = enter(err);
	if (r < 0)
		return r;
	dir = fs_mkdirs(data, 0700, err);
	if (dir == -EACCES || dir == -EPERM)
		return err_set(err, EACCES,
			       "the images in %s belong to another user; choose a directory of yours with --data DIR",
			       data);
	return dir;
}

int local_store_open(struct cli *cli, const char *given, struct image_store **ret, struct err *err)
{
	fd_cleanup int dir = local_store_dir(cli, given, err);

	return dir < 0 ? dir : image_store_open(dir, ret, err);
}
