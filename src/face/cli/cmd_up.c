/* SPDX-License-Identifier: Apache-2.0
 *
 * up and down. `up` becomes the daemon through the hook of main.c, here or in a process of its own: forked twice, so
 * that it is a child of init and can never get a terminal; it tells its parent through a socket pair when it is
 * ready, or why it is not.
 */
#include "face/cli/command.h"

#include "base/core/clock.h"
#include "base/core/counts.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/wire/http_client.h"
#include "face/cli/client.h"
#include "face/cli/daemon_json.h"
#include "face/cli/text.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_MAX 4096

struct up_values {
	const char *data, *node_name, *network;
	bool foreground, quiet, wait, share_gpus;
	uint64_t level, slots, memory, disk, timeout_ms, netns_pool;
	char **listen, **counter;
	const char *tls_cert, *tls_key, *tls_client_ca, *token_file, *policy, *config;
	const char *agents, *server, *token, *store, *fencing, *topology, *authority_secret;
	uint64_t lease_ms, cert_ms;
};
/* What every daemon takes. */
#define UP_OPTIONS                                                                                                       \
	{"data",      0,                                                                                                 \
	 OPTION_TEXT, offsetof(struct up_values, data),                                                                  \
	 "DIR",	      "directory of its state (default " CLIENT_SYSTEM_DATA ")"},                                        \
	    {"foreground", 'f',                                                                                          \
	     OPTION_FLAG,  offsetof(struct up_values, foreground),                                                       \
	     NULL,	   "stay in the foreground, log on stderr"},                                                     \
	    {"wait",	  0,                                                                                             \
	     OPTION_FLAG, offsetof(struct up_values, wait),                                                              \
	     NULL,	  "content with one that runs already or is being started elsewhere: wait until it answers"},    \
	    {"timeout", 0, OPTION_TIME, offsetof(struct up_values, timeout_ms), "TIME", "for --wait (default 30s)"},     \
	    {"quiet", 'q', OPTION_FLAG, offsetof(struct up_values, quiet), NULL, "print nothing when it is up"},         \
	    {"log-level",  0,                                                                                            \
	     OPTION_LEVEL, offsetof(struct up_values, level),                                                            \
	     "LEVEL",	   "error, warning, info (default) or debug"},                                                   \
	    {"node-name", 0,                                                                                             \
	     OPTION_TEXT, offsetof(struct up_values, node_name),                                                         \
	     "NAME",	  "of this node (default: the host's name)"},                                                    \
	    {"slots", 0, OPTION_COUNT, offsetof(struct up_values, slots), "N", "of this node (default: one per core)"},  \
	    {"memory", 0, OPTION_SIZE, offsetof(struct up_values, memory), "SIZE", "that jobs may have (default: all)"}, \
	    {"disk",	  0,                                                                                             \
	     OPTION_SIZE, offsetof(struct up_values, disk),                                                              \
	     "SIZE",	  "of the data directory's file system that jobs may be promised (default: all)"},               \
	    {"counter",                                                                                                  \
	     0,                                                                                                          \
	     OPTION_LIST,                                                                                                \
	     offsetof(struct up_values, counter),                                                                        \
	     "NAME=N",                                                                                                   \
	     "of this node: N units of something that jobs may ask for (gpu: those that are found); may be repeated"},   \
	    {"share-gpus", 0,                                                                                            \
	     OPTION_FLAG,  offsetof(struct up_values, share_gpus),                                                       \
	     NULL,	   "jobs may get GPUs of this node that containers of no job have, too"},                        \
	    {"network",                                                                                                  \
	     0,                                                                                                          \
	     OPTION_TEXT,                                                                                                \
	     offsetof(struct up_values, network),                                                                        \
	     "auto|none|pasta|slirp4netns",                                                                              \
	     "what leads out of an ordinary user's containers (default auto: pasta, else slirp4netns)"},                 \
	    {"listen",                                                                                                   \
	     0,                                                                                                          \
	     OPTION_LIST,                                                                                                \
	     offsetof(struct up_values, listen),                                                                         \
	     "ADDRESS",                                                                                                  \
	     "serve the API there, too: tcp://HOST:PORT, unix:///PATH or fd:// (what a service manager has opened); "    \
	     "may be "                                                                                                   \
	     "repeated"},                                                                                                \
	    {"tls-cert", 0, OPTION_TEXT, offsetof(struct up_values, tls_cert), "FILE", "PEM certificate of TCP doors"},  \
	    {"tls-key", 0, OPTION_TEXT, offsetof(struct up_values, tls_key), "FILE", "its PEM key"},                     \
	    {"tls-client-ca", 0,                                                                                         \
	     OPTION_TEXT,     offsetof(struct up_values, tls_client_ca),                                                 \
	     "FILE",	      "who signs the certificates that clients of TCP doors must show"},                         \
	    {"token-file", 0,                                                                                            \
	     OPTION_TEXT,  offsetof(struct up_values, token_file),                                                       \
	     "FILE",	   "what clients of TCP doors on a loopback address must know"},                                 \
	    {"policy",	  0,                                                                                             \
	     OPTION_TEXT, offsetof(struct up_values, policy),                                                            \
	     "FILE",	  "who may do what with the API (docs/API.md)"},                                                 \
	    {"config",	  0,                                                                                             \
	     OPTION_TEXT, offsetof(struct up_values, config),                                                            \
	     "FILE",	  "dockerd's daemon.json, of which is done what is done here (docs/DOCKER.md)"},                 \
	{                                                                                                                \
		"netns-pool", 0, OPTION_COUNT, offsetof(struct up_values, netns_pool), "N",                              \
		    "network namespaces kept ready for a faster start (default 4, 0: none)"                              \
	}
#define SERVER_OPTIONS                                                                                                 \
	{"store",                                                                                                      \
	 0,                                                                                                            \
	 OPTION_TEXT,                                                                                                  \
	 offsetof(struct up_values, store),                                                                            \
	 "ADDRESS",                                                                                                    \
	 "where the state is: etcd://HOST:PORT[,HOST:PORT]/PREFIX, for several servers of which one leads "            \
	 "(default: in --data; docs/CLUSTER.md)"},                                                                     \
	    {"authority-secret",                                                                                       \
	     0,                                                                                                        \
	     OPTION_TEXT,                                                                                              \
	     offsetof(struct up_values, authority_secret),                                                             \
	     "FILE",                                                                                                   \
	     "a line that encrypts the key of the cluster's authority in the store; the same on every server"},        \
	    {"lease",                                                                                                  \
	     0,                                                                                                        \
	     OPTION_TIME,                                                                                              \
	     offsetof(struct up_values, lease_ms),                                                                     \
	     "TIME",                                                                                                   \
	     "an agent that is not heard of for so long is lost, and its work starts elsewhere (default 30s)"},        \
	    {"topology",                                                                                               \
	     0,                                                                                                        \
	     OPTION_TEXT,                                                                                              \
	     offsetof(struct up_values, topology),                                                                     \
	     "any|spread",                                                                                             \
	     "of services that do not say: any: filled nodes first; spread: the emptiest node (default any)"},         \
	    {"fencing",                                                                                                \
	     0,                                                                                                        \
	     OPTION_TEXT,                                                                                              \
	     offsetof(struct up_values, fencing),                                                                      \
	     "strict|best-effort",                                                                                     \
	     "of services that do not say: strict: an agent that has lost the server ends them before they start "     \
	     "elsewhere (default best-effort; docs/CLUSTER.md)"},                                                      \
	{                                                                                                              \
		"cert-life", 0, OPTION_TIME, offsetof(struct up_values, cert_ms), "TIME",                              \
		    "how long an agent's certificate is good; it has it renewed by itself (default 7 days)"            \
	}
static const struct option_spec up_options[] = {
    UP_OPTIONS,
    {"agents", 0, OPTION_TEXT, offsetof(struct up_values, agents), "HOST:PORT",
     "be the server of a cluster, too: agents may join there"},
    SERVER_OPTIONS,
    {NULL},
};
static const struct option_spec server_options[] = {
    {"agents", 0, OPTION_TEXT, offsetof(struct up_values, agents), "HOST:PORT",
     "where agents may join (default: every address, port 7420)"},
    SERVER_OPTIONS,
    UP_OPTIONS,
    {NULL},
};
static const struct option_spec agent_options[] = {
    {"server", 0, OPTION_TEXT, offsetof(struct up_values, server), "HOST[:PORT][,...]",
     "whose agent this is (port 7420): all servers of the cluster, of which one leads"},
    {"token", 0, OPTION_TEXT, offsetof(struct up_values, token), "TOKEN|@FILE",
     "what lets it join, once (environment: BERTH_TOKEN); berth token create makes one"},
    UP_OPTIONS,
    {NULL},
};
static const struct up_values up_defaults = {
    .network = "auto", .level = LOG_INFO, .timeout_ms = 30000, .netns_pool = 4};

static int absolute(const char *path, char **ret, struct err *err)
{
	char here[PATH_MAX];

	if (*path == '\0')
		return err_set(err, EINVAL, "an empty path");
	if (*path != '/' && !getcwd(here, sizeof here))
		return err_sys(err, errno, "find the current directory for \"%s\"", path);
	*ret = *path == '/' ? mem_strdup(path) : mem_printf("%s/%s", here, path);
	return 0;
}

static void tell(int fd, const struct err *err)
{
	mem_cleanup char *text = mem_printf("E%d:%s\n", err->code, err->text);

	/* Nobody may be waiting any more; the log has it too. */
	(void)send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static int redirect(const char *data, struct err *err)
{
	mem_cleanup char *path = mem_printf("%s/berth.log", data);
	fd_cleanup int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	fd_cleanup int log = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (log < 0)
		return err_sys(err, errno, "open \"%s\"", path);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
		return err_sys(err, errno, "redirect the daemon's input and output");
	if (chdir("/") < 0)
		return err_sys(err, errno, "change to /");
	return 0;
}

/* The daemon's process. `report` is kept apart from ready_fd, which is the hook's to write to. */
static _Noreturn void be_daemon(const struct cli *cli, struct cli_up_options *o, int report)
{
	struct err err = ERR_INIT;
	int32_t pid = getpid();
	int r = 0;

	umask(022);
	if (send(report, &pid, sizeof pid, MSG_NOSIGNAL) != (ssize_t)sizeof pid)
		r = err_sys(&err, errno, "tell the process ID");
	if (r == 0)
		r = redirect(o->data, &err);
	o->ready_fd = fcntl(report, F_DUPFD_CLOEXEC, 3);
	if (r == 0)
		r = cli->hooks->up(o, &err);
	if (r < 0) {
		tell(report, &err);
		log_error("%s", err.text);
	}
	_exit(r < 0 ? CLI_FAILED : CLI_OK);
}

/* Returns the parent's end of the socket pair. */
static int start_daemon(const struct cli *cli, struct cli_up_options *o, struct err *err)
{
	fd_cleanup int ours = -1;
	fd_cleanup int theirs = -1;
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, errno, "make a socket pair");
	ours = pair[0];
	theirs = pair[1];
	(void)fflush(NULL);
	pid = fork();
	if (pid < 0)
		return err_sys(err, errno, "fork");
	if (pid == 0) {
		fd_closep(&ours);
		if (setsid() < 0)
			_exit(CLI_FAILED);
		pid = fork();
		if (pid == 0)
			be_daemon(cli, o, theirs);
		_exit(pid < 0 ? CLI_FAILED : CLI_OK);
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return fd_take(&ours);
}

/* "E16:text\n", or "Etext" from a hook that wrote it itself. */
static int daemon_error(char *answer, const struct cli_up_options *o, struct err *err)
{
	char *text = strchr(answer, 'E'), *end;
	long code = EIO;

	if (!text)
		return err_set(err, EIO, "berth ended before it was ready; see %s/berth.log", o->data);
	text++;
	if (*text >= '0' && *text <= '9') {
		code = strtol(text, &end, 10);
		if (*end == ':')
			text = end + 1;
	}
	text[strcspn(text, "\n")] = '\0';
	return err_set(err, code > 0 && code < 4096 ? (int)code : EIO, "%s", text);
}

/* Prints the warnings ("Wtext\n") that begin the answer and takes them off. */
static void tell_warnings(char *answer, size_t *n)
{
	char *end;

	while (answer[0] == 'W' && (end = memchr(answer, '\n', *n))) {
		*end++ = '\0';
		text_line(stderr, "berth: warning: %s", answer + 1);
		*n -= (size_t)(end - answer);
		memmove(answer, end, *n + 1);
	}
}

/* Reads until the daemon is ready or gone. */
static int await_daemon(int fd, const struct cli_up_options *o, int32_t *ret_pid, struct err *err)
{
	char answer[ANSWER_MAX] = "";
	size_t n = 0;
	ssize_t r;

	if (recv(fd, ret_pid, sizeof *ret_pid, MSG_WAITALL) != (ssize_t)sizeof *ret_pid)
		return err_set(err, EIO, "the daemon's process could not be started");
	while (n < sizeof answer - 1 && !memchr(answer, '\n', n)) {
		r = read(fd, answer + n, sizeof answer - 1 - n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			break;
		n += (size_t)r;
		answer[n] = '\0';
		tell_warnings(answer, &n);
		if (answer[0] == 'R')
			return 0;
	}
	answer[n] = '\0';
	return daemon_error(answer, o, err);
}

static int up_background(const struct cli *cli, struct cli_up_options *o, int32_t *ret_pid, struct err *err)
{
	fd_cleanup int fd = -1;
	fd_cleanup int dir = fs_mkdirs(o->data, 0711, err);

	if (dir < 0)
		return dir;
	fd = start_daemon(cli, o, err);
	return fd < 0 ? fd : await_daemon(fd, o, ret_pid, err);
}

static int is_up(const struct cli_up_options *o, const char *how, int64_t pid)
{
	if (o->quiet)
		return CLI_OK;
	if (*how)
		text_line(stdout, "berth is up%s: socket %s (pid %" PRId64 ")", how, o->socket, pid);
	else
		text_line(stdout, "berth is up: socket %s, data %s (pid %" PRId64 ")", o->socket, o->data, pid);
	return CLI_OK;
}

static bool held_by_another(int r)
{
	return r == -EBUSY || r == -EADDRINUSE || r == -EEXIST || r == -EAGAIN;
}

static int up_start(struct cli *cli, const struct up_values *v, struct cli_up_options *o, struct err *err)
{
	struct err why = ERR_INIT;
	int32_t pid = 0;
	int64_t other = 0;
	int r;

	if (v->wait && client_ping(cli, &other, NULL) == 0)
		return is_up(o, " already", other);
	r = cli->hooks->check(o, err);
	if (r < 0)
		return r;
	if (v->foreground) {
		o->foreground = true;
		r = cli->hooks->up(o, err);
		return r < 0 ? r : CLI_OK;
	}
	r = up_background(cli, o, &pid, &why);
	if (r == 0)
		return is_up(o, "", pid);
	if (!v->wait || !held_by_another(r))
		return err_set(err, -r, "%s", why.text);
	if (client_wait_up(cli, (int64_t)v->timeout_ms, &other, err) < 0)
		return err_wrap(err, "%s", why.text);
	return is_up(o, " already", other);
}

#define N_PATHS 6

/* The daemon works in another directory. */
static int doors(const struct up_values *v, struct cli_up_options *o, char *paths[static N_PATHS], struct err *err)
{
	const char *const given[] = {v->tls_cert,   v->tls_key, v->tls_client_ca,
				     v->token_file, v->policy,	v->authority_secret};
	const char **const to[] = {&o->tls_cert,   &o->tls_key, &o->tls_client_ca,
				   &o->token_file, &o->policy,	&o->authority_secret};
	int r = 0;

	if (!v->tls_cert != !v->tls_key)
		return err_set(err, EINVAL, "TLS needs both --tls-cert and --tls-key");
	if (v->tls_client_ca && !v->tls_cert)
		return err_set(err, EINVAL, "--tls-client-ca needs --tls-cert and --tls-key");
	if ((v->tls_cert || v->token_file) && !v->listen)
		return err_set(err, EINVAL, "%s is for a door of --listen, and there is none",
			       v->tls_cert ? "--tls-cert" : "--token-file");
	for (size_t i = 0; i < N_PATHS && r == 0; i++) {
		if (given[i])
			r = absolute(given[i], &paths[i], err);
		*to[i] = paths[i];
	}
	o->listen = v->listen;
	return r;
}

#define TOKEN_MAX 4096

/* A token in the words of a command is seen by everybody on the machine; one in a file is not. */
static int join_token(const char *given, char **ret, struct err *err)
{
	fd_cleanup int fd = -1;
	size_t n;
	int r;

	if (!given)
		given = getenv("BERTH_TOKEN");
	if (!given || *given != '@') {
		*ret = mem_strdup(given && *given ? given : NULL);
		return 0;
	}
	fd = open(given + 1, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "--token: open \"%s\"", given + 1);
	r = fd_read_all(fd, TOKEN_MAX, ret, &n);
	if (r < 0)
		return err_sys(err, -r, "--token: read \"%s\"", given + 1);
	(*ret)[strcspn(*ret, "\r\n")] = '\0';
	return 0;
}

/* What the words of the cluster mean for each of the three commands. */
static int cluster(const struct cli *cli, const struct up_values *v, struct cli_up_options *o, char **token,
		   struct err *err)
{
	o->agents = v->agents;
	o->store = v->store;
	o->lease_ms = v->lease_ms;
	o->cert_ms = v->cert_ms;
	if ((v->lease_ms && v->lease_ms < 1000) || v->lease_ms > 24 * 3600 * 1000)
		return err_set(err, EINVAL, "--lease: one second to a day is needed");
	o->spread = v->topology && !strcmp(v->topology, "spread");
	if (v->topology && !o->spread && strcmp(v->topology, "any") != 0)
		return err_set(err, EINVAL, "--topology: any or spread is needed");
	o->strict = v->fencing && !strcmp(v->fencing, "strict");
	if (v->fencing && !o->strict && strcmp(v->fencing, "best-effort") != 0)
		return err_set(err, EINVAL, "--fencing: strict or best-effort is needed");
	if (v->cert_ms && v->cert_ms < 1000)
		return err_set(err, EINVAL, "--cert-life: a second at the least is needed");
	if (v->authority_secret && !v->agents && cli->command != &command_server)
		return err_set(err, EINVAL, "--authority-secret is for a berth with --agents");
	if (cli->command == &command_server) {
		o->role = CLI_ROLE_SERVER;
		o->agents = v->agents ? v->agents : ":7420";
	}
	if (cli->command != &command_agent)
		return 0;
	if (!v->server)
		return err_set(err, EINVAL, "--server HOST[:PORT] is needed: whose agent is this to be?");
	o->role = CLI_ROLE_AGENT;
	o->server = v->server;
	return join_token(v->token, token, err);
}

/* What the command line says counts before the file, but for doors: there may be many. */
static int use_config(struct up_values *v, struct daemon_json *d, struct err *err)
{
	int r = v->config ? daemon_json_read(v->config, d, err) : 0;

	if (r < 0)
		return err_wrap(err, "--config");
	for (char **line = d->told; line && *line; line++)
		text_line(stderr, "berth: warning: %s", *line);
	for (char **host = d->hosts; host && *host; host++) {
		bool twice = false;

		for (char **l = v->listen; l && *l; l++)
			twice |= !strcmp(*l, *host);
		if (!twice)
			mem_strv_add(&v->listen, *host);
	}
	if (d->tls_cert && !v->tls_cert && !v->tls_client_ca && v->listen) {
		v->tls_cert = d->tls_cert;
		v->tls_key = d->tls_key;
		v->tls_client_ca = d->ca;
	}
	if (d->level >= 0 && v->level == LOG_INFO)
		v->level = (uint64_t)d->level;
	return 0;
}

static int up_with(struct cli *cli, const struct up_values *v, const char *log_default, struct err *err)
{
	mem_cleanup char *data = NULL;
	mem_cleanup char *socket = NULL;
	mem_cleanup char *wanted = mem_strdup(v->data);
	const char *env = getenv("BERTH_SOCKET");
	mem_cleanup char *place = cli->socket_option ? mem_strdup(cli->socket_option)
				  : env && *env	     ? mem_strdup(env)
						     : client_default_socket();
	struct cli_up_options o = {.ready_fd = -1,
				   .quiet = v->quiet,
				   .log_level = (int)v->level,
				   .node_name = v->node_name,
				   .network = v->network,
				   .memory = v->memory,
				   .disk = v->disk,
				   .share_gpus = v->share_gpus,
				   .log_default = log_default};
	char *paths[N_PATHS] = {NULL};
	mem_cleanup char *token = NULL;
	int r;

	if (v->netns_pool > CLI_NETNS_POOL_MAX)
		return err_set(err, EINVAL, "--netns-pool: %" PRIu64 " is more than %d", v->netns_pool,
			       CLI_NETNS_POOL_MAX);
	if (v->slots > 100000)
		return err_set(err, EINVAL, "--slots: %" PRIu64 " is more than 100000", v->slots);
	for (char **c = v->counter; c && *c; c++) {
		if (counts_set_pair(&o.counters, *c, err) < 0)
			return err_wrap(err, "--counter");
	}
	if (!wanted && client_data(&wanted, "the state goes", err) < 0)
		return -EINVAL;
	if (!*wanted || !*place)
		return err_set(err, EINVAL, "%s: an empty path", *wanted ? "--socket" : "--data");
	if (strstr(place, "://"))
		return err_set(
		    err, EINVAL,
		    "--socket: \"%s\" is no path: the daemon has a Unix socket; with --listen it has TCP besides",
		    place);
	r = cluster(cli, v, &o, &token, err);
	o.join_token = token;
	if (r == 0)
		r = absolute(wanted, &data, err);
	if (r == 0)
		r = absolute(place, &socket, err);
	if (r < 0)
		return r;
	free(cli->socket);
	cli->socket = mem_strdup(socket);
	o.data = data;
	o.socket = socket;
	o.slots = (unsigned)v->slots;
	o.netns_pool = (unsigned)v->netns_pool;
	r = doors(v, &o, paths, err);
	if (r == 0)
		r = up_start(cli, v, &o, err);
	for (size_t i = 0; i < N_PATHS; i++)
		free(paths[i]);
	return r;
}

static int up_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	struct daemon_json config = DAEMON_JSON_INIT;
	struct up_values *v = values;
	int r;

	(void)operands;
	if (!cli->hooks || !cli->hooks->up || !cli->hooks->check)
		return err_set(err, ENOSYS, "this program cannot be the daemon");
	r = use_config(v, &config, err);
	if (r == 0)
		r = up_with(cli, v, config.log, err);
	daemon_json_free(&config);
	return r;
}

const struct cli_command command_up = {
    .name = "up",
    .usage = "",
    .summary = "Start berth",
    .detail = "Returns when it answers; its log is berth.log in the directory of its state. Ordinary users have a "
	      "berth of their\n"
	      "own, with its state in XDG_DATA_HOME/berth and its socket in XDG_RUNTIME_DIR (docs/ROOTLESS.md).",
    .examples = "  berth up\n  berth up --data /srv/berth --socket /run/berth-2.sock\n"
		"  berth up --listen tcp://:2376 --tls-cert srv.pem --tls-key srv.key --tls-client-ca ca.pem\n"
		"  berth up --foreground --log-level debug   # as a service manager starts it",
    .options = up_options,
    .values_size = sizeof(struct up_values),
    .defaults = &up_defaults,
    .run = up_run,
};

const struct cli_command command_server = {
    .name = "server",
    .usage = "",
    .summary = "Start the server of a cluster on a machine that runs no jobs itself",
    .detail = "It takes jobs as every berth does and starts them on its agents (berth agent, docs/CLUSTER.md). A "
	      "machine that\n"
	      "is to run jobs, too, is started by berth up --agents HOST:PORT.",
    .examples = "  berth server\n  berth server --agents 10.0.0.1:7420 --lease 1m",
    .options = server_options,
    .values_size = sizeof(struct up_values),
    .defaults = &up_defaults,
    .run = up_run,
};

const struct cli_command command_agent = {
    .name = "agent",
    .usage = "--server HOST[:PORT] [--token TOKEN|@FILE]",
    .summary = "Start berth as a node of a cluster",
    .detail = "It needs the token when it comes for the first time. Containers go on while the server or the way to it "
	      "is gone,\n"
	      "and what they have come to is told when it is back.",
    .examples = "  berth agent --server head:7420 --token @/root/token\n  berth agent --server head",
    .options = agent_options,
    .values_size = sizeof(struct up_values),
    .defaults = &up_defaults,
    .run = up_run,
};

struct down_values {
	bool all, rest;
};
static const struct option_spec down_options[] = {
    {"all", 'a', OPTION_FLAG, offsetof(struct down_values, all), NULL, "cancel jobs and stop containers first"},
    {"for-reboot", 0, OPTION_FLAG, offsetof(struct down_values, rest), NULL,
     "stop containers first; the next start begins again what its restart policy says"},
    {NULL},
};

/* The request comes after the pidfd was opened and is answered by the same connection: the process ID cannot have
 * been another's. A daemon in another process namespace has no pidfd here; then the end of the connection has to do. */
static void await_end(struct http_client *c, int pidfd)
{
	struct pollfd ends[2] = {{.fd = http_client_fd(c), .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};
	char rest[256];

	while (poll(ends, 1, -1) < 0 || recv(ends[0].fd, rest, sizeof rest, 0) > 0)
		;
	while (pidfd >= 0 && poll(&ends[1], 1, -1) < 0)
		;
}

static int down_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct down_values *v = values;
	yyjson_doc *doc json_doc_cleanup = NULL;
	fd_cleanup int pidfd = -1;
	struct http_client *c = NULL;
	int64_t pid = 0;
	const char *body = v->all ? "{\"all\":true}" : v->rest ? "{\"rest\":true}" : "{\"all\":false}";
	int r;

	(void)operands;
	if (v->all && v->rest)
		return err_set(err, EINVAL, "--all or --for-reboot: they differ in what starts again");
	r = client_http(cli, &c, err);
	if (r == 0)
		r = client_call_on(c, "GET", "/v1/ping", NULL, &doc, err);
	if (r == 0)
		r = json_get_int(yyjson_doc_get_root(doc), "pid", 1, INT32_MAX, &pid, err);
	if (r < 0)
		return r;
	pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	r = client_call_on(c, "POST", "/v1/down", body, NULL, err);
	if (r < 0)
		return r;
	await_end(c, pidfd);
	puts(v->all ? "berth is down, and so is all that ran" : "berth is down");
	return CLI_OK;
}

const struct cli_command command_down = {
    .name = "down",
    .usage = "",
    .summary = "Stop berth, and with --all what it runs",
    .detail =
	"Returns when its process is gone. Without an option containers go on; the next `berth up` finds them again.\n"
	"With --for-reboot each is asked to end, and has its grace for that; policies always and unless-stopped, and\n"
	"on-failure of one that did not end with 0, begin it again (packaging/systemd/berth-containers.service). Jobs "
	"are\n"
	"not canceled: what ran of them is tried again.",
    .examples = "  berth down\n  berth down --all",
    .options = down_options,
    .values_size = sizeof(struct down_values),
    .run = down_run,
};
