/* SPDX-License-Identifier: Apache-2.0 */
#include "node/net/guest_names.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "node/net/dns.h"
#include "node/net/dns_resolv.h"
#include "node/net/hosts.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "build"
#define NETNS_AT 3
#define READY_AT 4

/* ---- the process ---- */

static int open_server(struct loop *l, struct dns_server **ret)
{
	char *names[] = {NULL};
	const struct dns_endpoint on = {.network = NAME, .network_name = NAME, .container = NAME, .names = names};
	const struct dns_box box = {.container = NAME, .netns = NETNS_AT};
	int r = dns_server_new(l, NULL, ret, NULL);

	if (r == 0)
		r = dns_server_join(*ret, &on, NULL);
	return r < 0 ? r : dns_server_open(*ret, &box, NULL);
}

static _Noreturn void serve(int netns, int ready, pid_t parent)
{
	struct dns_server *server = NULL;
	struct loop *l = NULL;
	int r;

	netns = fcntl(netns, F_DUPFD_CLOEXEC, 16);
	ready = fcntl(ready, F_DUPFD_CLOEXEC, 16);
	proc_default_signals();
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent || dup2(netns, NETNS_AT) < 0 ||
	    dup2(ready, READY_AT) < 0 || proc_close_from(READY_AT + 1, 0) < 0)
		_exit(1);
	prctl(PR_SET_NAME, "berth-names");
	r = loop_new(&l, NULL);
	if (r == 0)
		r = open_server(l, &server);
	if (write(READY_AT, &r, sizeof r) != sizeof r || r < 0)
		_exit(1);
	close(READY_AT);
	_exit(loop_run(l, NULL) < 0);
}

static int start(struct guest_names *n, int netns, struct err *err)
{
	fd_cleanup int ours = -1, theirs = -1;
	const pid_t self = getpid();
	int pair[2], r = -EIO;

	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	ours = pair[0];
	theirs = pair[1];
	n->server = fork();
	if (n->server == 0)
		serve(netns, theirs, self);
	if (n->server < 0) {
		n->server = 0;
		return err_sys(err, errno, "start a name server");
	}
	fd_closep(&theirs);
	return read(ours, &r, sizeof r) == sizeof r && r == 0 ? 0
							      : err_sys(err, r < 0 ? -r : EIO, "start a name server");
}

/* ---- the caller ---- */

int guest_names_start(int netns, struct guest_names *ret, struct err *err)
{
	const struct hosts_wish wish = {.servers = HOSTS_BRIDGE};
	fd_cleanup int from = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	mem_cleanup char *machine = NULL;
	bool ours = false;

	if (from >= 0)
		(void)fd_read_all(from, DNS_RESOLV_MAX, &machine, NULL);
	ret->resolv_conf = hosts_resolv_text(&wish, machine, &ours);
	return ours ? start(ret, netns, err) : 0;
}

void guest_names_stop(struct guest_names *n)
{
	if (n->server > 0) {
		(void)kill(n->server, SIGKILL);
		while (waitpid(n->server, NULL, 0) < 0 && errno == EINTR)
			;
	}
	free(n->resolv_conf);
	*n = (struct guest_names){.server = 0};
}
