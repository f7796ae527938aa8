/* SPDX-License-Identifier: Apache-2.0
 *
 * check: what can only be judged when all services are read: kinds, dependencies, cycles, restarts against retries,
 * and defaults that depend on them.
 */
#pragma once

#include <stdbool.h>

struct loader;
struct node;

void check_job(struct loader *l);
/* True for a path in a container: absolute, not the root, without ".."; else an error at `at`. */
bool check_container_path(struct loader *l, const struct node *at, const char *path);
