/* SPDX-License-Identifier: Apache-2.0
 *
 * go_mode: types and permissions of files as Go's os.FileMode has them, which Docker's API and BuildKit's protocol speak.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

uint32_t go_mode_of(mode_t mode);
/* False: a type that is nowhere. */
bool go_mode_read(uint32_t go, mode_t *ret);
