/* SPDX-License-Identifier: Apache-2.0
 *
 * jobspec_data: what a service reads that may lie on some nodes already: its named volumes, and the managed spaces that it stages from. By names of facts
 * (docs/formats/select.md), for the scheduler prefers nodes that have them.
 */
#pragma once

struct jobspec;

/* Fills `data` of all its tasks, anew each time: once the job has its ID, by which its own spaces are called. */
void jobspec_data_read(struct jobspec *j);
void jobspec_data_free(struct jobspec *j);
