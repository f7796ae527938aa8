/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/boot.h"

#include "base/core/fd.h"

#include <fcntl.h>
#include <string.h>

const char *boot_id(char id[static BOOT_ID_MAX])
{
	fd_cleanup int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, id, BOOT_ID_MAX - 1);

	id[n < 0 ? 0 : n] = '\0';
	id[strspn(id, "0123456789abcdef-")] = '\0';
	return id;
}

bool boot_is_this(const char *id)
{
	char now[BOOT_ID_MAX];

	return *boot_id(now) && !strcmp(now, id);
}
