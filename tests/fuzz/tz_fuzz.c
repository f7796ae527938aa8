/* SPDX-License-Identifier: Apache-2.0 */
/* The file of a time zone: whatever it says, the spans follow each other and have an end. */
#include "base/core/err.h"
#include "base/core/tz.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct err err = ERR_INIT;
	struct tz *z;
	int64_t t = -4000000000;

	if (tz_parse(data, n, &z, &err) < 0)
		return 0;
	for (int k = 0; k < 200; k++) {
		struct tz_span s = tz_span(z, t);

		if (s.from > t || s.to <= t || s.offset > 10 * TZ_OFFSET_MAX || s.offset < -10 * TZ_OFFSET_MAX)
			abort();
		if (s.to == INT64_MAX)
			break;
		t = s.to;
	}
	tz_free(z);
	return 0;
}
