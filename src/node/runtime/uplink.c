/* SPDX-License-Identifier: Apache-2.0
 *
 * Both programs open the network namespace by a path. It is /proc/<guard>/ns/net: the guard makes it, gives up its rights and lets itself be looked
 * at, for pasta has given up the right to look at others by then. The caller could not make it: it may not return to where it comes from.
 */
#include "node/runtime/uplink.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "node/runtime/netpool.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum {
	READY_AT = 3,
	LIFE_AT,
	READY_MS = 20000,
	WORDS_MAX = 65536,
	ARGS_MAX = 24 + 2 * UPLINK_PORTS_MAX,
};

#define TUN "/dev/net/tun"
/* Link-local: neither a neighbour's nor the machine's address. */
#define PASTA_DNS "169.254.1.1"
#define SLIRP_DNS "10.0.2.3"

/* No forwarding but what was published (pasta's default would join both loopbacks), no way to the machine by the gateway's address. */
static const char *const pasta_args[] = {"pasta", "--config-net", "--quiet",	   "-T",      "none", "-U",
					 "none",  "--no-map-gw",  "--dns-forward", PASTA_DNS, NULL};
static const char *const slirp_args[] = {
    "slirp4netns",	"--configure",	"--mtu=65520", "--disable-host-loopback", "--enable-sandbox",
    "--enable-seccomp", "--ready-fd=3", "--exit-fd=4", "--netns-type=path",	  NULL};

static const struct {
	const char *name, *program, *dns;
	const char *const *args; /* the namespace's path follows, behind `netns` */
	const char *netns;
	bool leads_in;	       /* it has -t and -u for published ports */
	const char *interface; /* and this, if any */
	bool stays;	       /* in the foreground: it tells by READY_AT that all is done; the others by their end */
} kinds[UPLINK_KINDS] = {
    [UPLINK_NONE] = {.name = "none"},
    [UPLINK_PASTA] = {.name = "pasta",
		      .program = "/usr/bin/pasta",
		      .dns = PASTA_DNS,
		      .args = pasta_args,
		      .netns = "--netns",
		      .leads_in = true},
    [UPLINK_SLIRP] = {.name = "slirp4netns",
		      .program = "/usr/bin/slirp4netns",
		      .dns = SLIRP_DNS,
		      .args = slirp_args,
		      .interface = "tap0",
		      .stays = true},
};

/* ---- the choice ---- */

static bool installed(enum uplink_kind k)
{
	return access(kinds[k].program, X_OK) == 0;
}

static int check_tun(char why[static UPLINK_WHY_MAX])
{
	fd_cleanup int fd = open(TUN, O_RDWR | O_CLOEXEC);
	int code = errno;

	if (fd >= 0)
		return 0;
	snprintf(why, UPLINK_WHY_MAX, "this user cannot open " TUN " (%s); type as root: %s", strerror(code),
		 code == ENOENT ? "modprobe tun" : "chmod 666 " TUN);
	return -code;
}

static void choose_any(enum uplink_kind *ret, char why[static UPLINK_WHY_MAX])
{
	*ret = installed(UPLINK_PASTA) ? UPLINK_PASTA : installed(UPLINK_SLIRP) ? UPLINK_SLIRP : UPLINK_NONE;
	if (*ret == UPLINK_NONE)
		snprintf(why, UPLINK_WHY_MAX,
			 "neither pasta nor slirp4netns is installed; type: sudo apt-get install passt");
	else if (check_tun(why) < 0)
		*ret = UPLINK_NONE;
}

int uplink_choose(const char *wish, enum uplink_kind *ret, char why[static UPLINK_WHY_MAX], struct err *err)
{
	char no_tun[UPLINK_WHY_MAX];

	*why = '\0';
	*ret = UPLINK_NONE;
	if (!strcmp(wish, "auto")) {
		choose_any(ret, why);
		return 0;
	}
	for (enum uplink_kind k = UPLINK_NONE; k < UPLINK_KINDS; k++) {
		if (strcmp(wish, kinds[k].name) != 0)
			continue;
		if (k != UPLINK_NONE && !installed(k))
			return err_set(err, ENOENT, "%s is not installed (%s)", kinds[k].name, kinds[k].program);
		if (k != UPLINK_NONE && check_tun(no_tun) < 0)
			return err_set(err, ENOENT, "%s: %s", kinds[k].name, no_tun);
		*ret = k;
		return 0;
	}
	return err_set(err, EINVAL, "\"%s\" is no network: auto, none, pasta or slirp4netns", wish);
}

/* ---- the program ---- */

struct plan {
	enum uplink_kind kind;
	const struct uplink_ports *ports;
	int life, words;
	int go[2], ready[2];
	char path[48];
};

/* Without an address it is all of both families: what "::" means beside "0.0.0.0" is said by that already. */
static bool is_said(const struct uplink_ports *ports, const struct uplink_port *one)
{
	for (size_t i = 0; i < ports->n && !strcmp(one->host_ip, "::"); i++) {
		const struct uplink_port *p = &ports->v[i];

		if (!strcmp(p->host_ip, "0.0.0.0") && p->udp == one->udp && p->host_port == one->host_port)
			return true;
	}
	return false;
}

/* Of one protocol; none = nothing is led in. */
static size_t add_ports(const struct plan *p, bool udp, char **argv)
{
	const char *option = udp ? "-u" : "-t";
	size_t n = 0;

	for (size_t i = 0; p->ports && i < p->ports->n; i++) {
		const struct uplink_port *one = &p->ports->v[i];
		bool any = !strcmp(one->host_ip, "0.0.0.0");

		if (one->udp != udp || is_said(p->ports, one))
			continue;
		argv[n++] = (char *)option;
		argv[n++] = any ? mem_printf("%u:%u", one->host_port, one->port)
				: mem_printf("%s/%u:%u", one->host_ip, one->host_port, one->port);
	}
	if (n == 0) {
		argv[n++] = (char *)option;
		argv[n++] = (char *)"none";
	}
	return n;
}

static void make_argv(struct plan *p, char *argv[static ARGS_MAX])
{
	size_t n = 0;

	for (const char *const *a = kinds[p->kind].args; *a; a++)
		argv[n++] = (char *)*a;
	if (kinds[p->kind].leads_in) {
		n += add_ports(p, false, argv + n);
		n += add_ports(p, true, argv + n);
	}
	if (kinds[p->kind].netns)
		argv[n++] = (char *)kinds[p->kind].netns;
	argv[n++] = p->path;
	argv[n++] = (char *)kinds[p->kind].interface;
	argv[n] = NULL;
}

static _Noreturn void exec_program(struct plan *p)
{
	const struct rlimit words = {WORDS_MAX, WORDS_MAX};
	char *env[] = {NULL}, *argv[ARGS_MAX];
	char c;

	make_argv(p, argv);
	proc_default_signals();
	/* What it says is kept for the error message, and no more of it. */
	signal(SIGXFSZ, SIG_IGN);
	if (read(p->go[0], &c, 1) != 1 || setrlimit(RLIMIT_FSIZE, &words) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || dup2(p->words, STDOUT_FILENO) < 0 ||
	    dup2(p->words, STDERR_FILENO) < 0 || dup2(p->ready[1], READY_AT) < 0 || dup2(p->life, LIFE_AT) < 0 ||
	    proc_close_from(LIFE_AT + 1, 0) < 0)
		_exit(126);
	execve(kinds[p->kind].program, argv, env);
	_exit(127);
}

/* ---- the guard ---- */

/* Descriptors that the program shall find at low numbers must not be there already. */
static int raise_fd(int fd)
{
	int high = fcntl(fd, F_DUPFD_CLOEXEC, 16);

	return high < 0 ? -errno : high;
}

static int raise_all(struct plan *p)
{
	int *const fds[] = {&p->life, &p->words, &p->go[0], &p->go[1], &p->ready[0], &p->ready[1]};

	for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
		int high = raise_fd(*fds[i]);

		if (high < 0)
			return high;
		*fds[i] = high;
	}
	return 0;
}

/* Our number where /proc was mounted; in our own namespace it is 1. */
static int find_path(struct plan *p)
{
	char self[24];
	ssize_t n = readlink("/proc/self", self, sizeof self - 1);

	if (n <= 0)
		return n < 0 ? -errno : -EIO;
	self[n] = '\0';
	snprintf(p->path, sizeof p->path, "/proc/%s/ns/net", self);
	return 0;
}

static int enter(const struct plan *p)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct none[2] = {{.effective = 0}};

	int r = netpool_enter(NULL);

	if (r < 0)
		return r;
	if (syscall(SYS_capset, &header, none) < 0 || prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		return -errno;
	return write(p->go[1], "g", 1) == 1 ? 0 : -EIO;
}

static bool program_succeeded(pid_t pid)
{
	int status = -1;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status == 0;
}

/* 0, -ECANCELED: it said no; another error: ours. */
static int run_program(struct plan *p)
{
	pid_t pid;
	char c;
	int r = find_path(p);

	if (r < 0 || (r = raise_all(p)) < 0)
		return r;
	pid = fork();
	if (pid == 0)
		exec_program(p);
	if (pid < 0)
		return -errno;
	r = enter(p);
	fd_closep(&p->ready[1]);
	if (r < 0)
		return r;
	if (kinds[p->kind].stays)
		return read(p->ready[0], &c, 1) == 1 ? 0 : -ECANCELED;
	return program_succeeded(pid) ? 0 : -ECANCELED;
}

/* Process 1: its end is the end of all in here. */
static _Noreturn void guard(struct plan *p, int answer)
{
	struct pollfd orphaned = {.fd = p->life, .events = POLLIN};
	int r;

	prctl(PR_SET_NAME, "berth-uplink");
	signal(SIGCHLD, SIG_DFL);
	/* The caller may have died before the first of these lines. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || poll(&orphaned, 1, 0) != 0)
		_exit(1);
	r = run_program(p);
	if (write(answer, &r, sizeof r) != sizeof r || r < 0)
		_exit(1);
	(void)proc_close_from(0, 0);
	while (wait(NULL) > 0 || errno == EINTR)
		;
	_exit(0);
}

/* ---- the caller ---- */

/* The last line that tells something: before it stand remarks, and between them that there is no syslog. */
static void last_words(int fd, char ret[static UPLINK_WHY_MAX])
{
	char text[4096];
	ssize_t n = pread(fd, text, sizeof text - 1, 0);

	*ret = '\0';
	text[n > 0 ? n : 0] = '\0';
	for (char *rest = NULL, *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (!strstr(line, "bytes to syslog"))
			snprintf(ret, UPLINK_WHY_MAX, "%s", line);
	}
	for (char *c = ret; *c; c++) {
		if (*c < ' ' || *c == 127)
			*c = ' ';
	}
}

static int await(const struct plan *p, int answer, struct err *err)
{
	const char *name = kinds[p->kind].name;
	struct pollfd ready = {.fd = answer, .events = POLLIN};
	char words[UPLINK_WHY_MAX];
	int r = -EIO;

	if (poll(&ready, 1, READY_MS) == 0)
		return err_set(err, ETIMEDOUT, "%s did not make a network within %d seconds", name, READY_MS / 1000);
	if (read(answer, &r, sizeof r) != sizeof r)
		return err_set(err, EIO, "the process that runs %s died", name);
	if (r == -ECANCELED) {
		last_words(p->words, words);
		return err_set(err, EIO, "%s failed: %s", name, *words ? words : "it did not say why");
	}
	return r < 0 ? err_sys(err, -r, "start %s", name) : 0;
}

static int open_netns(pid_t pid, int *ret, struct err *err)
{
	char path[48];

	snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
	*ret = open(path, O_RDONLY | O_CLOEXEC);
	return *ret < 0 ? err_sys(err, errno, "open %s", path) : 0;
}

static int start(struct plan *p, struct uplink *u, struct err *err)
{
	fd_cleanup int ours = -1, theirs = -1;
	int pair[2];

	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	ours = pair[0];
	theirs = pair[1];
	u->pid = proc_clone(CLONE_NEWPID, -1, &u->pidfd);
	if (u->pid < 0)
		return err_sys(err, -u->pid, "make a process namespace");
	if (u->pid == 0) {
		fd_closep(&u->life);
		guard(p, theirs);
	}
	fd_closep(&theirs);
	return await(p, ours, err);
}

static void plan_free(struct plan *p)
{
	fd_closep(&p->life);
	fd_closep(&p->words);
	for (int i = 0; i < 2; i++) {
		fd_closep(&p->go[i]);
		fd_closep(&p->ready[i]);
	}
}

static int open_plan(struct plan *p, struct uplink *u, struct err *err)
{
	int life[2];

	if (pipe2(life, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	p->life = life[0];
	u->life = life[1];
	p->words = memfd_create("berth-uplink", MFD_CLOEXEC);
	if (p->words < 0 || pipe2(p->go, O_CLOEXEC) < 0 || pipe2(p->ready, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	return 0;
}

static int check_ports(enum uplink_kind kind, const struct uplink_ports *ports, struct err *err)
{
	if (!ports || ports->n == 0)
		return 0;
	if (!kinds[kind].leads_in)
		return err_set(
		    err, ENOTSUP,
		    "an ordinary user's container publishes ports by pasta alone, and berth has %s; type: sudo "
		    "apt-get install passt, and start berth with --network pasta",
		    kinds[kind].name);
	if (ports->n > UPLINK_PORTS_MAX)
		return err_set(err, E2BIG, "an ordinary user's container publishes %d ports at the most",
			       UPLINK_PORTS_MAX);
	return 0;
}

int uplink_start(enum uplink_kind kind, const struct uplink_ports *ports, struct uplink *ret, int *ret_netns,
		 struct err *err)
{
	struct plan p = {.kind = kind, .ports = ports, .life = -1, .words = -1, .go = {-1, -1}, .ready = {-1, -1}};
	struct uplink u = UPLINK_NULL;
	int r = check_ports(kind, ports, err);

	if (r == 0)
		r = open_plan(&p, &u, err);
	if (r == 0)
		r = start(&p, &u, err);
	if (r == 0)
		r = open_netns(u.pid, ret_netns, err);
	plan_free(&p);
	if (r < 0)
		uplink_stop(&u);
	*ret = u;
	return r;
}

void uplink_stop(struct uplink *u)
{
	if (u->pid > 0) {
		(void)proc_pidfd_signal(u->pidfd, SIGKILL);
		while (waitpid(u->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	fd_closep(&u->pidfd);
	fd_closep(&u->life);
	u->pid = 0;
}

/* ---- names ---- */

static bool is_kept(const char *line, size_t n)
{
	static const char *const kept[] = {"search", "domain", "options"};

	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
		size_t len = strlen(kept[i]);

		if (n > len && !strncmp(line, kept[i], len) && (line[len] == ' ' || line[len] == '\t'))
			return true;
	}
	return false;
}

char *uplink_resolv_conf(enum uplink_kind kind, const char *machines)
{
	struct buf b = BUF_LIMIT(WORDS_MAX);

	for (const char *line = machines; *line;) {
		size_t n = strcspn(line, "\n");

		if (is_kept(line, n))
			buf_printf(&b, "%.*s\n", (int)n, line);
		line += n + (line[n] == '\n');
	}
	buf_printf(&b, "nameserver %s\n", kinds[kind].dns);
	return buf_take(&b);
}
