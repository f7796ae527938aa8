/* SPDX-License-Identifier: Apache-2.0
 *
 * job_task: a task of a job, or one of its copies, as the command line names it.
 */
#pragma once

struct cli;
struct err;

/* Asks for `tail` ("/restart", "/finish", "/cancel") of what `name` says: JOB/TASK is all copies of the task, JOB/TASK/INDEX one of them; as: what they are taken
 * as, or NULL. Tells the server's warnings. -EINVAL when it says something else, or what the server answers. */
int job_task_post(struct cli *cli, const char *name, const char *tail, const char *as, struct err *err);

/* The container that `name` means to a command for containers: of JOB/TASK/INDEX, or of JOB/TASK with one copy, that of the latest try; anything else, and
 * what is a container (n1/web), is itself. New memory. -EINVAL: the task has several copies; -EBUSY: it has not started yet. */
int job_task_container(struct cli *cli, const char *name, char **ret, struct err *err);
