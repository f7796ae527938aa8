/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/logfile.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"

#include <endian.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define VERSION 1

struct head {
	uint32_t n;
	uint8_t stream, flags;
	uint16_t zero;
	uint64_t time_ns;
};
_Static_assert(sizeof(struct head) == LOGFILE_HEAD, "the record header has 16 bytes");

void logfile_name(char name[static LOGFILE_NAME_MAX], unsigned index)
{
	if (index == 0)
		snprintf(name, LOGFILE_NAME_MAX, "log");
	else
		snprintf(name, LOGFILE_NAME_MAX, "log.%u", index);
}

struct logfile_header logfile_header(const char *magic, uint32_t generation)
{
	struct logfile_header h = {.version = htole32(VERSION), .generation = htole32(generation)};

	memcpy(h.magic, magic, sizeof h.magic);
	return h;
}

void logfile_init(struct logfile *l, int dir, uint64_t max_size, unsigned max_files)
{
	*l = (struct logfile){.dir = dir, .fd = -1, .max_size = max_size, .max_files = max_files};
}

void logfile_close(struct logfile *l)
{
	fd_closep(&l->fd);
}

/* All or nothing: 0, or -errno and the file is as long as before. */
static int append(struct logfile *l, const struct iovec *iov, int n_iov, size_t n)
{
	ssize_t w;
	int r;

	do {
		w = pwritev(l->fd, iov, n_iov, (off_t)l->size);
	} while (w < 0 && errno == EINTR);
	if (w == (ssize_t)n) {
		l->size += n;
		return 0;
	}
	r = w < 0 ? -errno : -ENOSPC;
	/* If even this fails the tail is torn, which readers know, and the next record goes over it. */
	if (w > 0 && ftruncate(l->fd, (off_t)l->size) < 0)
		return r;
	return r;
}

static int start_file(struct logfile *l)
{
	struct logfile_header h = logfile_header(LOGFILE_PLAIN, l->generation);
	struct iovec iov = {.iov_base = &h, .iov_len = sizeof h};
	int r;

	l->fd = openat(l->dir, "log", O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (l->fd < 0)
		return -errno;
	l->size = 0;
	r = append(l, &iov, 1, sizeof h);
	if (r < 0)
		fd_closep(&l->fd);
	return r;
}

static void rotate(struct logfile *l)
{
	char from[LOGFILE_NAME_MAX], to[LOGFILE_NAME_MAX];

	fd_closep(&l->fd);
	for (unsigned i = l->max_files - 1; i > 0; i--) {
		logfile_name(from, i - 1);
		logfile_name(to, i);
		(void)renameat(l->dir, from, l->dir, to);
	}
	/* A reader may still hold the file: a new one, not the old one emptied. */
	(void)unlinkat(l->dir, "log", 0);
	l->generation++;
	l->rotated = true;
}

/* The last record is whole: the next one goes after it. */
static bool ends_well(int fd, off_t size)
{
	size_t n =
	    size - LOGFILE_HEADER < (off_t)LOGFILE_RECORD_MAX ? (size_t)(size - LOGFILE_HEADER) : LOGFILE_RECORD_MAX;
	mem_cleanup unsigned char *tail = mem_zalloc(1, n + 1);
	struct logfile_record rec;

	if (n == 0)
		return true;
	return pread(fd, tail, n, size - (off_t)n) == (ssize_t)n && logfile_peek_back(tail, n, &rec) > 0;
}

void logfile_resume(struct logfile *l)
{
	bool packed = false;
	fd_cleanup int old = logfile_open(l->dir, 0, &l->generation, &packed, NULL);
	struct stat st;

	if (old < 0)
		return;
	if (packed || fstat(old, &st) < 0 || !ends_well(old, st.st_size)) {
		rotate(l);
		l->rotated = false;
		return;
	}
	l->fd = openat(l->dir, "log", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	l->size = (uint64_t)st.st_size;
	if (l->fd < 0)
		rotate(l);
}

static int write_record(struct logfile *l, int stream, int64_t time_ns, const void *data, size_t n)
{
	struct head head = {
	    .n = htole32((uint32_t)n), .stream = (uint8_t)stream, .time_ns = htole64((uint64_t)time_ns)};
	uint32_t tail = head.n;
	struct iovec iov[3] = {
	    {.iov_base = &head, .iov_len = sizeof head},
	    {.iov_base = (void *)data, .iov_len = n},
	    {.iov_base = &tail, .iov_len = sizeof tail},
	};
	size_t whole = sizeof head + n + sizeof tail;
	int r = 0;

	if (l->fd >= 0 && l->size > LOGFILE_HEADER && l->size + whole > l->max_size)
		rotate(l);
	if (l->fd < 0)
		r = start_file(l);
	if (r == 0)
		r = append(l, iov, 3, whole);
	if (r == 0)
		l->total += whole;
	return r;
}

static int write_notice(struct logfile *l)
{
	char text[128];
	int n = snprintf(text, sizeof text, "%" PRIu64 " bytes were lost: %s", l->lost, strerror(l->lost_errno));
	int r = write_record(l, 0, clock_wall_ns(), text, (size_t)n);

	if (r == 0)
		l->lost = 0;
	return r;
}

void logfile_write(struct logfile *l, int stream, int64_t time_ns, const void *data, size_t n)
{
	int r = 0;

	if (l->lost > 0)
		r = write_notice(l);
	if (r == 0)
		r = write_record(l, stream, time_ns, data, n);
	if (r < 0) {
		l->lost += n;
		l->lost_errno = -r;
	}
}

static ssize_t decode(const struct head *h, struct logfile_record *ret)
{
	size_t n = le32toh(h->n);

	if (n > LOGFILE_DATA_MAX || h->stream > LOGFILE_STREAM_MAX || h->zero != 0)
		return -EBADMSG;
	ret->stream = h->stream;
	ret->time_ns = (int64_t)le64toh(h->time_ns);
	ret->n = n;
	return (ssize_t)(LOGFILE_HEAD + n + LOGFILE_TAIL);
}

ssize_t logfile_peek(const unsigned char *p, size_t n, struct logfile_record *ret)
{
	struct head h;
	uint32_t tail;
	ssize_t whole;

	if (n < sizeof h)
		return 0;
	memcpy(&h, p, sizeof h);
	whole = decode(&h, ret);
	if (whole < 0)
		return whole;
	if (n < (size_t)whole)
		return 0;
	memcpy(&tail, p + whole - LOGFILE_TAIL, sizeof tail);
	ret->data = p + sizeof h;
	return tail == h.n ? whole : -EBADMSG;
}

ssize_t logfile_peek_back(const unsigned char *p, size_t n, struct logfile_record *ret)
{
	uint32_t tail;
	size_t whole;
	ssize_t r;

	if (n < LOGFILE_HEAD + LOGFILE_TAIL)
		return 0;
	memcpy(&tail, p + n - LOGFILE_TAIL, sizeof tail);
	whole = LOGFILE_HEAD + LOGFILE_TAIL + (size_t)le32toh(tail);
	if (whole > LOGFILE_RECORD_MAX)
		return -EBADMSG;
	if (n < whole)
		return 0;
	r = logfile_peek(p + n - whole, whole, ret);
	return r == (ssize_t)whole ? r : -EBADMSG;
}

int logfile_open(int dir, unsigned index, uint32_t *ret_generation, bool *ret_packed, struct err *err)
{
	fd_cleanup int fd = -1;
	struct logfile_header h;
	char name[LOGFILE_NAME_MAX];

	logfile_name(name, index);
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "open \"%s\"", name);
	if (pread(fd, &h, sizeof h, 0) != sizeof h || (memcmp(h.magic, LOGFILE_PLAIN, sizeof h.magic) != 0 &&
						       memcmp(h.magic, LOGFILE_PACKED, sizeof h.magic) != 0))
		return err_set(err, EBADMSG, "\"%s\" is not a log of berth", name);
	if (le32toh(h.version) != VERSION)
		return err_set(err, EBADMSG, "\"%s\" has format %u; this program knows %u", name, le32toh(h.version),
			       VERSION);
	*ret_generation = le32toh(h.generation);
	*ret_packed = memcmp(h.magic, LOGFILE_PACKED, sizeof h.magic) == 0;
	return fd_take(&fd);
}
