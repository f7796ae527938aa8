/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/logread.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/engine/logpack.h"
#include "node/image/zblock.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Reads all of it or says so. */
static bool read_whole(int fd, void *data, size_t n, off_t pos)
{
	return pread(fd, data, n, pos) == (ssize_t)n;
}

/* ---- the index ---- */

static bool foot_is_good(const struct logpack_foot *foot, uint64_t file)
{
	const uint64_t size = le64toh(foot->size), n = le32toh(foot->n);

	return memcmp(foot->magic, LOGPACK_MAGIC, sizeof foot->magic) == 0 && size > LOGFILE_HEADER && n > 0 &&
	       n <= LOGPACK_BLOCKS_MAX && (size - LOGFILE_HEADER + LOGPACK_BLOCK - 1) / LOGPACK_BLOCK == n &&
	       LOGFILE_HEADER + n * sizeof(uint32_t) + LOGPACK_FOOT <= file;
}

/* From lengths to ends. */
static bool add_up(struct logread *f, const uint32_t *lengths, uint64_t room)
{
	uint64_t at = LOGFILE_HEADER;

	for (size_t i = 0; i < f->n; i++) {
		at += le32toh(lengths[i]);
		f->ends[i] = at;
	}
	return at == room;
}

static int read_index(struct logread *f)
{
	struct logpack_foot foot;
	mem_cleanup uint32_t *lengths = NULL;
	struct stat st;
	uint64_t at;

	if (fstat(f->fd, &st) < 0 || st.st_size < LOGFILE_HEADER + LOGPACK_FOOT ||
	    !read_whole(f->fd, &foot, sizeof foot, st.st_size - LOGPACK_FOOT) ||
	    !foot_is_good(&foot, (uint64_t)st.st_size))
		return -EBADMSG;
	f->n = le32toh(foot.n);
	f->size = le64toh(foot.size);
	at = (uint64_t)st.st_size - LOGPACK_FOOT - f->n * sizeof *lengths;
	lengths = mem_new_n(uint32_t, f->n);
	f->ends = mem_new_n(uint64_t, f->n);
	if (!read_whole(f->fd, lengths, f->n * sizeof *lengths, (off_t)at) || !add_up(f, lengths, at))
		return -EBADMSG;
	return 0;
}

int logread_open(int dir, unsigned index, struct logread *ret, struct err *err)
{
	struct logread f = LOGREAD_NULL;
	bool packed = false;

	f.fd = logfile_open(dir, index, &f.generation, &packed, err);
	if (f.fd < 0)
		return f.fd;
	if (packed && read_index(&f) < 0) {
		logread_close(&f);
		return err_set(err, EBADMSG, "\"log.%u\" is not a whole packed log", index);
	}
	*ret = f;
	return 0;
}

/* ---- blocks ---- */

static size_t size_of_block(const struct logread *f, size_t i)
{
	const uint64_t left = f->size - LOGFILE_HEADER - (uint64_t)i * LOGPACK_BLOCK;

	return left < LOGPACK_BLOCK ? (size_t)left : LOGPACK_BLOCK;
}

static bool unpack(struct logread *f, size_t i)
{
	const uint64_t from = i > 0 ? f->ends[i - 1] : LOGFILE_HEADER, n = f->ends[i] - from;
	mem_cleanup unsigned char *packed = NULL;

	if (f->block && f->block_at == i)
		return true;
	if (n > zblock_bound(LOGPACK_BLOCK))
		return false;
	packed = mem_zalloc(1, (size_t)n + 1);
	if (!f->block)
		f->block = mem_zalloc(1, LOGPACK_BLOCK);
	f->block_at = SIZE_MAX;
	f->block_n = size_of_block(f, i);
	if (!read_whole(f->fd, packed, (size_t)n, (off_t)from) ||
	    zblock_unpack(f->block, LOGPACK_BLOCK, packed, (size_t)n) != (ssize_t)f->block_n)
		return false;
	f->block_at = i;
	return true;
}

static ssize_t read_packed(struct logread *f, unsigned char *data, size_t n, uint64_t pos)
{
	size_t done = 0;

	while (done < n && pos < f->size) {
		const uint64_t at = pos - LOGFILE_HEADER;
		const size_t i = (size_t)(at / LOGPACK_BLOCK), skip = (size_t)(at % LOGPACK_BLOCK);
		size_t some;

		if (!unpack(f, i))
			break;
		some = f->block_n - skip < n - done ? f->block_n - skip : n - done;
		memcpy(data + done, f->block + skip, some);
		done += some;
		pos += some;
	}
	return (ssize_t)done;
}

ssize_t logread_at(struct logread *f, void *data, size_t n, off_t pos)
{
	ssize_t r;

	if (f->ends)
		return pos < LOGFILE_HEADER ? 0 : read_packed(f, data, n, (uint64_t)pos);
	do {
		r = pread(f->fd, data, n, pos);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? 0 : r;
}

off_t logread_size(const struct logread *f)
{
	struct stat st;

	if (f->ends)
		return (off_t)f->size;
	return fstat(f->fd, &st) < 0 ? 0 : st.st_size;
}

void logread_rest(struct logread *f)
{
	free(f->block);
	f->block = NULL;
}

void logread_close(struct logread *f)
{
	logread_rest(f);
	free(f->ends);
	f->ends = NULL;
	fd_closep(&f->fd);
}
