/* SPDX-License-Identifier: Apache-2.0
 *
 * "sizes": what containers ("ids": their writable layers) and volumes ("volumes": names) take on the disk. The answer has lists of the same names, each
 * with a number for each of them. With "build": also "build_cache", Docker's BuildCache.
 */
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "face/docker/tool.h"
#include "node/engine/archive.h"
#include "node/image/usage.h"

#include <fcntl.h>

static void count_containers(struct tool *t, char *const *ids)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(t->answer, yyjson_mut_doc_get_root(t->answer), "ids");

	for (; ids && *ids; ids++) {
		int64_t n = changes_size(t->data, *ids);

		/* One that has gone meanwhile takes nothing. */
		yyjson_mut_arr_add_int(t->answer, list, n < 0 ? 0 : n);
	}
}

static int count_volumes(struct tool *t, char *const *names, struct err *err)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(t->answer, yyjson_mut_doc_get_root(t->answer), "volumes");
	struct usage_seen seen cleanup_with(usage_seen_free) = USAGE_SEEN_INIT;
	fd_cleanup int dir = -1;

	if (!names)
		return 0;
	dir = fs_open_in(t->data, "volumes", O_RDONLY | O_DIRECTORY, 0, FS_NO_SYMLINKS, err);
	for (; dir >= 0 && *names; names++)
		yyjson_mut_arr_add_uint(t->answer, list, fs_name_ok(*names) ? usage_files(dir, *names, &seen) : 0);
	return dir < 0 ? dir : 0;
}

static int add_build_cache(struct tool *t, struct err *err)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(t->answer, yyjson_mut_doc_get_root(t->answer), "build_cache");
	struct image_store *s = NULL;
	int r = image_store_open(t->data, &s, err);

	if (r == 0)
		r = tool_build_records(t, s, list, err);
	image_store_close(s);
	return r;
}

int tool_sizes(struct tool *t, struct err *err)
{
	char **ids cleanup_with(mem_strv_freep) = NULL, **names cleanup_with(mem_strv_freep) = NULL;
	int r = tool_list(t, "ids", &ids, err);

	if (r == 0)
		r = tool_list(t, "volumes", &names, err);
	if (r < 0)
		return r;
	count_containers(t, ids);
	r = count_volumes(t, names, err);
	return r == 0 && tool_flag(t, "build") ? add_build_cache(t, err) : r;
}
