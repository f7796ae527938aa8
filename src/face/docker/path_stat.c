/* SPDX-License-Identifier: Apache-2.0 */
#include "face/docker/path_stat.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "node/registry/base64.h"

#include <sys/stat.h>

#define GO(bit) (1u << (bit))

uint32_t path_stat_mode(mode_t mode)
{
	static const struct {
		mode_t type;
		uint32_t go;
	} types[] = {
	    {S_IFDIR, GO(31)}, {S_IFLNK, GO(27)},	   {S_IFBLK, GO(26)},
	    {S_IFIFO, GO(25)}, {S_IFCHR, GO(26) | GO(21)}, {S_IFSOCK, GO(24)},
	};
	uint32_t go = mode & 0777;

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if ((mode & S_IFMT) == types[i].type)
			go |= types[i].go;
	}
	go |= mode & S_ISUID ? GO(23) : 0;
	go |= mode & S_ISGID ? GO(22) : 0;
	return go | (mode & S_ISVTX ? GO(20) : 0);
}

char *path_stat_header(yyjson_val *answer)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(d);
	const char *name = yyjson_get_str(yyjson_obj_get(answer, "name"));
	const char *target = yyjson_get_str(yyjson_obj_get(answer, "target"));
	mem_cleanup char *text = NULL;
	char time[CLOCK_TEXT_NS_MAX];
	size_t n;

	clock_format_ns(yyjson_get_sint(yyjson_obj_get(answer, "mtime_s")),
			(unsigned)yyjson_get_sint(yyjson_obj_get(answer, "mtime_ns")), time);
	yyjson_mut_doc_set_root(d, root);
	yyjson_mut_obj_add_strcpy(d, root, "name", name ? name : "");
	yyjson_mut_obj_add_sint(d, root, "size", yyjson_get_sint(yyjson_obj_get(answer, "size")));
	yyjson_mut_obj_add_uint(d, root, "mode",
				path_stat_mode((mode_t)yyjson_get_uint(yyjson_obj_get(answer, "mode"))));
	yyjson_mut_obj_add_str(d, root, "mtime", time);
	yyjson_mut_obj_add_strcpy(d, root, "linkTarget", target ? target : "");
	text = json_text(d, false, &n);
	return base64_text(text, n);
}
