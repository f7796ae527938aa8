/* SPDX-License-Identifier: Apache-2.0
 *
 * random: unpredictable names and numbers from the kernel. The pure parts (cluster/sched) never use this.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

void random_bytes(void *data, size_t n);    /* ends the process if the kernel has none to give */
void random_hex(char *text, size_t digits); /* digits lower-case hexadecimal digits and a NUL */
