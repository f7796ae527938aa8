/* SPDX-License-Identifier: Apache-2.0
 *
 * tar_record_format: what the writer and the reader of records share; tar_record.h describes it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define TAR_RECORD_MAGIC "berth-record 1\n"
#define TAR_RECORD_PATH_MAX 4095
#define TAR_RECORD_LITERAL_MAX (1u << 30)

static inline void tar_record_put(unsigned char *p, size_t n, uint64_t value)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)(value >> (8 * i));
}

static inline uint64_t tar_record_get(const unsigned char *p, size_t n)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n; i++)
		value |= (uint64_t)p[i] << (8 * i);
	return value;
}
