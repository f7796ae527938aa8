/* SPDX-License-Identifier: Apache-2.0
 *
 * image_door: the way of a command to the images: the store itself, or the berth that keeps it.
 */
#pragma once

#include <stdbool.h>

struct cli;
struct err;
struct image_store;

/* *ret = the store; NULL when this user may not open it, when the berth that answers is a cluster's server or another node was asked for, or when the user said
 * where berth listens and nobody answers there: the request goes through the socket then (and says that nobody answers). given: --data, or NULL. */
int image_door_open(struct cli *cli, const char *given, struct image_store **ret, struct err *err);
/* Whether it is the socket because the images are those of a cluster or of another node. */
bool image_door_is_elsewhere(struct cli *cli, const char *given);
void image_door_close(struct image_store **s);
