/* SPDX-License-Identifier: Apache-2.0 */
#include "node/registry/cred_helper.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/core/proc.h"
#include "base/wire/json.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_MAX (64u << 10)
#define TIME_MS 30000
#define TOKEN_USER "<token>"

/* Beginnings of the names of variables that a helper may need; everything else stays here. */
static const char *const passed[] = {
    "PATH=",
    "HOME=",
    "USER=",
    "LOGNAME=",
    "LANG=",
    "LC_",
    "TERM=",
    "XDG_",
    "DBUS_SESSION_BUS_ADDRESS=",
    "DISPLAY=",
    "WAYLAND_DISPLAY=",
    "GNUPGHOME=",
    "GPG_TTY=",
    "PASSWORD_STORE_",
    "DOCKER_CONFIG=",
    "AWS_",
    "AZURE_",
    "GOOGLE_",
    "CLOUDSDK_",
    "http_proxy=",
    "https_proxy=",
    "no_proxy=",
    "HTTP_PROXY=",
    "HTTPS_PROXY=",
    "NO_PROXY=",
};

void cred_free(struct cred *c)
{
	free(c->user);
	free(c->secret);
	free(c->identity_token);
	free(c->registry_token);
	*c = (struct cred){.user = NULL};
}

static char **environment(void)
{
	char **env = mem_new_n(char *, 1);

	for (char **e = environ; *e; e++) {
		for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++) {
			if (strncmp(*e, passed[i], strlen(passed[i])) == 0)
				mem_strv_add(&env, *e);
		}
	}
	return env;
}

struct run {
	const char *program, *action, *input;
	size_t sent;
	struct buf output;
	int in, out, pidfd;
	pid_t pid;
};

static void child(const struct run *h, int in, int out)
{
	char *argv[] = {(char *)(uintptr_t)h->program, (char *)(uintptr_t)h->action, NULL};
	char **env = environment();

	proc_default_signals();
	if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0) {
		proc_close_from(3, 1);
		execvpe(h->program, argv, env);
	}
	_exit(errno == ENOENT ? 127 : 126);
}

static int start(struct run *h, struct err *err)
{
	int to[2], from[2];

	if (pipe2(to, O_CLOEXEC) < 0)
		return err_sys(err, errno, "pipe");
	if (pipe2(from, O_CLOEXEC) < 0) {
		close(to[0]);
		close(to[1]);
		return err_sys(err, errno, "pipe");
	}
	h->pid = proc_clone(0, -1, &h->pidfd);
	if (h->pid == 0)
		child(h, to[0], from[1]);
	close(to[0]);
	close(from[1]);
	h->in = to[1];
	h->out = from[0];
	if (h->pid < 0)
		return err_sys(err, (int)-h->pid, "start %s", h->program);
	fd_nonblock(h->in);
	return 0;
}

/* One turn; false when it has closed its output or said too much. */
static bool talk(struct run *h, int timeout_ms)
{
	struct pollfd fds[] = {{.fd = h->out, .events = POLLIN}, {.fd = h->in, .events = POLLOUT}};
	char *room;
	ssize_t n;

	if (poll(fds, 2, timeout_ms) < 0)
		return errno == EINTR;
	if (h->in >= 0 && fds[1].revents) {
		n = write(h->in, h->input + h->sent, strlen(h->input + h->sent));
		if (n > 0)
			h->sent += (size_t)n;
		if ((n < 0 && errno != EAGAIN) || !h->input[h->sent])
			fd_closep(&h->in);
	}
	if (!fds[0].revents)
		return true;
	room = buf_room(&h->output, 4096);
	n = room ? read(h->out, room, 4096) : 0;
	if (n > 0)
		buf_added(&h->output, (size_t)n);
	return n > 0;
}

/* Its exit status, or -1 when its time was over. */
static int finish(struct run *h, int64_t until)
{
	int64_t left = until - clock_mono_ms();
	bool ended = left > 0 && proc_pidfd_wait(h->pidfd, (int)left) == 1;
	int status = 0;

	if (!ended)
		proc_pidfd_signal(h->pidfd, SIGKILL);
	while (waitpid(h->pid, &status, 0) < 0 && errno == EINTR)
		;
	return !ended ? -1 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void run_free(struct run *h)
{
	fd_closep(&h->in);
	fd_closep(&h->out);
	fd_closep(&h->pidfd);
	if (h->output.data)
		explicit_bzero(h->output.data, h->output.cap);
	buf_free(&h->output);
}

static bool name_ok(const char *helper)
{
	return *helper && strlen(helper) <= 64 && *helper != '.' &&
	       strspn(helper, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == strlen(helper);
}

/* The exit status; the output is h's. */
static int run(struct run *h, const char *helper, const char *action, const char *input, struct err *err)
{
	mem_cleanup char *program = mem_printf("docker-credential-%s", helper);
	int64_t until = clock_mono_ms() + TIME_MS, left;
	void (*old)(int);
	int r;

	if (!name_ok(helper))
		return err_set(err, EINVAL, "\"%.100s\" is not the name of a credential helper", helper);
	*h = (struct run){.program = program,
			  .action = action,
			  .input = input,
			  .output = BUF_LIMIT(ANSWER_MAX),
			  .in = -1,
			  .out = -1,
			  .pidfd = -1};
	r = start(h, err);
	if (r < 0)
		return r;
	old = signal(SIGPIPE, SIG_IGN);
	while ((left = until - clock_mono_ms()) > 0 && talk(h, (int)left))
		;
	signal(SIGPIPE, old);
	fd_closep(&h->out);
	r = finish(h, until);
	if (r < 0)
		return err_set(err, ETIMEDOUT, "%s took longer than %d s and was ended", program, TIME_MS / 1000);
	if (r == 127)
		return err_set(err, ENOENT,
			       "the credential helper %s is not installed; install it, or take it out of docker's "
			       "config.json (credsStore, credHelpers)",
			       program);
	h->program = NULL;
	return r;
}

static int said_no(struct run *h, const char *helper, int status, struct err *err)
{
	size_t n = strcspn(buf_str(&h->output), "\r\n");

	return err_set(err, EACCES, "docker-credential-%s failed (exit code %d): %.*s", helper, status,
		       (int)(n < 200 ? n : 200), buf_str(&h->output));
}

int cred_helper_parse(const char *text, unsigned long n, const char *helper, struct cred *ret, struct err *err)
{
	yyjson_doc *doc json_doc_cleanup = json_parse(text, n, ANSWER_MAX, "the answer of the credential helper", err);
	yyjson_val *root = yyjson_doc_get_root(doc);
	const char *user = NULL, *secret = NULL;
	int r = doc ? 0 : -EINVAL;

	if (r == 0 && !yyjson_is_obj(root))
		r = err_set(err, EINVAL, "an object is needed");
	if (r == 0)
		r = json_get_str(root, "Username", &user, err);
	if (r == 0)
		r = json_get_str(root, "Secret", &secret, err);
	if (r < 0)
		return err_wrap(err, "docker-credential-%s", helper);
	if (strcmp(user, TOKEN_USER) == 0)
		ret->identity_token = mem_strdup(secret);
	else {
		ret->user = mem_strdup(user);
		ret->secret = mem_strdup(secret);
	}
	return 0;
}

int cred_helper_get(const char *helper, const char *server, struct cred *ret, struct err *err)
{
	cleanup_with(run_free) struct run h = {.in = -1, .out = -1, .pidfd = -1};
	int status = run(&h, helper, "get", server, err);

	if (status < 0)
		return status;
	if (status > 0 && (strstr(buf_str(&h.output), "credentials not found") || h.output.len == 0))
		return 0;
	if (status > 0)
		return said_no(&h, helper, status, err);
	status = cred_helper_parse(buf_str(&h.output), h.output.len, helper, ret, err);
	return status < 0 ? status : 1;
}

int cred_helper_store(const char *helper, const char *server, const struct cred *c, struct err *err)
{
	cleanup_with(run_free) struct run h = {.in = -1, .out = -1, .pidfd = -1};
	yyjson_mut_doc *doc json_mut_cleanup = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	mem_cleanup char *input = NULL;
	int status;

	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_add_str(doc, root, "ServerURL", server);
	yyjson_mut_obj_add_str(doc, root, "Username", c->identity_token ? TOKEN_USER : c->user);
	yyjson_mut_obj_add_str(doc, root, "Secret", c->identity_token ? c->identity_token : c->secret);
	input = json_text(doc, false, NULL);
	status = run(&h, helper, "store", input, err);
	explicit_bzero(input, strlen(input));
	if (status < 0)
		return status;
	return status > 0 ? said_no(&h, helper, status, err) : 0;
}

int cred_helper_erase(const char *helper, const char *server, struct err *err)
{
	cleanup_with(run_free) struct run h = {.in = -1, .out = -1, .pidfd = -1};
	int status = run(&h, helper, "erase", server, err);

	if (status < 0)
		return status;
	if (status > 0 && !strstr(buf_str(&h.output), "credentials not found"))
		return said_no(&h, helper, status, err);
	return 0;
}
