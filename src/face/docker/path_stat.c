/* SPDX-License-Identifier: Apache-2.0 */
#include "face/docker/path_stat.h"

#include "base/core/clock.h"
#include "base/core/go_mode.h"
#include "base/core/mem.h"
#include "node/registry/base64.h"

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
	yyjson_mut_obj_add_uint(d, root, "mode", go_mode_of((mode_t)yyjson_get_uint(yyjson_obj_get(answer, "mode"))));
	yyjson_mut_obj_add_str(d, root, "mtime", time);
	yyjson_mut_obj_add_strcpy(d, root, "linkTarget", target ? target : "");
	text = json_text(d, false, &n);
	return base64_text(text, n);
}
