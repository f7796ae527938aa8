/* SPDX-License-Identifier: Apache-2.0
 *
 * Only a process with rights in the outer namespace may write a map with more than one line, hence the helper: it stays outside, waits until
 * we are inside, runs newuidmap and newgidmap on us (programs of the system by fixed names, with an empty environment) and says how that
 * went. What they could not map we map ourselves, to the one number that needs no rights.
 */
#include "node/runtime/rootless.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/runtime/subid.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_USERNS_INO 0xEFFFFFFDu /* of the machine's first user namespace, linux/nsfs.h USER_NS_INIT_INO */
#define INSTALL "newuidmap and newgidmap are not installed, type: sudo apt-get install uidmap"
#define SUBID_TEXT_MAX (4u << 20)

enum { USER, GROUP, KINDS, WHY_MAX = 200, NAME_MAX_HERE = 64, LINE_WORDS = 3, NUMBER_MAX = 12 };

static const struct {
	const char *file, *program, *map;
} kinds[KINDS] = {
    [USER] = {"/etc/subuid", "/usr/bin/newuidmap", "/proc/self/uid_map"},
    [GROUP] = {"/etc/subgid", "/usr/bin/newgidmap", "/proc/self/gid_map"},
};

struct entry {
	uint32_t own[KINDS];
	char name[NAME_MAX_HERE]; /* of the user, "" when it has none */
	struct subid ranges[KINDS];
	int talk[2]; /* ours, the helper's */
	pid_t helper;
};

/* The helper's word: what was mapped, and otherwise why not ("" = there was nothing to map). */
struct answer {
	bool done[KINDS];
	char why[KINDS][WHY_MAX];
};

/* ---- what we are in ---- */

static struct {
	bool known, inside, groups_fixed;
} place;

static void learn(void)
{
	char word[8] = "";
	fd_cleanup int fd = -1;
	struct stat st;

	if (place.known)
		return;
	place.inside = stat("/proc/self/ns/user", &st) == 0 && st.st_ino != FIRST_USERNS_INO;
	fd = place.inside ? open("/proc/self/setgroups", O_RDONLY | O_CLOEXEC) : -1;
	place.groups_fixed = fd >= 0 && read(fd, word, sizeof word - 1) > 0 && !strncmp(word, "deny", 4);
	place.known = true;
}

bool rootless_inside(void)
{
	learn();
	return place.inside;
}

bool rootless_groups_fixed(void)
{
	learn();
	return place.groups_fixed;
}

bool rootless_needed(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (geteuid() != 0 || syscall(SYS_capget, &header, data) < 0)
		return true;
	return !(data[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective & CAP_TO_MASK(CAP_SYS_ADMIN));
}

/* ---- who we are ---- */

static void find_name(struct entry *e)
{
	char text[16384];
	struct passwd entry, *found = NULL;

	if (getpwuid_r(e->own[USER], &entry, text, sizeof text, &found) == 0 && found)
		snprintf(e->name, sizeof e->name, "%s", found->pw_name);
}

/* A file that is not there or cannot be read gives no ranges. */
static void find_ranges(struct entry *e)
{
	for (int k = 0; k < KINDS; k++) {
		fd_cleanup int fd = open(kinds[k].file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		mem_cleanup char *text = NULL;

		if (fd >= 0)
			(void)fd_read_all(fd, SUBID_TEXT_MAX, &text, NULL);
		/* Groups too are given to users: the key is the user's in both files. */
		subid_parse(text ? text : "", e->name, e->own[USER], &e->ranges[k]);
	}
}

/* ---- the helper ---- */

static _Noreturn void exec_mapper(const char *program, char **argv, int out)
{
	char *env[] = {NULL};

	if (dup2(out, STDERR_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
		_exit(126);
	execve(program, argv, env);
	_exit(errno == ENOENT ? 127 : 126);
}

/* Its first words, in one line. */
static void read_words(int fd, char why[static WHY_MAX])
{
	size_t n = 0;
	ssize_t r;
	char rest[256];

	while (n < WHY_MAX - 1 && (r = read(fd, why + n, WHY_MAX - 1 - n)) > 0)
		n += (size_t)r;
	while (read(fd, rest, sizeof rest) > 0)
		;
	why[n] = '\0';
	why[strcspn(why, "\n")] = '\0';
}

static bool run_mapper(const char *program, char **argv, char why[static WHY_MAX])
{
	fd_cleanup int in = -1, out = -1;
	int pair[2], status = 0;
	pid_t pid;

	if (pipe2(pair, O_CLOEXEC) < 0)
		return false;
	in = pair[0];
	out = pair[1];
	pid = fork();
	if (pid == 0)
		exec_mapper(program, argv, out);
	fd_closep(&out);
	read_words(in, why);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 127)
		snprintf(why, WHY_MAX, INSTALL);
	else if (!*why)
		snprintf(why, WHY_MAX, "%s failed with status %d", program, status);
	return false;
}

static bool map_kind(const struct entry *e, int kind, pid_t pid, char why[static WHY_MAX])
{
	struct subid_line lines[SUBID_RANGES_MAX + 1];
	char numbers[1 + LINE_WORDS * (SUBID_RANGES_MAX + 1)][NUMBER_MAX];
	char *argv[2 + LINE_WORDS * (SUBID_RANGES_MAX + 1) + 1], program[32];
	size_t n = subid_map(&e->ranges[kind], e->own[kind], lines), a = 0, d = 0;

	snprintf(program, sizeof program, "%s", kinds[kind].program);
	argv[a++] = program;
	snprintf(numbers[d], NUMBER_MAX, "%d", (int)pid);
	argv[a++] = numbers[d++];
	for (size_t i = 0; i < n; i++) {
		const uint32_t words[LINE_WORDS] = {lines[i].inside, lines[i].outside, lines[i].count};

		for (int w = 0; w < LINE_WORDS; w++) {
			snprintf(numbers[d], NUMBER_MAX, "%u", words[w]);
			argv[a++] = numbers[d++];
		}
	}
	argv[a] = NULL;
	return run_mapper(program, argv, why);
}

static _Noreturn void help(struct entry *e, pid_t pid)
{
	struct answer answer = {.done = {false}};
	char c;

	fd_closep(&e->talk[0]);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (recv(e->talk[1], &c, 1, 0) != 1)
		_exit(1);
	for (int k = 0; k < KINDS; k++) {
		if (e->ranges[k].n > 0)
			answer.done[k] = map_kind(e, k, pid, answer.why[k]);
	}
	_exit(send(e->talk[1], &answer, sizeof answer, MSG_NOSIGNAL) < 0);
}

static int start_helper(struct entry *e, struct err *err)
{
	pid_t self = getpid();

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, e->talk) < 0)
		return err_sys(err, errno, "make a channel to a helper");
	e->helper = fork();
	if (e->helper < 0)
		return err_sys(err, errno, "start a helper");
	if (e->helper == 0)
		help(e, self);
	fd_closep(&e->talk[1]);
	return 0;
}

/* A helper that died has mapped nothing that we know of. */
static void ask_helper(struct entry *e, struct answer *ret)
{
	ssize_t n;

	*ret = (struct answer){.done = {false}};
	if (send(e->talk[0], "g", 1, MSG_NOSIGNAL) != 1)
		return;
	do {
		n = recv(e->talk[0], ret, sizeof *ret, 0);
	} while (n < 0 && errno == EINTR);
	if (n != sizeof *ret)
		*ret = (struct answer){.why = {"the helper died", "the helper died"}};
}

/* ---- entering ---- */

static const char *hint(int code)
{
	switch (code) {
	case EPERM:
		return " (are user namespaces of ordinary users switched off? See the sysctls "
		       "kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns; in a chroot "
		       "the "
		       "kernel makes none)";
	case ENOSPC:
		return " (see the sysctl user.max_user_namespaces)";
	case EINVAL:
		return " (this kernel may be built without user namespaces)";
	default:
		return "";
	}
}

static int write_text(const char *path, const char *text, struct err *err)
{
	fd_cleanup int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return err_sys(err, errno, "write \"%s\" to %s", text, path);
	return 0;
}

/* user_namespaces(7): one line with one's own number needs no rights; for a group, only when groups cannot be dropped any more. */
static int map_alone(const struct entry *e, int kind, struct err *err)
{
	char map[32];
	int r = kind == GROUP ? write_text("/proc/self/setgroups", "deny", err) : 0;

	snprintf(map, sizeof map, "0 %u 1", e->own[kind]);
	return r < 0 ? r : write_text(kinds[kind].map, map, err);
}

/* What to type for the ranges that are missing; the numbers are above everybody's. */
static void advise_ranges(const struct entry *e, const bool missing[static KINDS], struct buf *b)
{
	static const char *const options[KINDS] = {[USER] = "--add-subuids", [GROUP] = "--add-subgids"};

	if (*e->name)
		buf_adds(b, "; type: sudo usermod");
	for (int k = 0; k < KINDS; k++) {
		uint32_t from = e->ranges[k].free;

		if (!missing[k] || from == 0)
			continue;
		if (*e->name)
			buf_printf(b, " %s %u-%u", options[k], from, from + SUBID_COUNT_WANTED - 1);
		else
			buf_printf(b, "; add the line %u:%u:%u to %s", e->own[USER], from, SUBID_COUNT_WANTED,
				   kinds[k].file);
	}
	if (*e->name)
		buf_printf(b, " %s", e->name);
	if (access(kinds[USER].program, X_OK) < 0 || access(kinds[GROUP].program, X_OK) < 0)
		buf_adds(b, "; and " INSTALL);
}

static void warn(const struct entry *e, const struct answer *a, char warning[static ROOTLESS_WARNING_MAX])
{
	static const char *const what[] = {"user 0 and group 0", "group 0", "user 0"};
	const bool missing[KINDS] = {e->ranges[USER].n == 0, e->ranges[GROUP].n == 0};
	buf_cleanup struct buf b = BUF_LIMIT(ROOTLESS_WARNING_MAX - 1);

	if (a->done[USER] && a->done[GROUP])
		return;
	buf_printf(&b, "containers have %s alone:", what[a->done[USER] ? 1 : a->done[GROUP] ? 2 : 0]);
	for (int k = 0; k < KINDS; k++) {
		/* Both programs fail in the same way, mostly. */
		if (*a->why[k] && (k == USER || strcmp(a->why[USER], a->why[k]) != 0))
			buf_printf(&b, "%s %s", b.data[b.len - 1] == ':' ? "" : ";", a->why[k]);
	}
	if (missing[USER] || missing[GROUP]) {
		buf_printf(&b, "%s %s has no range in %s%s%s", b.data[b.len - 1] == ':' ? "" : ";",
			   *e->name ? e->name : "this user", missing[USER] ? kinds[USER].file : "",
			   missing[USER] && missing[GROUP] ? " and " : "", missing[GROUP] ? kinds[GROUP].file : "");
		advise_ranges(e, missing, &b);
	}
	snprintf(warning, ROOTLESS_WARNING_MAX, "%s", buf_str(&b));
}

static int enter(struct entry *e, char warning[static ROOTLESS_WARNING_MAX], struct err *err)
{
	struct answer answer;
	int r = start_helper(e, err);

	if (r < 0)
		return r;
	/* The new mount namespace belongs to the new user namespace; the kernel makes our mounts private to it, and the host's new ones
	 * (a stick that is plugged in) still arrive. */
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) {
		int code = errno;

		return err_sys(err, code, "enter a user namespace as user %u%s", e->own[USER], hint(code));
	}
	ask_helper(e, &answer);
	for (int k = 0; k < KINDS && r == 0; k++) {
		if (!answer.done[k])
			r = map_alone(e, k, err);
	}
	if (r == 0)
		warn(e, &answer, warning);
	return r;
}

int rootless_enter(char warning[static ROOTLESS_WARNING_MAX], struct err *err)
{
	struct entry e = {.own = {geteuid(), getegid()}, .talk = {-1, -1}, .helper = -1};
	int r;

	*warning = '\0';
	find_name(&e);
	find_ranges(&e);
	r = enter(&e, warning, err);
	fd_closep(&e.talk[0]);
	fd_closep(&e.talk[1]);
	while (e.helper > 0 && waitpid(e.helper, NULL, 0) < 0 && errno == EINTR)
		;
	place.known = false;
	return r;
}
