/* SPDX-License-Identifier: Apache-2.0
 *
 * image_worker_confine: hostile bytes meet a small process. Landlock is talked to by its system calls, because glibc has no wrappers for
 * them; the numbers of newer rights are written out, because the kernel decides by its version (ABI) what it knows, not our headers.
 */
#include "node/image/image.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "node/image/gunzip.h"
#include "node/image/unpacker.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define MEMORY_MORE                                                                                                    \
	(256ull                                                                                                        \
	 << 20) /* address space beyond what the process has: a zstd window of 128 MiB and libarchive's buffers */
#define NOFILE_MAX 256

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0 /* the address sanitizer reserves terabytes of address space */
#endif

static int limit(int what, const char *name, rlim_t value, struct err *err)
{
	struct rlimit now, want;

	if (prlimit(0, (enum __rlimit_resource)what, NULL, &now) < 0)
		return err_sys(err, errno, "read the limit %s", name);
	want.rlim_max = value < now.rlim_max ? value : now.rlim_max;
	want.rlim_cur = want.rlim_max;
	return prlimit(0, (enum __rlimit_resource)what, &want, NULL) < 0 ? err_sys(err, errno, "set the limit %s", name)
									 : 0;
}

/* Bytes of address space in use; 0 when /proc does not tell. */
static uint64_t address_space(void)
{
	fd_cleanup int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	char text[64] = "";
	unsigned long long pages;

	if (fd < 0 || read(fd, text, sizeof text - 1) <= 0 || sscanf(text, "%llu", &pages) != 1)
		return 0;
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int set_limits(struct err *err)
{
	uint64_t used = address_space();
	int r = limit(RLIMIT_CORE, "core", 0, err);

	if (r == 0)
		r = limit(RLIMIT_NOFILE, "nofile", NOFILE_MAX, err);
	if (r == 0 && used > 0 && !SANITIZED)
		r = limit(RLIMIT_AS, "as", used + MEMORY_MORE, err);
	return r;
}

/* Ownership, modes and file capabilities of the tree; nothing else of what root may do. */
#define CAPS_UNPACK (1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_FOWNER | 1u << CAP_FSETID | 1u << CAP_SETFCAP)

static int drop_capabilities(uint32_t keep, struct err *err)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) < 0)
		return err_sys(err, errno, "read the capabilities");
	data[0].permitted &= keep;
	data[0].effective &= keep;
	data[0].inheritable = 0;
	memset(&data[1], 0, sizeof data[1]);
	return syscall(SYS_capset, &head, data) < 0 ? err_sys(err, errno, "drop capabilities") : 0;
}

/* Rights by the ABI that brought them, landlock(7). */
enum {
	ABI_REFER = 2, /* before it, hard links between directories are always refused: no Landlock then */
	ABI_TRUNCATE = 3,
	ABI_NET = 4,
	ABI_IOCTL = 5,
	ABI_SCOPE = 6,
};
#define FS_ALL_1 ((1ull << 13) - 1)
#define FS_EXECUTE (1ull << 0)
#define FS_WRITE_FILE (1ull << 1)
#define FS_READ_FILE (1ull << 2)
#define FS_READ_DIR (1ull << 3)
#define FS_MAKE_CHAR (1ull << 6)
#define FS_MAKE_SOCK (1ull << 9)
#define FS_MAKE_BLOCK (1ull << 11)
#define FS_REFER (1ull << 13)
#define FS_TRUNCATE (1ull << 14)
#define FS_IOCTL (1ull << 15)

struct ruleset {
	uint64_t fs, net, scoped;
};

static int allow_below(int ruleset, int dir, uint64_t rights)
{
	struct landlock_path_beneath_attr beneath = {.allowed_access = rights, .parent_fd = dir};

	return dir < 0 ? 0 : (int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
}

/* Who reads archives needs no other place and no network; who fetches may read and run what the machine has, and talk. Character devices: without
 * CAP_MKNOD that is 0:0 alone, which is overlay's whiteout (since Linux 5.8). */
static int landlock(int tmp_dir, bool fetcher, struct err *err)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	fd_cleanup int fd = -1, root = -1, null = -1;
	struct ruleset rules = {.fs = FS_ALL_1 | FS_REFER};
	size_t size = sizeof rules.fs;
	int r = 0;

	if (abi < ABI_REFER)
		return 0;
	rules.fs |= (abi >= ABI_TRUNCATE ? FS_TRUNCATE : 0) | (abi >= ABI_IOCTL ? FS_IOCTL : 0);
	if (abi >= ABI_NET) {
		rules.net = fetcher ? 0 : 3; /* bind and connect, TCP */
		size += sizeof rules.net;
	}
	if (abi >= ABI_SCOPE) {
		rules.scoped = 3; /* abstract sockets and signals of processes outside */
		size += sizeof rules.scoped;
	}
	fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
	if (fd < 0)
		return err_sys(err, errno, "make a Landlock ruleset");
	root = fetcher ? open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	null = fetcher ? open("/dev/null", O_PATH | O_CLOEXEC) : -1;
	r = allow_below(fd, tmp_dir, rules.fs & ~(FS_EXECUTE | FS_MAKE_SOCK | FS_MAKE_BLOCK | FS_IOCTL));
	if (r == 0)
		r = allow_below(fd, root, FS_EXECUTE | FS_READ_FILE | FS_READ_DIR);
	if (r == 0)
		r = allow_below(fd, null, FS_READ_FILE | FS_WRITE_FILE);
	if (r < 0 || syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return err_sys(err, errno, "enter Landlock");
	return 0;
}

int image_worker_confine(int tmp_dir, struct err *err)
{
	int r;

	gunzip_load();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(err, errno, "set no_new_privs");
	r = set_limits(err);
	if (r == 0)
		r = landlock(tmp_dir, false, err);
	if (r == 0)
		r = drop_capabilities(CAPS_UNPACK, err);
	return r;
}

int image_fetcher_confine(int tmp_dir, struct err *err)
{
	int r;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(err, errno, "set no_new_privs");
	r = limit(RLIMIT_CORE, "core", 0, err);
	if (r == 0)
		r = landlock(tmp_dir, true, err);
	return r < 0 ? r : drop_capabilities(0, err);
}

struct worker {
	int tmp_dir;
	child_fn *fn;
	void *ctx;
};

static int work(void *ctx, struct err *err)
{
	const struct worker *w = ctx;
	int r;

	unpacker_load();
	r = image_worker_confine(w->tmp_dir, err);
	return r < 0 ? r : w->fn(w->ctx, err);
}

int image_worker_run(int tmp_dir, child_fn *fn, void *ctx, const char *what, struct err *err)
{
	struct worker w = {.tmp_dir = tmp_dir, .fn = fn, .ctx = ctx};

	return child_run(work, &w, -1, what, err);
}
