/* SPDX-License-Identifier: Apache-2.0
 *
 * stream: what attach and exec have in common.
 */
#pragma once

#include "face/docker/docker_private.h"

struct engine_container;

/* The content type of a stream: from 1.42 on it tells whether there are frames. */
const char *stream_type(const struct docker_call *c, bool tty);
/* What a client asks for by the query of an attach. */
struct attaching;
struct attaching *attaching_new(const struct docker_call *c, const struct engine_container *container, bool raw);
void attaching_free(struct attaching *a);
int attaching_check(const struct attaching *a, struct err *err); /* engine_attach_check */
void attaching_begin(const struct attaching *a, int fd);	 /* takes fd; a failure is logged */
/* "h" and "w" of a resize; what is no size has been answered: false. */
bool stream_size(const struct docker_call *c, unsigned *ret_rows, unsigned *ret_cols);
