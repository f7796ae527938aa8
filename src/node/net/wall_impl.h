/* SPDX-License-Identifier: Apache-2.0
 *
 * Shared by the wall's files alone.
 */
#pragma once

#include <stdint.h>

/* The netlink port of the last wall_assert(): what it removes is put back by itself. */
extern uint32_t wall_last_port;
