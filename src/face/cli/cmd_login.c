/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/command.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "face/cli/signals.h"
#include "face/cli/text.h"
#include "node/registry/docker_config.h"
#include "node/registry/login.h"
#include "node/registry/name.h"

#include <poll.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define LINE_MAX_BYTES (64u << 10)

struct login_values {
	const char *user, *password;
	bool from_stdin;
};
static const struct option_spec login_options[] = {
    {"username", 'u', OPTION_TEXT, offsetof(struct login_values, user), "NAME", "who you are there"},
    {"password", 'p', OPTION_TEXT, offsetof(struct login_values, password), "WORD",
     "the password; others can see it in the list of processes, better: --password-stdin"},
    {"password-stdin", 0, OPTION_FLAG, offsetof(struct login_values, from_stdin), NULL,
     "read the password (or token) from standard input"},
    {NULL},
};

/* ---- asking ---- */

static int read_line(char **ret, struct err *err)
{
	static const int list[] = {SIGINT, SIGTERM, SIGHUP, 0};
	struct signals signals = SIGNALS_NONE;
	char line[1024];
	ssize_t n = -1;

	signals_open(&signals, list);
	struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = signals.fd, .events = POLLIN}};

	if (poll(fds, 2, -1) > 0 && !fds[1].revents)
		n = read(STDIN_FILENO, line, sizeof line);
	signals_close(&signals);
	if (n <= 0)
		return err_set(err, ECANCELED, "nothing was typed");
	*ret = mem_strndup(line, (size_t)n);
	(*ret)[strcspn(*ret, "\r\n")] = '\0';
	explicit_bzero(line, sizeof line);
	return 0;
}

/* A terminal shows nothing of a secret. */
static int ask(const char *question, bool secret, char **ret, struct err *err)
{
	struct termios before, hidden;
	bool hide = secret && tcgetattr(STDIN_FILENO, &before) == 0;
	int r;

	/* Before the question: whoever answers at once must not see it, nor lose it. */
	if (hide) {
		hidden = before;
		hidden.c_lflag &= (tcflag_t)~ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	}
	fputs(question, stderr);
	(void)fflush(stderr);
	r = read_line(ret, err);
	if (hide) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputc('\n', stderr);
	}
	return r;
}

static int read_secret(char **ret, struct err *err)
{
	size_t n;
	int r = fd_read_all(STDIN_FILENO, LINE_MAX_BYTES, ret, &n);

	if (r < 0)
		return err_sys(err, -r, "read the password from standard input");
	if (strlen(*ret) != n)
		return err_set(err, EINVAL, "the password holds a NUL");
	while (n > 0 && strchr("\r\n", (*ret)[n - 1]))
		(*ret)[--n] = '\0';
	return 0;
}

static int find_cred(const struct login_values *v, struct cred *c, struct err *err)
{
	bool person = isatty(STDIN_FILENO) == 1;
	int r = 0;

	if (v->from_stdin && v->password)
		return err_set(err, EINVAL, "either --password or --password-stdin");
	if (v->from_stdin && !v->user)
		return err_set(err, EINVAL, "--password-stdin needs --username");
	if (!person && !v->from_stdin && !(v->user && v->password))
		return err_set(err, EINVAL,
			       "standard input is no terminal to ask on; use --username and --password-stdin");
	c->user = mem_strdup(v->user);
	c->secret = mem_strdup(v->password);
	if (!c->user)
		r = ask("Username: ", false, &c->user, err);
	if (r == 0 && v->from_stdin)
		r = read_secret(&c->secret, err);
	else if (r == 0 && !c->secret)
		r = ask("Password: ", true, &c->secret, err);
	if (r == 0 && (!*c->user || strchr(c->user, ':')))
		r = err_set(err, EINVAL, "a name is needed, without \":\"");
	if (r == 0 && !*c->secret)
		r = err_set(err, EINVAL, "an empty password");
	return r;
}

static void warn(const char *registry, const struct registry_login *l)
{
	if (l->is_plain)
		text_line(stderr, "Warning: %s has no TLS; everybody on the way could read the password.", registry);
	if (l->file)
		text_line(stderr,
			  "Warning: your %s stands unencrypted in %s. A credential helper (credsStore in that file) "
			  "would keep it "
			  "better.",
			  l->is_token ? "token" : "password", l->file);
}

static void forget(struct cred *c)
{
	if (c->secret)
		explicit_bzero(c->secret, strlen(c->secret));
	cred_free(c);
}

static int login_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct login_values *v = values;
	cleanup_with(forget) struct cred c = {.user = NULL};
	cleanup_with(registry_login_free) struct registry_login l = {.file = NULL};
	mem_cleanup char *registry = NULL;
	int r = name_host(operands[0] ? operands[0] : "", &registry, err);

	(void)cli;
	if (r == 0 && v->password)
		text_line(stderr,
			  "Warning: --password shows it to the other users of this machine; use --password-stdin.");
	if (r == 0)
		r = find_cred(v, &c, err);
	if (r == 0)
		r = registry_login(registry, &c, &l, err);
	if (r < 0)
		return r;
	warn(registry, &l);
	text_line(stdout, "Login Succeeded");
	return CLI_OK;
}

static int logout_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	mem_cleanup char *registry = NULL;
	int r = name_host(operands[0] ? operands[0] : "", &registry, err);

	(void)cli;
	(void)values;
	if (r == 0)
		r = docker_config_erase(registry, err);
	if (r < 0)
		return r;
	text_line(stdout, r ? "Removed the login for %s" : "Not logged in to %s", registry);
	return CLI_OK;
}

const struct cli_command command_login = {
    .name = "login",
    .usage = "[REGISTRY]",
    .summary = "Log in to a registry",
    .detail = "Without REGISTRY: docker.io. The name and password are tried, then kept where docker keeps them: by the "
	      "credential\n"
	      "helper that docker's config.json names, else in that file ($DOCKER_CONFIG or ~/.docker).",
    .examples = "  berth login lab.example:5000\n  berth login -u me --password-stdin <token",
    .options = login_options,
    .values_size = sizeof(struct login_values),
    .most = 1,
    .run = login_run,
};

const struct cli_command command_logout = {
    .name = "logout",
    .usage = "[REGISTRY]",
    .summary = "Forget the login for a registry",
    .examples = "  berth logout lab.example:5000",
    .most = 1,
    .run = logout_run,
};
