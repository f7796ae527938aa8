/* SPDX-License-Identifier: Apache-2.0
 *
 * The runtime's parsers of text that others wrote: users (an image's passwd and group) and the cgroup layout. The input is three texts with NUL
 * between them. Needs runtime_dep.
 */
#include "node/runtime/cgroup_layout.h"
#include "node/runtime/user.h"

#include "base/core/mem.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	mem_cleanup char *text = mem_zalloc(size + 1, 1);
	const char *parts[3] = {"", "", ""};
	struct cgroup_layout layout;
	struct user user;
	size_t n = 0;

	if (size > 0)
		memcpy(text, data, size);
	for (size_t at = 0; at < size && n < 3; at += strlen(text + at) + 1)
		parts[n++] = text + at;
	if (user_find(parts[0], parts[1], parts[2], &user, NULL) == 0 &&
	    (user.n_groups == 0 || user.groups[0] != user.gid))
		__builtin_trap();
	cgroup_layout_parse(parts[0], parts[1], &layout);
	return 0;
}
