/* SPDX-License-Identifier: Apache-2.0
 *
 * copy_data: the bytes of one file into another: shared blocks where the file system can (FICLONE), else inside the kernel, else by hand;
 * holes stay holes.
 */
#pragma once

#include <stdint.h>

/* `to` is empty; both are at their beginning. At the most `size` bytes, which it has afterwards at the most. 0 or a negative errno. */
int copy_data(int from, int to, uint64_t size);
