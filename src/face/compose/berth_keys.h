/* SPDX-License-Identifier: Apache-2.0
 *
 * berth_keys: x-berth of a service and at the top (docs/formats/job.md section 1).
 */
#pragma once

#include <stdbool.h>

struct job_service;
struct loader;
struct node;

void berth_keys_read(struct loader *l, struct job_service *s);
/* Spaces, defaults of tasks, exit_with. */
void berth_keys_read_top(struct loader *l);
/* True when a key of x-berth that only a task can have is there. */
bool berth_keys_task_only(const struct node *berth);
