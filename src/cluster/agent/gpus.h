/* SPDX-License-Identifier: Apache-2.0
 *
 * gpus: the GPUs that this machine has, by their device nodes: NVIDIA's (nvidia0, nvidia1 ...), or where there is none the render nodes of the kernel's
 * graphics drivers (dri/renderD128 ...). Unit k of the counter `gpu` is the k-th of them in the order of their numbers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gpus {
	char **nodes;	   /* paths, by unit */
	uint32_t *numbers; /* of each node's name */
	size_t n;
	char **shared;	     /* nodes that whoever has one of them needs, too; NULL = none */
	const char *visible; /* name of the variable that says which are meant, NULL = none */
	const char *cdi;     /* kind that their maker's file describes them as (node/engine/cdi.h) */
	bool cdi_numbers;    /* they are called by `numbers` there, else by unit */
};

#define GPUS_NONE                                                                                                      \
	{                                                                                                              \
		.nodes = NULL                                                                                          \
	}

/* Looks below dev ("/dev"). */
void gpus_find(const char *dev, struct gpus *ret);
void gpus_free(struct gpus *g);
