/* SPDX-License-Identifier: Apache-2.0
 *
 * stream: what attach and exec have in common.
 */
#pragma once

#include "face/docker/docker_private.h"

/* The content type of a stream: from 1.42 on it tells whether there are frames. */
const char *stream_type(const struct docker_call *c, bool tty);
/* "h" and "w" of a resize; what is no size has been answered: false. */
bool stream_size(const struct docker_call *c, unsigned *ret_rows, unsigned *ret_cols);
