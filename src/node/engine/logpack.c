/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/logpack.h"

#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/image/zblock.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEW_NAME "log.pack"

void logpack_init(struct logpack *p, const struct logfile *log, bool wanted)
{
	*p = (struct logpack){.log = log, .wanted = wanted && log->max_files > 1, .from = -1, .to = -1};
	(void)unlinkat(log->dir, NEW_NAME, 0);
}

static void leave(struct logpack *p)
{
	fd_closep(&p->from);
	fd_closep(&p->to);
	buf_free(&p->lengths);
	p->packer = zblock_free(p->packer);
	malloc_trim(0);
}

static void drop(struct logpack *p)
{
	leave(p);
	(void)unlinkat(p->log->dir, NEW_NAME, 0);
}

static void give_up(struct logpack *p)
{
	drop(p);
	p->looked = true;
	p->seen = p->log->generation;
}

void logpack_close(struct logpack *p)
{
	if (p->from >= 0)
		give_up(p);
}

bool logpack_due(const struct logpack *p)
{
	return p->wanted && (p->from >= 0 || !p->looked || p->seen != p->log->generation);
}

/* ---- which one ---- */

static int begin(struct logpack *p, int from)
{
	const struct logfile_header h = logfile_header(LOGFILE_PACKED, p->generation);
	struct stat st;

	if (fstat(from, &st) < 0 || st.st_size <= LOGFILE_HEADER ||
	    (uint64_t)st.st_size / LOGPACK_BLOCK >= LOGPACK_BLOCKS_MAX)
		return -EFBIG;
	p->to = openat(p->log->dir, NEW_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	p->packer = zblock_new();
	if (p->to < 0 || write(p->to, &h, sizeof h) != sizeof h)
		return -EIO;
	p->at = LOGFILE_HEADER;
	p->size = (uint64_t)st.st_size;
	p->lengths = (struct buf)BUF_INIT;
	return 0;
}

/* The oldest one that is not packed yet: what comes later does not find it gone meanwhile. */
static void look(struct logpack *p)
{
	for (unsigned i = p->log->max_files - 1; i > 0; i--) {
		bool packed;
		int fd = logfile_open(p->log->dir, i, &p->generation, &packed, NULL);

		if (fd >= 0 && !packed) {
			p->from = fd;
			if (begin(p, fd) < 0)
				give_up(p);
			return;
		}
		fd_closep(&fd);
	}
	p->looked = true;
	p->seen = p->log->generation;
}

/* ---- its bytes ---- */

static int pack_block(struct logpack *p)
{
	const size_t room = zblock_bound(LOGPACK_BLOCK);
	mem_cleanup unsigned char *in = mem_zalloc(1, LOGPACK_BLOCK), *out = mem_zalloc(1, room);
	size_t n = p->size - p->at < LOGPACK_BLOCK ? (size_t)(p->size - p->at) : LOGPACK_BLOCK;
	ssize_t len;
	uint32_t length;

	if (pread(p->from, in, n, (off_t)p->at) != (ssize_t)n)
		return -EIO;
	len = zblock_pack(p->packer, out, room, in, n);
	if (len < 0 || write(p->to, out, (size_t)len) != len)
		return -EIO;
	length = htole32((uint32_t)len);
	buf_add(&p->lengths, &length, sizeof length);
	p->at += n;
	return 0;
}

/* Each rotation has moved it. */
static unsigned place(const struct logpack *p)
{
	return p->log->generation - p->generation;
}

static int put_in_place(struct logpack *p)
{
	char name[LOGFILE_NAME_MAX];

	logfile_name(name, place(p));
	return renameat(p->log->dir, NEW_NAME, p->log->dir, name) < 0 ? -errno : 0;
}

static int end(struct logpack *p)
{
	struct logpack_foot foot = {.size = htole64(p->size),
				    .n = htole32((uint32_t)(p->lengths.len / sizeof(uint32_t))),
				    .magic = LOGPACK_MAGIC};
	int r;

	buf_add(&p->lengths, &foot, sizeof foot);
	if (write(p->to, p->lengths.data, p->lengths.len) != (ssize_t)p->lengths.len)
		return -EIO;
	r = put_in_place(p);
	if (r == 0)
		leave(p);
	return r;
}

static void step(struct logpack *p)
{
	if (p->from < 0)
		look(p);
	else if (place(p) >= p->log->max_files)
		drop(p);
	else if ((p->at < p->size ? pack_block(p) : end(p)) < 0)
		give_up(p);
}

void logpack_turn(struct logpack *p)
{
	uint64_t n = 1 + (p->log->total - p->total) / LOGPACK_BLOCK;

	while (n-- > 0 && logpack_due(p))
		step(p);
	p->total = p->log->total;
}
