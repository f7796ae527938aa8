/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/client.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "base/wire/http_client.h"
#include "base/wire/http_dial.h"
#include "face/cli/command.h"
#include "face/cli/endpoint.h"
#include "face/cli/term.h"
#include "face/cli/text.h"

#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define SYSTEM_SOCKET "/run/berth/berth.sock"
#define MESSAGE_MAX (1u << 20)
#define RETRY_MS 250 /* where inotify cannot help: the directory does not exist yet, or the socket is there but dead */

char *client_default_data(void)
{
	const char *base = getenv("XDG_DATA_HOME"), *home = getenv("HOME");

	if (geteuid() == 0)
		return mem_strdup(CLIENT_SYSTEM_DATA);
	if (base && *base == '/')
		return mem_printf("%s/berth", base);
	return home && *home == '/' ? mem_printf("%s/.local/share/berth", home) : NULL;
}

int client_data(char **ret, const char *what, struct err *err)
{
	*ret = client_default_data();
	if (*ret)
		return 0;
	return err_set(err, EINVAL, "neither XDG_DATA_HOME nor HOME is set: say where %s with --data DIR", what);
}

static char *data_socket(void)
{
	mem_cleanup char *data = client_default_data();

	return data ? mem_printf("%s/berth.sock", data) : mem_printf("/run/user/%u/berth.sock", (unsigned)geteuid());
}

char *client_default_socket(void)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (geteuid() == 0)
		return mem_strdup(SYSTEM_SOCKET);
	return runtime && *runtime == '/' ? mem_printf("%s/berth.sock", runtime) : data_socket();
}

/* The first that is there: the default, the one of a daemon that was started without XDG_RUNTIME_DIR (by cron), the system's. */
static char *find_socket(void)
{
	mem_cleanup char *first = client_default_socket(), *second = data_socket();

	if (access(first, F_OK) < 0 && geteuid() != 0 && access(second, F_OK) == 0)
		return mem_take(second);
	if (access(first, F_OK) < 0 && access(SYSTEM_SOCKET, W_OK) == 0)
		return mem_strdup(SYSTEM_SOCKET);
	return mem_take(first);
}

const struct http_dial *client_dial(struct cli *cli, struct err *err)
{
	struct endpoint found = ENDPOINT_NULL;
	mem_cleanup char *usual = NULL;
	int r;

	if (cli->endpoint)
		return &cli->endpoint->dial;
	usual = cli->socket ? NULL : find_socket();
	r = cli->socket ? endpoint_find(cli->socket, NULL, NULL, &found, err)
			: endpoint_find(cli->socket_option, cli->context_option, usual, &found, err);
	if (r < 0)
		return NULL;
	cli->endpoint = mem_new(struct endpoint);
	*cli->endpoint = found;
	return &cli->endpoint->dial;
}

bool client_is_remote(struct cli *cli)
{
	const struct http_dial *d = client_dial(cli, NULL);

	return d && !http_dial_path(d);
}

void client_end(struct cli *cli)
{
	cli->http = http_client_close(cli->http);
	if (cli->endpoint)
		endpoint_free(cli->endpoint);
	free(cli->endpoint);
	free(cli->socket);
	cli->endpoint = NULL;
	cli->socket = NULL;
}

const char *client_node(const struct cli *cli)
{
	const char *node = cli->node_option ? cli->node_option : getenv("BERTH_NODE");

	return node && *node ? node : NULL;
}

/* The same calls, made at a node of the cluster. */
static void use_node(const struct cli *cli, struct http_client *c)
{
	const char *node = client_node(cli);
	mem_cleanup char *name = node ? http_url_encode(node) : NULL;
	mem_cleanup char *prefix = name ? mem_printf("/v1/nodes/%s/api", name) : NULL;

	if (prefix)
		http_client_prefix(c, prefix);
}

int client_unreachable(const struct http_dial *d, int code, struct err *err)
{
	const char *path = http_dial_path(d);
	const char *name = d->name ? d->name : path;

	if (!path)
		return -code;
	if (code == ENOENT || code == ECONNREFUSED || code == ENOTDIR)
		return err_set(err, code, "berth is not running (no answer on %s); start it with: berth up%s", name,
			       d->name ? ", or name this machine's: --context default" : "");
	if (code == EACCES || code == EPERM)
		return err_set(err, code, "you may not use %s; its owner, root and the group of the socket may", name);
	return -code;
}

int client_open(struct cli *cli, struct http_client **ret, struct err *err)
{
	const struct http_dial *d = client_dial(cli, err);
	int r = d ? http_client_dial(d, ret, err) : -EINVAL;

	if (r == 0)
		use_node(cli, *ret);
	return d && r < 0 ? client_unreachable(d, -r, err) : r;
}

int client_http(struct cli *cli, struct http_client **ret, struct err *err)
{
	int r = cli->http ? 0 : client_open(cli, &cli->http, err);

	if (r == 0)
		*ret = cli->http;
	return r;
}

static int code_of(int status)
{
	static const struct {
		int status, code;
	} codes[] = {{400, EINVAL}, {403, EACCES}, {404, ENOENT}, {409, EBUSY},
		     {413, E2BIG},  {507, ENOSPC}, {503, EAGAIN}};

	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
		if (codes[i].status == status)
			return codes[i].code;
	}
	return EIO;
}

int client_check(struct http_client *c, int status, struct err *err)
{
	yyjson_doc *doc json_doc_cleanup = NULL;
	mem_cleanup char *body = NULL;
	const char *message = NULL;
	size_t n = 0;

	if ((status >= 200 && status < 300) || status == 304)
		return 0;
	if (http_client_read_all(c, MESSAGE_MAX, &body, &n, NULL) == 0)
		doc = json_parse(body, n, MESSAGE_MAX, "the reply", NULL);
	if (doc && json_get_str(yyjson_doc_get_root(doc), "message", &message, NULL) == 0 && status == 404 &&
	    !strcmp(message, "page not found"))
		return err_set(
		    err, ENOENT,
		    "who answers does not know this call: no berth, or an older one (see where DOCKER_HOST and "
		    "docker's context lead: berth context show)");
	if (message)
		return err_set(err, code_of(status), "%s", message);
	if (body)
		body[strcspn(body, "\r\n")] = '\0';
	return err_set(err, code_of(status), "berth answered with HTTP status %d%s%.200s", status,
		       body && *body ? ": " : "", body ? body : "");
}

int client_begin(struct http_client *c, const char *method, const char *target, const char *body, struct err *err)
{
	int status = http_client_request(c, method, target, body ? "application/json" : NULL, body,
					 body ? strlen(body) : 0, -1, err);

	return status < 0 ? status : client_check(c, status, err);
}

int client_call_on(struct http_client *c, const char *method, const char *target, const char *body,
		   yyjson_doc **ret_doc, struct err *err)
{
	mem_cleanup char *reply = NULL;
	size_t n = 0;
	int r = client_begin(c, method, target, body, err);

	if (r == 0)
		r = http_client_read_all(c, CLIENT_REPLY_MAX, &reply, &n, err);
	if (r < 0)
		return r;
	if (!ret_doc)
		return 0;
	*ret_doc = NULL;
	if (n == 0)
		return 0;
	*ret_doc = json_parse(reply, n, CLIENT_REPLY_MAX, "the reply of berth", err);
	return *ret_doc ? 0 : -EPROTO;
}

int client_call(struct cli *cli, const char *method, const char *target, const char *body, yyjson_doc **ret_doc,
		struct err *err)
{
	struct http_client *c = NULL;
	int r = client_http(cli, &c, err);

	return r < 0 ? r : client_call_on(c, method, target, body, ret_doc, err);
}

char *client_target(const char *base, const char *id, const char *tail)
{
	struct buf out = BUF_INIT;
	const char *p = id;

	buf_adds(&out, base);
	while (true) {
		size_t n = strcspn(p, "/");
		mem_cleanup char *part = mem_strndup(p, n);
		mem_cleanup char *encoded = http_url_encode(part);

		buf_adds(&out, encoded);
		p += n;
		if (*p != '/')
			break;
		buf_addc(&out, '/');
		p++;
	}
	buf_adds(&out, tail);
	return buf_take(&out);
}

void client_query(struct buf *target, const char *name, const char *value)
{
	mem_cleanup char *encoded = http_url_encode(value);

	buf_printf(target, "%c%s=%s", strchr(buf_str(target), '?') ? '&' : '?', name, encoded);
}

static int signal_came(int signal_fd)
{
	struct signalfd_siginfo info;

	if (signal_fd < 0 || read(signal_fd, &info, sizeof info) != (ssize_t)sizeof info)
		return 0;
	return (int)info.ssi_signo;
}

ssize_t client_read(struct http_client *c, int signal_fd, void *data, size_t cap, int timeout_ms, int *ret_signal,
		    struct err *err)
{
	int64_t deadline = clock_mono_ms() + timeout_ms;
	struct pollfd fds[2] = {{.fd = http_client_fd(c), .events = POLLIN}, {.fd = signal_fd, .events = POLLIN}};

	while (true) {
		int64_t left = timeout_ms < 0 ? -1 : deadline - clock_mono_ms();
		int signal = signal_came(signal_fd);
		ssize_t n;

		if (signal) {
			*ret_signal = signal;
			return -EINTR;
		}
		n = http_client_read(c, data, cap, 0, err);
		if (n == -EINTR)
			continue;
		if (n != -EAGAIN)
			return n;
		err_clear(err);
		if (timeout_ms >= 0 && left <= 0)
			return -EAGAIN;
		(void)poll(fds, 2, (int)left);
	}
}

int client_print_json(yyjson_doc *doc)
{
	bool terminal = term_is(STDOUT_FILENO);
	size_t n = 0;
	mem_cleanup char *text = NULL;
	struct buf safe buf_cleanup = BUF_LIMIT(2 * CLIENT_REPLY_MAX);
	struct text_filter filter = {.n = 0};

	if (!doc)
		return 0;
	text = yyjson_write_opts(
	    doc, YYJSON_WRITE_ALLOW_INVALID_UNICODE | (terminal ? YYJSON_WRITE_PRETTY_TWO_SPACES : YYJSON_WRITE_NOFLAG),
	    NULL, &n, NULL);
	if (!text)
		return 0;
	if (terminal) {
		text_filter_add(&filter, &safe, text, n);
		text_filter_end(&filter, &safe);
		fwrite(buf_str(&safe), 1, safe.len, stdout);
	} else {
		fwrite(text, 1, n, stdout);
	}
	fputc('\n', stdout);
	return 0;
}

int client_ping(struct cli *cli, int64_t *ret_pid, struct err *err)
{
	struct http_client *c = NULL;
	yyjson_doc *doc json_doc_cleanup = NULL;
	int r = client_open(cli, &c, err);

	if (r == 0)
		r = client_call_on(c, "GET", "/v1/ping", NULL, &doc, err);
	if (r == 0 && ret_pid)
		r = json_get_int(yyjson_doc_get_root(doc), "pid", 1, INT32_MAX, ret_pid, err);
	http_client_close(c);
	return r;
}

/* Watches the directory that the socket is in, or will be in. */
static void watch(int inotify, const char *socket)
{
	const char *slash = strrchr(socket, '/');
	mem_cleanup char *dir = slash ? mem_strndup(socket, (size_t)(slash - socket) + 1) : mem_strdup(".");

	(void)inotify_add_watch(inotify, dir, IN_CREATE | IN_MOVED_TO | IN_ATTRIB);
}

static void drain(int fd)
{
	char events[4096] __attribute__((aligned(8)));

	while (read(fd, events, sizeof events) > 0)
		;
}

int client_wait_up(struct cli *cli, int64_t timeout_ms, int64_t *ret_pid, struct err *err)
{
	int64_t deadline = clock_mono_ms() + timeout_ms, left;
	fd_cleanup int inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	struct pollfd p = {.fd = inotify, .events = POLLIN};
	struct err why = ERR_INIT;
	const struct http_dial *d = client_dial(cli, err);

	while (d) {
		if (d && http_dial_path(d))
			watch(inotify, http_dial_path(d));
		if (client_ping(cli, ret_pid, &why) == 0)
			return 0;
		left = deadline - clock_mono_ms();
		if (left <= 0)
			return err_set(err, ETIMEDOUT, "%s (waited %.1f s)", why.text, (double)timeout_ms / 1000);
		(void)poll(&p, 1, left < RETRY_MS ? (int)left : RETRY_MS);
		drain(inotify);
	}
	return -EINVAL;
}
