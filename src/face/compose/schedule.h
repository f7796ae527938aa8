/* SPDX-License-Identifier: Apache-2.0
 *
 * schedule: the key x-berth.schedule at the top of a job file: an expression alone, or a map (docs/formats/job.md section 1). Expressions are judged here, with their
 * place in the file; time zones and calendars are the server's.
 */
#pragma once

struct loader;
struct node;

/* berth: x-berth of the top. Into the loader's job. */
void schedule_read(struct loader *l, const struct node *berth);
