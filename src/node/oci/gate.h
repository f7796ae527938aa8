/* SPDX-License-Identifier: Apache-2.0
 *
 * gate: the socket "start" in a container's state directory at which a created container waits (rt_box_attr.gate). It is there as long as the
 * container is "created".
 */
#pragma once

#include <stdbool.h>

struct err;

/* Returns the listening descriptor. */
int oci_gate_make(int dir, struct err *err);
bool oci_gate_there(int dir);
/* Connects, for rt_release(). Returns the descriptor. */
int oci_gate_open(int dir, struct err *err);
void oci_gate_remove(int dir);
