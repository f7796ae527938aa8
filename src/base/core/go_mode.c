/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/go_mode.h"

#include <stddef.h>
#include <sys/stat.h>

#define GO(bit) (1u << (bit))

static const struct {
	mode_t type;
	uint32_t go;
} types[] = {{S_IFDIR, GO(31)},		 {S_IFLNK, GO(27)},  {S_IFBLK, GO(26)}, {S_IFIFO, GO(25)},
	     {S_IFCHR, GO(26) | GO(21)}, {S_IFSOCK, GO(24)}, {S_IFREG, 0}};

#define TYPES (GO(31) | GO(27) | GO(26) | GO(25) | GO(24) | GO(21))

uint32_t go_mode_of(mode_t mode)
{
	uint32_t go = mode & 0777;

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		go |= (mode & S_IFMT) == types[i].type ? types[i].go : 0;
	go |= (mode & S_ISUID) ? GO(23) : 0;
	go |= (mode & S_ISGID) ? GO(22) : 0;
	return go | ((mode & S_ISVTX) ? GO(20) : 0);
}

bool go_mode_read(uint32_t go, mode_t *ret)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if ((go & TYPES) != types[i].go)
			continue;
		*ret = types[i].type | (go & 0777) | ((go & GO(23)) ? S_ISUID : 0) | ((go & GO(22)) ? S_ISGID : 0) |
		       ((go & GO(20)) ? S_ISVTX : 0);
		return true;
	}
	return false;
}
