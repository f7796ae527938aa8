/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/filters.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "face/cli/client.h"

#include <string.h>

int filters_query(struct buf *target, char *const *filters, struct err *err)
{
	yyjson_mut_doc *d json_mut_cleanup = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(d), *list;
	mem_cleanup char *text = NULL;

	if (!filters)
		return 0;
	yyjson_mut_doc_set_root(d, root);
	for (; *filters; filters++) {
		size_t n = strcspn(*filters, "=");

		if (n == 0 || !(*filters)[n])
			return err_set(err, EINVAL, "--filter \"%s\": write NAME=VALUE, for example label=team=web",
				       *filters);
		list = yyjson_mut_obj_getn(root, *filters, n);
		if (!list) {
			list = yyjson_mut_arr(d);
			yyjson_mut_obj_add(root, yyjson_mut_strncpy(d, *filters, n), list);
		}
		yyjson_mut_arr_add_strcpy(d, list, *filters + n + 1);
	}
	text = json_text(d, false, NULL);
	client_query(target, "filters", text);
	return 0;
}
