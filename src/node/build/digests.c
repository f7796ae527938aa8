/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/digests.h"

#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/mem.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC "berth digests 1\n"
#define MAGIC_LEN (sizeof MAGIC - 1)
#define RACY_NS 2000000000ll
#define SLOTS (1u << 19) /* twice DIGESTS_MAX, a power of two */

struct record {
	uint64_t dev, ino, size;
	int64_t mtime, ctime; /* ns */
	int64_t used;	      /* s */
	char hex[64];
};

struct digests {
	int dir;
	char *name;
	struct record *records;
	size_t n, cap;
	uint32_t *slots; /* index + 1 */
	int64_t now;
	bool changed;
};

static int64_t ns_of(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static uint32_t hash_of(uint64_t dev, uint64_t ino)
{
	uint64_t h = (ino ^ dev << 40) * 0x9e3779b97f4a7c15ull;

	return (uint32_t)(h >> 40) & (SLOTS - 1);
}

/* The place of a file: its record's, or the free one where it would go. */
static uint32_t slot_of(const struct digests *d, uint64_t dev, uint64_t ino)
{
	uint32_t at = hash_of(dev, ino);

	while (d->slots[at] && (d->records[d->slots[at] - 1].ino != ino || d->records[d->slots[at] - 1].dev != dev))
		at = (at + 1) & (SLOTS - 1);
	return at;
}

static void load(struct digests *d)
{
	mem_cleanup char *text = NULL;
	size_t n;

	if (fs_read(d->dir, d->name, MAGIC_LEN + sizeof(struct record) * DIGESTS_MAX, &text, &n, NULL) < 0)
		return;
	if (n < MAGIC_LEN || memcmp(text, MAGIC, MAGIC_LEN) != 0 || (n - MAGIC_LEN) % sizeof(struct record))
		return;
	d->n = d->cap = (n - MAGIC_LEN) / sizeof(struct record);
	d->records = mem_dup(text + MAGIC_LEN, n - MAGIC_LEN);
	for (size_t i = 0; i < d->n; i++)
		d->slots[slot_of(d, d->records[i].dev, d->records[i].ino)] = (uint32_t)i + 1;
}

struct digests *digests_open(int dir, const char *name)
{
	struct digests *d = mem_new(struct digests);

	d->dir = fcntl(dir, F_DUPFD_CLOEXEC, 0);
	d->name = mem_strdup(name);
	d->slots = mem_new_n(uint32_t, SLOTS);
	d->now = clock_wall_ms() / 1000;
	if (d->dir >= 0)
		load(d);
	return d;
}

static int last_used_first(const void *a, const void *b)
{
	const struct record *x = a, *y = b;

	return x->used < y->used ? 1 : x->used > y->used ? -1 : 0;
}

static void save(struct digests *d)
{
	size_t n, size;
	mem_cleanup char *text = NULL;

	if (d->n > DIGESTS_MAX)
		qsort(d->records, d->n, sizeof *d->records, last_used_first);
	n = d->n < DIGESTS_MAX ? d->n : DIGESTS_MAX;
	size = n * sizeof *d->records;
	text = mem_zalloc(1, MAGIC_LEN + size + 1);
	memcpy(text, MAGIC, MAGIC_LEN);
	if (size > 0)
		memcpy(text + MAGIC_LEN, d->records, size);
	(void)fs_write_atomic(d->dir, d->name, text, MAGIC_LEN + size, 0600, false, NULL);
}

struct digests *digests_close(struct digests *d)
{
	if (!d)
		return NULL;
	if (d->changed && d->dir >= 0)
		save(d);
	fd_closep(&d->dir);
	free(d->name);
	free(d->records);
	free(d->slots);
	free(d);
	return NULL;
}

int digests_find(struct digests *d, const struct stat *st, char ret[static SHA256_HEX_MAX])
{
	uint32_t index = d ? d->slots[slot_of(d, st->st_dev, st->st_ino)] : 0;
	struct record *r = index ? &d->records[index - 1] : NULL;

	if (!r || r->size != (uint64_t)st->st_size || r->mtime != ns_of(st->st_mtim) || r->ctime != ns_of(st->st_ctim))
		return 0;
	/* A day's grain, so that reading alone hardly ever writes. */
	if (d->now - r->used > 86400) {
		r->used = d->now;
		d->changed = true;
	}
	memcpy(ret, r->hex, 64);
	ret[64] = '\0';
	return 1;
}

static void remember(struct digests *d, const struct stat *st, const char *hex)
{
	int64_t now = clock_wall_ms() * 1000000;
	uint32_t at;
	struct record *r;

	if (now - ns_of(st->st_mtim) < RACY_NS || now - ns_of(st->st_ctim) < RACY_NS)
		return;
	at = slot_of(d, st->st_dev, st->st_ino);
	if (!d->slots[at]) {
		if (d->n >= SLOTS - SLOTS / 4)
			return;
		mem_grow(&d->records, &d->cap, d->n);
		d->slots[at] = (uint32_t)++d->n;
	}
	r = &d->records[d->slots[at] - 1];
	*r = (struct record){.dev = st->st_dev,
			     .ino = st->st_ino,
			     .size = (uint64_t)st->st_size,
			     .mtime = ns_of(st->st_mtim),
			     .ctime = ns_of(st->st_ctim),
			     .used = d->now};
	memcpy(r->hex, hex, 64);
	d->changed = true;
}

int digests_of(struct digests *d, int fd, const struct stat *st, char ret[static SHA256_HEX_MAX], struct err *err)
{
	static char buffer[256 << 10];
	struct sha256 sha;
	struct stat after;
	ssize_t n;

	if (digests_find(d, st, ret))
		return 0;
	sha256_init(&sha);
	while ((n = read(fd, buffer, sizeof buffer)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "read a file");
		sha256_add(&sha, buffer, (size_t)n);
	}
	sha256_hex(&sha, ret);
	if (d && fstat(fd, &after) == 0 && ns_of(after.st_mtim) == ns_of(st->st_mtim) &&
	    ns_of(after.st_ctim) == ns_of(st->st_ctim))
		remember(d, st, ret);
	return 0;
}
