/* SPDX-License-Identifier: Apache-2.0
 *
 * jobspec_data: what a service reads that may lie on some nodes already: its named volumes, and the managed spaces that it stages from. By names of facts
 * (docs/formats/select.md), for the scheduler prefers nodes that have them. And which services stage from or to a space of the job's own, and so have to run on
 * one node.
 */
#pragma once

#include <stdint.h>

struct jobspec;

/* Fills `data` and `home` of all its tasks, anew each time: once the job has its ID, by which its own spaces are called. */
void jobspec_data_read(struct jobspec *j);
/* The fact by which nodes say that they have files of the space whose files are the task's copies; NULL: it has none, or one with a path. The caller frees. */
char *jobspec_data_over(const struct jobspec *j, uint32_t task);
void jobspec_data_free(struct jobspec *j);
