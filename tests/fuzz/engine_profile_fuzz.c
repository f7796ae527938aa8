/* SPDX-License-Identifier: Apache-2.0
 *
 * Seccomp profiles of clients. The first byte says what the container may do; whatever the rest says, a filter that is made is one that the kernel
 * takes.
 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/engine/profile.h"
#include "node/runtime/seccomp_profile.h"
#include "node/runtime/test/seccomp_sim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	mem_cleanup char *text = NULL;
	struct err err = ERR_INIT;
	struct rt_filter filter;

	if (n == 0)
		return 0;
	text = mem_strndup((const char *)data + 1, n - 1);
	if (profile_compile(text, data[0] & 1 ? ~0ull : 0, &filter, &err) < 0)
		return 0;
	if (!seccomp_sim_sound(filter.code, filter.n))
		abort();
	seccomp_filter_free(&filter);
	return 0;
}
