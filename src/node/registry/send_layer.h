/* SPDX-License-Identifier: Apache-2.0
 *
 * send_layer: a layer of the store into a registry: a packer makes the bytes while they are sent.
 */
#pragma once

#include <stddef.h>

#include "node/image/compress.h"
#include "node/registry/packer.h"
#include "node/registry/send.h"

/* As the job says; one that is not packed now goes under j->hex with j->size. `chunk`: bytes of a request for what is packed now, 0 = all in
 * one. *ret is what came out. -ECONNRESET: what is streamed cannot be sent twice; the caller may begin again. */
int send_layer(struct send *s, const struct packer_job *j, size_t chunk, struct compressed *ret, struct err *err);
