/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wire/ssh_dial.h"

#include "base/core/detached.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SSH "ssh://"

bool ssh_dial_is(const char *address)
{
	return strncmp(address, SSH, strlen(SSH)) == 0;
}

/* Nothing that ssh could take for an option, or the shell over there for more than a word. */
static bool is_word(const char *text, const char *more)
{
	static const char fine[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	if (!*text || *text == '-')
		return false;
	for (; *text; text++) {
		if (!strchr(fine, *text) && !strchr(more, *text))
			return false;
	}
	return true;
}

struct parts {
	char *text;
	const char *user, *host, *port, *socket; /* of text; NULL: not said */
};

static void parts_free(struct parts *p)
{
	free(p->text);
}

static bool split(const char *address, struct parts *p)
{
	char *at, *slash, *colon, *rest;

	p->text = mem_strdup(address + strlen(SSH));
	rest = p->text;
	slash = strchr(rest, '/');
	if (slash && slash[1])
		p->socket = address + strlen(SSH) + (slash - rest);
	if (slash)
		*slash = '\0';
	at = strchr(rest, '@');
	if (at) {
		*at = '\0';
		p->user = rest;
		rest = at + 1;
	}
	colon = strchr(rest, ':');
	if (colon) {
		*colon = '\0';
		p->port = colon + 1;
	}
	p->host = rest;
	return is_word(p->host, "") && (!p->user || is_word(p->user, "")) &&
	       (!p->port || (*p->port && strspn(p->port, "0123456789") == strlen(p->port))) &&
	       (!p->socket || is_word(p->socket, "/"));
}

/* The words for execvp(3); they live as long as `p` and *command. */
static void words(const struct parts *p, char **command, const char **argv)
{
	size_t n = 0;

	*command = mem_printf("if command -v berth >/dev/null 2>&1; then exec berth%s%s system dial-stdio; "
			      "else exec docker%s%s system dial-stdio; fi",
			      p->socket ? " --socket " : "", p->socket ? p->socket : "",
			      p->socket ? " --host unix://" : "", p->socket ? p->socket : "");
	argv[n++] = "ssh";
	argv[n++] = "-oConnectTimeout=30";
	argv[n++] = "-T";
	if (p->user) {
		argv[n++] = "-l";
		argv[n++] = p->user;
	}
	if (p->port) {
		argv[n++] = "-p";
		argv[n++] = p->port;
	}
	argv[n++] = "--";
	argv[n++] = p->host;
	argv[n++] = *command;
	argv[n] = NULL;
}

struct ssh {
	const char *argv[12];
	int fd;
};

static void ssh_process(void *ctx)
{
	static const char text[] = "berth: ssh:// needs the program ssh\n";
	const struct ssh *ssh = ctx;

	(void)setsid();
	if (dup2(ssh->fd, STDIN_FILENO) >= 0 && dup2(ssh->fd, STDOUT_FILENO) >= 0)
		(void)execvp(ssh->argv[0], (char *const *)ssh->argv);
	(void)!write(STDERR_FILENO, text, sizeof text - 1);
	_exit(127);
}

int ssh_dial(const char *address, struct err *err)
{
	cleanup_with(parts_free) struct parts p = {.text = NULL};
	mem_cleanup char *command = NULL;
	struct ssh ssh;
	int pair[2], r;

	if (!split(address, &p))
		return err_set(err, EINVAL, "\"%s\" is no address such as ssh://user@host:22", address);
	words(&p, &command, ssh.argv);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, errno, "make a pair of sockets");
	ssh.fd = pair[1];
	r = detached_start(ssh_process, &ssh, "ssh", err);
	fd_closep(&pair[1]);
	if (r < 0)
		fd_closep(&pair[0]);
	return r < 0 ? r : pair[0];
}
