/* SPDX-License-Identifier: Apache-2.0
 *
 * lowers: the layers of a container's image as overlay's lower directories. Inside of node/engine only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct err;
struct order;

struct lowers {
	int *v; /* topmost first */
	size_t n;
	bool loose; /* the one is a mount of ours that is attached nowhere: the image's EROFS file */
};
int lowers_open(int data_dir, const struct order *o, struct lowers *ret, struct err *err);
void lowers_close(struct lowers *l); /* also after a failure */
