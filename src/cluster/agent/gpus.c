/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/agent/gpus.h"

#include "base/core/counts.h"
#include "base/core/mem.h"

#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The first kind of which there is one. `nvidia` is of the driver itself; the others are left out when the driver has not made them. */
static const struct kind {
	const char *prefix;
	const char *shared[6];
	const char *visible, *cdi;
	bool cdi_numbers;
} kinds[] = {
    {"nvidia",
     {"nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset", NULL},
     "NVIDIA_VISIBLE_DEVICES",
     "nvidia.com/gpu",
     true},
    {"dri/renderD", {"kfd", NULL}, NULL, "amd.com/gpu", false},
};

static int number_compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The number behind the prefix; false for a name that goes on otherwise. */
static bool number_of(const char *path, size_t prefix, uint32_t *ret)
{
	const char *digits = path + prefix;
	size_t n = strlen(digits);

	if (n == 0 || n > 9 || strspn(digits, "0123456789") != n)
		return false;
	*ret = (uint32_t)strtoul(digits, NULL, 10);
	return true;
}

static void add_shared(const char *dev, const struct kind *k, struct gpus *g)
{
	for (const char *const *name = k->shared; *name; name++) {
		mem_cleanup char *path = mem_printf("%s/%s", dev, *name);

		if (access(path, F_OK) == 0)
			mem_strv_add(&g->shared, path);
	}
}

static void find_kind(const char *dev, const struct kind *k, struct gpus *g)
{
	mem_cleanup char *pattern = mem_printf("%s/%s[0-9]*", dev, k->prefix);
	size_t prefix = strlen(dev) + 1 + strlen(k->prefix);
	glob_t found = {.gl_pathc = 0};

	if (glob(pattern, 0, NULL, &found) == 0) {
		g->numbers = mem_new_n(uint32_t, found.gl_pathc);
		for (size_t i = 0; i < found.gl_pathc && g->n < COUNTS_N_MAX; i++)
			g->n += number_of(found.gl_pathv[i], prefix, &g->numbers[g->n]);
	}
	globfree(&found);
	if (!g->n) {
		free(g->numbers);
		g->numbers = NULL;
		return;
	}
	qsort(g->numbers, g->n, sizeof *g->numbers, number_compare);
	for (size_t i = 0; i < g->n; i++) {
		mem_cleanup char *path = mem_printf("%s/%s%u", dev, k->prefix, g->numbers[i]);

		mem_strv_add(&g->nodes, path);
	}
	add_shared(dev, k, g);
	g->visible = k->visible;
	g->cdi = k->cdi;
	g->cdi_numbers = k->cdi_numbers;
}

void gpus_find(const char *dev, struct gpus *ret)
{
	*ret = (struct gpus)GPUS_NONE;
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds && !ret->n; k++)
		find_kind(dev, &kinds[k], ret);
}

void gpus_free(struct gpus *g)
{
	mem_strv_free(g->nodes);
	mem_strv_free(g->shared);
	free(g->numbers);
	*g = (struct gpus)GPUS_NONE;
}
