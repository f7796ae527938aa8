/* SPDX-License-Identifier: Apache-2.0
 *
 * "sizes": what the writable layers of containers take on the disk. {"view": an object or a list of objects with "Id"}; each gets "SizeRw", and that is
 * added to its "SizeRootFs". The answer's "body" is the view.
 */
#include "base/core/err.h"
#include "face/docker/tool.h"
#include "node/engine/archive.h"

#include <string.h>

static void add_size(struct tool *t, yyjson_mut_val *o)
{
	const char *id = yyjson_mut_get_str(yyjson_mut_obj_get(o, "Id"));
	yyjson_mut_val *root = yyjson_mut_obj_get(o, "SizeRootFs");
	int64_t n = id ? changes_size(t->data, id) : 0;

	/* One that has gone meanwhile takes nothing. */
	if (n < 0)
		n = 0;
	yyjson_mut_obj_put(o, yyjson_mut_str(t->answer, "SizeRw"), yyjson_mut_sint(t->answer, n));
	yyjson_mut_obj_put(o, yyjson_mut_str(t->answer, "SizeRootFs"),
			   yyjson_mut_sint(t->answer, n + yyjson_mut_get_sint(root)));
}

int tool_sizes(struct tool *t, struct err *err)
{
	yyjson_mut_val *view = yyjson_val_mut_copy(t->answer, yyjson_obj_get(t->request, "view")), *o, *list;
	size_t i, n;

	if (!view)
		return err_set(err, EINVAL, "view is missing");
	list = yyjson_mut_is_arr(view) ? view : yyjson_mut_obj_get(view, "Containers");
	if (yyjson_mut_obj_get(view, "Id"))
		add_size(t, view);
	yyjson_mut_arr_foreach (list, i, n, o) {
		add_size(t, o);
	}
	yyjson_mut_obj_add_val(t->answer, yyjson_mut_doc_get_root(t->answer), "body", view);
	return 0;
}
