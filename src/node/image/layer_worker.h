/* SPDX-License-Identifier: Apache-2.0
 *
 * layer_worker: the process that unpacks one layer. It has three descriptors (the bytes, the directory, the way back), and what
 * image_worker_confine() leaves it. Its answer is one JSON object, of which only the form is believed.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "node/image/image.h"

/* *ret_in takes the bytes (non-blocking), *ret_answer is readable at the end; both are the caller's. */
int layer_worker_start(int tmp_dir, const struct image_limits *limits, int *ret_in, int *ret_answer, pid_t *ret_pid,
		       struct err *err);
/* Waits for the answer; descriptor and process are taken. */
int layer_worker_end(int *answer, pid_t *pid, struct image_unpacked *ret, struct err *err);
/* Takes both away, at any time; -1 is fine. */
void layer_worker_kill(int *answer, pid_t *pid);
