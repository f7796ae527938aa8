/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/self_pages.h"

#include "base/core/fd.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <linux/prctl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Fields of /proc/<pid>/stat (proc_pid_stat(5)), counted from 1. */
enum {
	STAT_START_CODE = 26,
	STAT_END_CODE,
	STAT_START_STACK,
	STAT_START_DATA = 45,
	STAT_END_DATA,
	STAT_START_BRK,
	STAT_ARG_START,
	STAT_ARG_END,
	STAT_ENV_START,
	STAT_ENV_END,
	STAT_FIELDS
};

struct image {
	const ElfW(Phdr) * segments;
	size_t n;
	uintptr_t base, page;
	uintptr_t relro_end; /* 0: none */
};

static uintptr_t down(const struct image *m, uintptr_t at)
{
	return at & ~(m->page - 1);
}

static uintptr_t up(const struct image *m, uintptr_t at)
{
	return down(m, at + m->page - 1);
}

static int image_find(struct image *m)
{
	*m = (struct image){.n = getauxval(AT_PHNUM), .page = getauxval(AT_PAGESZ)};
	m->segments = (const void *)getauxval(AT_PHDR); // NOLINT(performance-no-int-to-ptr)
	if (!m->segments || m->page == 0)
		return -ENOEXEC;
	for (size_t i = 0; i < m->n; i++)
		if (m->segments[i].p_type == PT_PHDR)
			m->base = (uintptr_t)m->segments - m->segments[i].p_vaddr;
	for (size_t i = 0; i < m->n; i++)
		if (m->segments[i].p_type == PT_GNU_RELRO)
			m->relro_end = down(m, m->base + m->segments[i].p_vaddr + m->segments[i].p_memsz);
	return 0;
}

/* A file that is only read: the same bytes again, at the same place, at once for whoever runs there. */
static int move_constant(const struct image *m, const ElfW(Phdr) * s, int fd)
{
	uintptr_t from = down(m, m->base + s->p_vaddr), to = up(m, m->base + s->p_vaddr + s->p_filesz);
	int prot = (s->p_flags & PF_R ? PROT_READ : 0) | (s->p_flags & PF_X ? PROT_EXEC : 0);
	void *at = mmap((void *)from, to - from, prot, MAP_PRIVATE | MAP_FIXED, fd, // NOLINT(performance-no-int-to-ptr)
			(off_t)(s->p_offset & ~(m->page - 1)));

	return at == MAP_FAILED ? -errno : 0;
}

/* Word for word: the address sanitizer's guards lie between the variables, and what it makes of memcpy looks at them. */
__attribute__((no_sanitize("address"))) static void copy_words(void *to, uintptr_t from, size_t n)
{
	const volatile uint64_t *source = (const void *)from; // NOLINT(performance-no-int-to-ptr)

	for (size_t i = 0; i < n / sizeof *source; i++)
		((uint64_t *)to)[i] = source[i];
}

/* Pages that have been written belong to nobody's file: a copy takes their place. Nothing is written between the copy and the exchange. */
static int move_written(uintptr_t from, uintptr_t to, int prot)
{
	void *place = (void *)from, *copy; // NOLINT(performance-no-int-to-ptr)

	if (from >= to)
		return 0;
	copy = mmap(NULL, to - from, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (copy == MAP_FAILED)
		return -errno;
	copy_words(copy, from, to - from);
	if ((prot & PROT_WRITE) == 0 && mprotect(copy, to - from, prot) < 0)
		return -errno;
	if (mremap(copy, to - from, to - from, MREMAP_MAYMOVE | MREMAP_FIXED, place) == MAP_FAILED)
		return -errno;
	return 0;
}

static int move_segment(const struct image *m, const ElfW(Phdr) * s, int fd)
{
	uintptr_t from = down(m, m->base + s->p_vaddr), to = up(m, m->base + s->p_vaddr + s->p_filesz);
	uintptr_t middle = m->relro_end > from && m->relro_end < to ? m->relro_end : from;
	int r;

	if ((s->p_flags & PF_W) == 0)
		return move_constant(m, s, fd);
	r = move_written(from, middle, PROT_READ);
	return r < 0 ? r : move_written(middle, to, PROT_READ | PROT_WRITE);
}

/* What the kernel has noted of our memory, which PR_SET_MM_MAP wants to be told whole. */
static int map_now(struct prctl_mm_map *map)
{
	uint64_t field[STAT_FIELDS] = {0};
	char text[2048], *at;
	fd_cleanup int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

	if (n < 0)
		return -errno;
	text[n] = '\0';
	at = strrchr(text, ')'); /* the name, field 2, may hold anything */
	for (int i = 3; at && i < STAT_FIELDS; i++) {
		at = strchr(at + 1, ' ');
		field[i] = at ? strtoull(at, NULL, 10) : 0;
	}
	if (!at)
		return -EBADMSG;
	*map = (struct prctl_mm_map){.start_code = field[STAT_START_CODE],
				     .end_code = field[STAT_END_CODE],
				     .start_stack = field[STAT_START_STACK],
				     .start_data = field[STAT_START_DATA],
				     .end_data = field[STAT_END_DATA],
				     .start_brk = field[STAT_START_BRK],
				     .brk = (uintptr_t)sbrk(0),
				     .arg_start = field[STAT_ARG_START],
				     .arg_end = field[STAT_ARG_END],
				     .env_start = field[STAT_ENV_START],
				     .env_end = field[STAT_ENV_END]};
	return 0;
}

static bool is_same_file(int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat("/proc/self/exe", &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int self_pages_move(int fd)
{
	char name[32];
	fd_cleanup int file = -1;
	struct prctl_mm_map map;
	struct image m;
	int r = image_find(&m);

	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	file = open(name, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return -errno;
	if (r == 0 && !is_same_file(file))
		r = -EXDEV;
	if (r == 0)
		r = map_now(&map);
	for (size_t i = 0; r == 0 && i < m.n; i++)
		if (m.segments[i].p_type == PT_LOAD)
			r = move_segment(&m, &m.segments[i], file);
	map.exe_fd = (uint32_t)file;
	if (r == 0 && prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0) < 0)
		r = -errno;
	return r;
}
