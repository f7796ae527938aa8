/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/cdi_idle.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/engine/cdi.h"

#include <string.h>

/* A device by its number, and the nodes that it brings. */
struct numbered {
	char **nodes;
	bool used, chosen;
};

static char *name_of(const char *kind, size_t k)
{
	return mem_printf("%s=%zu", kind, k);
}

/* False: no file describes it, or not in a way that can be followed: whoever asks for it is told. */
static bool read_nodes(const char *const *dirs, const char *kind, size_t k, struct numbered *ret)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	mem_cleanup char *name = name_of(kind, k);
	char *names[] = {name, NULL};
	struct cdi_edits edits = {.spec = d};
	struct err err = ERR_INIT;
	yyjson_mut_val *device;
	size_t i, n;

	yyjson_mut_doc_set_root(d, yyjson_mut_obj(d));
	if (cdi_apply(dirs, names, &edits, &err) < 0)
		return false;
	yyjson_mut_arr_foreach (yyjson_mut_obj_get(yyjson_mut_doc_get_root(d), "devices"), i, n, device) {
		mem_strv_add(&ret->nodes, yyjson_mut_get_str(yyjson_mut_obj_get(device, "path_on_host")));
	}
	return true;
}

static bool has(const struct numbered *one, const char *path)
{
	for (char **node = one->nodes; node && *node; node++) {
		if (!strcmp(*node, path))
			return true;
	}
	return false;
}

static bool is_common(const struct numbered *list, size_t n, size_t k, const char *path)
{
	for (size_t i = 0; i < n; i++) {
		if (i != k && has(&list[i], path))
			return true;
	}
	return false;
}

static void ask(struct numbered *list, size_t n, cdi_used_fn used, void *ctx)
{
	for (size_t k = 0; k < n; k++) {
		for (char **node = list[k].nodes; node && *node; node++)
			list[k].used |= !is_common(list, n, k, *node) && used(ctx, *node);
	}
}

static void choose(struct numbered *list, size_t n, size_t want)
{
	for (int used = 0; used < 2; used++) {
		for (size_t k = 0; k < n && want; k++) {
			if (list[k].used != (used == 1))
				continue;
			list[k].chosen = true;
			want--;
		}
	}
}

char **cdi_idle(const char *const *dirs, const char *kind, size_t n, cdi_used_fn used, void *ctx)
{
	struct numbered list[CDI_IDLE_MAX] = {{.nodes = NULL}};
	char **names = NULL;
	size_t all = 0;

	while (all < CDI_IDLE_MAX && read_nodes(dirs, kind, all, &list[all]))
		all++;
	if (all > n) {
		ask(list, all, used, ctx);
		choose(list, all, n);
	}
	for (size_t k = 0; k < (all > n ? all : n); k++) {
		mem_cleanup char *name = all <= n || list[k].chosen ? name_of(kind, k) : NULL;

		if (name)
			mem_strv_add(&names, name);
	}
	for (size_t k = 0; k < all; k++)
		mem_strv_free(list[k].nodes);
	return names;
}
