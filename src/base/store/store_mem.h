/* SPDX-License-Identifier: Apache-2.0
 *
 * store_mem: the store without a disk, for tests. Everything that was appended before a turn of the loop is one group.
 */
#pragma once

struct store;

/* The next `groups` groups of a store of the kind "memory" fail with this errno number. */
void store_mem_fail(struct store *s, unsigned groups, int code);
