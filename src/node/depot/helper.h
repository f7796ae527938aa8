/* SPDX-License-Identifier: Apache-2.0
 *
 * helper: threads for what would keep the loop waiting (disk, passwords). A job's work runs on one of them, its end on the loop.
 */
#pragma once

struct err;
struct helper;
struct loop;

/* Part of the caller's own struct, which must live until `done` is called. */
struct helper_job {
	void (*work)(struct helper_job *j); /* on a thread: touches nothing that the loop uses meanwhile */
	void (*done)(struct helper_job *j); /* on the loop; may free the job */
	struct helper_job *next;
};

int helper_new(struct loop *l, unsigned threads, struct helper **ret, struct err *err);
/* Jobs start in the order of the calls. */
void helper_run(struct helper *h, struct helper_job *j);
unsigned helper_waiting(struct helper *h); /* jobs that have not begun */
/* Waits for all jobs and calls their ends, in which no new one may be given. Takes NULL, returns NULL. */
struct helper *helper_free(struct helper *h);
