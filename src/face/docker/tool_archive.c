/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/docker/tool.h"
#include "node/image/load.h"
#include "node/image/save.h"

#include <unistd.h>

/* As Docker has it: a name moves to what is loaded, and the old image stays without. Ours: `only` this id, `as` this name and no other. */
static int load(struct tool *t, struct image_store *s, struct err *err)
{
	struct image_loads loads cleanup_with(image_loads_free) = {.n = 0};
	const struct image_load_options o = {.force = true,
					     .only = tool_text(t, "only"),
					     .name = tool_text(t, "as"),
					     .progress = tool_flag(t, "quiet") ? NULL : tool_progress,
					     .ctx = t};
	yyjson_mut_val *root = yyjson_mut_doc_get_root(t->answer), *images;
	int r = image_load(s, STDIN_FILENO, &o, &loads, err);

	images = yyjson_mut_obj_add_arr(t->answer, root, "images");

	for (size_t i = 0; i < loads.n; i++) {
		const struct image_loaded *l = &loads.v[i];

		if (l->moved_from)
			tool_stream(t, "The image %s already exists, renaming the old one with ID %s to empty string\n",
				    l->name, l->moved_from);
		if (l->name)
			tool_stream(t, "Loaded image: %s\n", l->name);
		else
			tool_stream(t, "Loaded image ID: %s\n", l->id);
		yyjson_mut_arr_add_strcpy(t->answer, images, l->id);
	}
	return r;
}

int tool_load(struct tool *t, struct err *err)
{
	return tool_on_store(t, load, err);
}

static int save(struct tool *t, struct image_store *s, struct err *err)
{
	const struct image_save_options o = {.format = IMAGE_SAVE_DOCKER};
	char **names cleanup_with(mem_strv_freep) = NULL;
	int r = tool_list(t, "names", &names, err);

	return r == 0 ? image_save(s, names, STDOUT_FILENO, &o, err) : r;
}

int tool_save(struct tool *t, struct err *err)
{
	return tool_on_store(t, save, err);
}
