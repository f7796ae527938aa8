/* SPDX-License-Identifier: Apache-2.0
 *
 * boot: the kernel's name for the present run of the machine.
 */
#pragma once

#include <stdbool.h>

#define BOOT_ID_MAX 40

/* "" when the kernel does not tell. */
const char *boot_id(char id[static BOOT_ID_MAX]);
/* False when it cannot be known. */
bool boot_is_this(const char *id);
