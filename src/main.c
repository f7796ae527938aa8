/* SPDX-License-Identifier: Apache-2.0 */
/* Picks the role by the first word and wires the parts together: the only file that knows them all. */
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/fs.h"
#include "base/core/group.h"
#include "base/core/log.h"
#include "base/core/loop.h"
#include "base/core/mem.h"
#include "base/core/notify.h"
#include "base/core/proc.h"
#include "base/store/store.h"
#include "base/store/store_move.h"
#include "cluster/replay/replay.h"
#include "base/wire/http_server.h"
#include "cluster/agent/agent.h"
#include "cluster/link/dial.h"
#include "cluster/link/link.h"
#include "cluster/link/socket.h"
#include "cluster/server/server.h"
#include "cluster/server/trust.h"
#include "cluster/source/source_tool.h"
#include "face/api/api.h"
#include "face/api/waiting.h"
#include "face/cli/cli.h"
#include "face/docker/docker.h"
#include "face/docker/policy.h"
#include "face/oci/oci.h"
#include "face/project/compose_main.h"
#include "node/engine/engine.h"
#include "face/daemon/options.h"
#include "base/core/guard.h"
#include "node/runtime/rootless.h"
#include "node/runtime/rt.h"

#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOCK_WAIT_S 10
#define DYING_MS 300
#define TROUBLE_AGAIN_MS 60000 /* what goes on is told again */

struct daemon {
	const struct cli_up_options *o;
	int lock;
	struct rt_host host;
	gid_t group; /* whose users may open the socket */
	enum uplink_kind uplink;
	struct launcher *launcher;
	struct loop *loop;
	struct engine *engine;
	struct server *server;
	struct agent *agent;
	struct api *api;
	struct waiting *waiting; /* instead of the API while another server leads */
	struct loop_signal *term, *interrupt;
	struct loop_timer *stop; /* ends the loop on the next turn, after answers were written */
	struct engine_listener *engine_ended;
	struct server_listener *server_ended;
	int64_t started_ms;
	int given_fds; /* of the service manager */
	char *alias;   /* what Docker's clients look for beside the socket: a link of ours */
	bool stopping_all, resting, stopping;
	char *trouble; /* of the store, as it was told last */
	int64_t trouble_ms;
	bool opening;		 /* the store: nothing is served meanwhile */
	struct loop_fd *starter; /* whoever waits for us to be ready */
	bool told_ready;	 /* whoever started us need not wait any more */
	bool joining;		 /* an agent that has not heard from its cluster yet: it is not ready */
	bool up;		 /* its parts are there */
	bool lost;		 /* another server leads: this one follows from now on */
};

/* ---- the lock of the data directory ---- */

static void on_alarm(int signal)
{
	(void)signal; /* its only use is to interrupt flock(2) */
}

/* The holder wrote "PID START". True when that very process still lives: not a zombie, and not one that has just been killed. */
static bool holder_lives(int fd, pid_t *ret_pid)
{
	char text[64] = "";
	uint64_t start = 0, now = 0;
	struct pollfd ended = {.events = POLLIN};
	fd_cleanup int pidfd = -1;
	int pid = 0;

	if (pread(fd, text, sizeof text - 1, 0) <= 0 || sscanf(text, "%d %" SCNu64, &pid, &start) != 2)
		return false;
	*ret_pid = pid;
	if (proc_start_time(pid, &now, NULL) < 0 || now != start)
		return false;
	ended.fd = pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	return pidfd >= 0 && poll(&ended, 1, DYING_MS) == 0;
}

/* After a crash the launcher holds the lock for the moment that it takes to notice. */
static int wait_for_lock(int fd)
{
	struct sigaction action = {.sa_handler = on_alarm}, old;
	int r;

	sigaction(SIGALRM, &action, &old);
	alarm(LOCK_WAIT_S);
	r = flock(fd, LOCK_EX) < 0 ? -errno : 0;
	alarm(0);
	sigaction(SIGALRM, &old, NULL);
	return r;
}

static int take_lock(struct daemon *d, struct err *err)
{
	fd_cleanup int dir = fs_mkdirs(d->o->data, 0700, err);
	fd_cleanup int fd = -1;
	char text[64];
	uint64_t start = 0;
	pid_t pid = 0;

	if (dir < 0)
		return dir;
	if (fchmod(dir, RT_GUARD(R15) ? 0700 : 0755) < 0)
		return err_sys(err, errno, "chmod \"%s\"", d->o->data);
	fd = openat(dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(err, errno, "open \"%s/lock\"", d->o->data);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (holder_lives(fd, &pid))
			return err_set(err, EBUSY,
				       "the data directory %s is held by berth with pid %d; stop it first (berth "
				       "down), or choose another with --data",
				       d->o->data, (int)pid);
		if (wait_for_lock(fd) < 0)
			return err_set(
			    err, EBUSY,
			    "the data directory %s is still locked by a process that berth left behind; see %s/lock",
			    d->o->data, d->o->data);
	}
	proc_start_time(getpid(), &start, NULL);
	snprintf(text, sizeof text, "%d %" PRIu64 "\n", (int)getpid(), start);
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, strlen(text), 0) < 0)
		return err_sys(err, errno, "write \"%s/lock\"", d->o->data);
	d->lock = fd_take(&fd);
	return 0;
}

/* ---- stopping ---- */

static void end_loop(void *ctx)
{
	struct daemon *d = ctx;

	loop_stop(d->loop);
}

static void stop_now(struct daemon *d)
{
	d->stopping = true;
	notify_manager("STOPPING=1");
	loop_timer_arm(d->stop, 0);
}

static void on_signal(void *ctx, int signal)
{
	log_info("%s: stopping; containers go on", signal == SIGTERM ? "SIGTERM" : "SIGINT");
	stop_now(ctx);
}

/* Nothing of it runs, and nothing is about to. */
static bool has_ended(const struct engine_container *c)
{
	return c->state == ENGINE_EXITED || c->state == ENGINE_LOST || (c->state == ENGINE_CREATED && !c->starting);
}

static void stop_if_all_ended(struct daemon *d)
{
	const struct engine_container *c;

	for (size_t i = 0; (c = engine_at(d->engine, i)); i++) {
		if (!has_ended(c) && !(c->job && d->resting))
			return;
	}
	if (d->resting || server_all_ended(d->server))
		stop_now(d);
}

static void on_engine(void *ctx, const struct engine_event *ev)
{
	if (ev->type == ENGINE_EV_EXITED)
		stop_if_all_ended(ctx);
}

static int on_server(void *ctx, const char *json, size_t len, const char *job)
{
	(void)json;
	(void)len;
	(void)job;
	stop_if_all_ended(ctx);
	return 0;
}

static void stop_all(struct daemon *d)
{
	const struct engine_container *c;
	struct err err = ERR_INIT;

	if (d->stopping_all)
		return;
	d->stopping_all = true;
	log_info("stopping all jobs and containers");
	d->engine_ended = engine_listen(d->engine, on_engine, d);
	d->server_ended = server_listen(d->server, on_server, d);
	server_cancel_all(d->server);
	for (size_t i = 0; (c = engine_at(d->engine, i)); i++) {
		/* A job's are ended by its server, which an agent does not have here. */
		if (!has_ended(c) && (!c->job || d->o->role == CLI_ROLE_AGENT) &&
		    engine_stop(d->engine, c->id, -1, &err) < 0 && err.code != ESRCH)
			log_err(&err, "stop a container");
	}
	stop_if_all_ended(d);
}

/* The machine is about to go. What jobs run is of no use without their server, which finds it lost and tries again. */
static void rest(struct daemon *d)
{
	if (d->resting || d->stopping_all)
		return;
	d->resting = true;
	log_info("stopping containers; the next start begins again what its restart policy wants");
	d->engine_ended = engine_listen(d->engine, on_engine, d);
	engine_rest(d->engine);
	stop_if_all_ended(d);
}

static void on_down(void *ctx, enum api_down how)
{
	struct daemon *d = ctx;

	if (how == API_DOWN_ALL)
		stop_all(d);
	else if (how == API_DOWN_REST)
		rest(d);
	else
		stop_now(d);
}

/* ---- up ---- */

/* To whoever waits for us: one line, "W" and the text. */
static void tell_starter(const struct cli_up_options *o, const char *text)
{
	mem_cleanup char *line = mem_printf("W%s\n", text);

	if (o->ready_fd >= 0 && fd_write_all(o->ready_fd, line, strlen(line)) < 0)
		log_warning("whoever started us has gone");
}

/* In the log, too. */
static void warn(const struct cli_up_options *o, const char *text)
{
	log_warning("%s", text);
	tell_starter(o, text);
}

/* An ordinary user's berth becomes root of a namespace of its own, before there is anything that could stay outside. */
static int enter_userns(const struct cli_up_options *o, struct err *err)
{
	char warning[ROOTLESS_WARNING_MAX];
	int r = rootless_needed() ? rootless_enter(warning, err) : 1;

	if (r == 0 && *warning)
		warn(o, warning);
	return r < 0 ? r : 0;
}

static int choose_network(struct daemon *d, struct err *err)
{
	char why[UPLINK_WHY_MAX];
	mem_cleanup char *text = NULL;
	int r;

	if (!rootless_inside() && !strcmp(d->o->network, "auto"))
		return 0;
	r = uplink_choose(d->o->network, &d->uplink, why, err);
	if (r < 0)
		return err_wrap(err, "--network");
	if (d->uplink != UPLINK_NONE && !rootless_inside())
		return err_set(err, EINVAL, "--network %s is for the berth of an ordinary user", d->o->network);
	if (*why) {
		text = mem_printf("containers have no network but their loopback: %s", why);
		warn(d->o, text);
	}
	return 0;
}

/* `berth up` that waits for us is told once. False: it has gone meanwhile, and wants no berth. */
static bool tell_ready(struct daemon *d)
{
	bool first = !d->told_ready;

	d->told_ready = true;
	d->starter = loop_fd_free(d->starter);
	if (!first)
		return true;
	notify_manager("READY=1");
	return d->o->ready_fd < 0 || write(d->o->ready_fd, "R", 1) == 1;
}

/* ---- several servers, of which one leads ---- */

static int listen_socket(struct daemon *d, struct err *err)
{
	mem_cleanup char *dir = mem_strdup(d->o->socket);
	char *slash = strrchr(dir, '/');
	fd_cleanup int made = -1;

	if (slash && slash != dir) {
		*slash = '\0';
		made = fs_mkdirs(dir, 0755, err);
		if (made < 0)
			return made;
	}
	return http_listen_unix(d->o->socket, rootless_inside() ? 0600 : 0660, d->group, err);
}

/* Whoever started us has gone, or was interrupted, before we were ready: nobody wants this berth. */
static void stop_unwanted(struct daemon *d)
{
	log_warning("whoever started us has gone before we were ready: stopping");
	stop_now(d);
}

static void on_starter(void *ctx, int events)
{
	struct daemon *d = ctx;

	(void)events;
	d->starter = loop_fd_free(d->starter);
	stop_unwanted(d);
}

static bool open_waiting(struct daemon *d)
{
	struct err err = ERR_INIT;
	int fd = d->waiting ? 0 : listen_socket(d, &err);

	if (d->waiting || (fd >= 0 && waiting_new(d->loop, fd, on_down, d, &d->waiting, &err) == 0))
		return true;
	log_err(&err, "nobody can be told what this server waits for");
	return false;
}

static void close_waiting(struct daemon *d)
{
	if (d->waiting)
		unlink(d->o->socket);
	d->waiting = waiting_free(d->waiting);
}

static void on_following(void *ctx, const char *leader)
{
	struct daemon *d = ctx;
	mem_cleanup char *text =
	    mem_printf("another server leads (%s): this one waits, and takes over when that one ends", leader);

	if (open_waiting(d))
		waiting_set_leader(d->waiting, leader);
	if (d->told_ready)
		log_warning("%s", text);
	else
		warn(d->o, text);
	(void)tell_ready(d);
}

/* Whoever waits for the start is told what it waits for, and again when that changes. */
static void on_trouble(void *ctx, const struct err *what)
{
	struct daemon *d = ctx;
	int64_t now = clock_mono_ms();
	mem_cleanup char *waits =
	    mem_printf("%s; it is tried again (berth down, or the end of this command, gives up)", what->text);
	bool news = !d->trouble || strcmp(d->trouble, what->text) != 0;

	if (d->opening && open_waiting(d))
		waiting_set_trouble(d->waiting, what->text);
	if (!news && now < d->trouble_ms + TROUBLE_AGAIN_MS)
		return;
	if (!d->told_ready && news)
		warn(d->o, waits);
	else
		log_warning("%s", what->text);
	free(d->trouble);
	d->trouble = mem_strdup(what->text);
	d->trouble_ms = now;
}

/* Containers go on: only the server ends, and waits until it leads again. */
static void on_lost(void *ctx, const struct err *why)
{
	struct daemon *d = ctx;

	log_err(why, "the server steps down");
	d->lost = true;
	loop_timer_arm(d->stop, 0);
}

static int open_store(struct daemon *d, struct store **ret, struct err *err)
{
	const struct store_hooks hooks = {.following = on_following, .trouble = on_trouble, .lost = on_lost, .ctx = d};
	/* An agent has no jobs of its own; what the API asks of a server it finds empty. */
	const char *kind = d->o->role == CLI_ROLE_AGENT ? "memory" : d->o->store ? d->o->store : "sqlite";

	int r;

	d->opening = true;
	/* It may take long, and berth down has to find somebody. */
	if (d->o->store && open_waiting(d))
		waiting_set_trouble(d->waiting, "it has not answered yet");
	r = store_open_shared(kind, d->o->data, d->loop, &hooks, ret, err);
	d->opening = false;
	close_waiting(d);
	return r;
}

static int open_server(struct daemon *d, struct link_end *link, struct err *err)
{
	const struct server_options o = {.lease_ms = (int64_t)d->o->lease_ms,
					 .cert_s = (int64_t)d->o->cert_ms / 1000,
					 .strict = d->o->strict,
					 .spread = d->o->spread};
	mem_cleanup char *dir = mem_printf("%s/cluster", d->o->data);
	const struct trust_options trust = {.folder = dir, .secret_file = d->o->authority_secret};
	mem_cleanup char *address = d->o->agents ? socket_with_port(d->o->agents) : NULL;
	struct store *store = NULL;
	int fd, r = open_store(d, &store, err);

	if (r < 0)
		return r;
	r = server_open(d->loop, store, link, &o, &d->server, err);
	if (r < 0) {
		store_close(store);
		return r;
	}
	if (!address)
		return 0;
	fd = http_listen_tcp(address, err);
	return fd < 0 ? err_wrap(err, "--agents") : server_listen_agents(d->server, fd, &trust, err);
}

/* The first word from the cluster. It is logged where it is heard. */
static void on_settled(void *ctx, const char *why)
{
	struct daemon *d = ctx;
	mem_cleanup char *text =
	    why ? mem_printf("this node has not joined the cluster yet, and goes on trying: %s", why) : NULL;

	d->joining = false;
	if (!d->up)
		return;
	if (text)
		tell_starter(d->o, text);
	if (!tell_ready(d))
		stop_unwanted(d);
}

/* The agent's end of the link: to the server in this process, or to the one that it belongs to. */
static int open_link(struct daemon *d, const struct agent_options *agent, struct link_end **ret_server,
		     struct link_end **ret_agent, struct err *err)
{
	mem_cleanup char *dir = mem_printf("%s/cluster", d->o->data);
	char name[64];
	struct dial_options dial = {.dir = dir,
				    .server = d->o->server,
				    .token = d->o->join_token,
				    .node = name,
				    .settled = on_settled,
				    .ctx = d};

	if (d->o->role == CLI_ROLE_SERVER)
		return 0;
	if (d->o->role == CLI_ROLE_UP) {
		link_pair(d->loop, ret_server, ret_agent);
		return 0;
	}
	agent_node_name(agent, name, sizeof name);
	d->joining = true;
	return dial_new(d->loop, &dial, ret_agent, err);
}

static int open_cluster(struct daemon *d, struct err *err)
{
	struct agent_options agent = {.node = d->o->node_name,
				      .data_dir = d->o->data,
				      .api_socket = d->o->socket,
				      .slots = d->o->slots,
				      .memory = d->o->memory,
				      .disk = d->o->disk,
				      .counters = d->o->counters,
				      .share_gpus = d->o->share_gpus,
				      .cores = d->host.n_cpus,
				      .machine_memory = d->host.memory_total};
	struct link_end *server_end = NULL, *agent_end = NULL;
	int r = open_link(d, &agent, &server_end, &agent_end, err);

	if (r == 0)
		r = open_server(d, server_end, err);
	if (r < 0) {
		if (!d->server)
			link_free(server_end);
		link_free(agent_end);
		return r;
	}
	if (agent_end)
		d->agent = agent_new(d->loop, d->engine, agent_end, &agent);
	return 0;
}

/* DOCKER_HOST=unix:///run/berth/docker.sock. Only in a folder of berth's own, and nothing that is no link is replaced. */
static void link_alias(struct daemon *d)
{
	static const char own[] = "/berth/berth.sock";
	size_t n = strlen(d->o->socket);
	struct stat st;

	if (n < sizeof own || strcmp(d->o->socket + n - (sizeof own - 1), own) != 0)
		return;
	d->alias = mem_printf("%.*s/docker.sock", (int)(n - strlen("/berth.sock")), d->o->socket);
	if (lstat(d->alias, &st) == 0 && S_ISLNK(st.st_mode))
		unlink(d->alias);
	if (symlink("berth.sock", d->alias) == 0)
		return;
	free(d->alias);
	d->alias = NULL;
}

static int open_doors(struct daemon *d, struct err *err)
{
	struct api_doors doors = options_doors(d->o);

	doors.given_fds = d->given_fds;
	link_alias(d);
	return api_listen(d->api, &doors, err);
}

static int open_api(struct daemon *d, struct err *err)
{
	struct api_options o = {.engine = d->engine,
				.server = d->server,
				.data_dir = d->o->data,
				.socket = d->o->socket,
				.cgroup_layout = d->host.cgroup_layout,
				.started_ms = d->started_ms,
				.policy = d->o->policy,
				.log_default = d->o->log_default,
				.node_here = d->o->role == CLI_ROLE_UP,
				.agent_of = d->o->server,
				.cluster = d->o->agents != NULL,
				.alone = rootless_inside(),
				.group = d->group,
				.down = on_down,
				.ctx = d};
	int fd = listen_socket(d, err), r;

	if (fd < 0)
		return fd;
	r = api_new(d->loop, fd, &o, &d->api, err);
	if (r < 0)
		unlink(d->o->socket);
	return r < 0 ? r : open_doors(d, err);
}

/* The group berth is the machine's; in a user namespace there is nobody to share with. Asked for while there is one thread alone. */
static void find_group(struct daemon *d)
{
	struct err err = ERR_INIT;

	if (!rootless_inside() && group_find("berth", &d->group, &err) < 0)
		log_err(&err, "the socket is for root alone");
}

static int open_all(struct daemon *d, struct err *err)
{
	int r = take_lock(d, err);

	if (r == 0)
		find_group(d);
	if (r == 0)
		r = rt_host(&d->host, err);
	if (r == 0)
		r = launcher_start(d->o->data, d->lock, d->o->netns_pool, d->uplink, &d->launcher, err);
	if (r == 0)
		r = loop_new(&d->loop, err);
	if (r < 0)
		return r;
	d->stop = loop_timer_new(d->loop, end_loop, d);
	r = loop_signal_new(d->loop, SIGTERM, on_signal, d, &d->term, err);
	if (r == 0)
		r = loop_signal_new(d->loop, SIGINT, on_signal, d, &d->interrupt, err);
	if (r == 0)
		r = engine_open(d->loop, d->o->data, d->launcher, &d->engine, err);
	if (r == 0 && d->o->ready_fd >= 0)
		r = loop_fd_new(d->loop, d->o->ready_fd, LOOP_IN, on_starter, d, &d->starter, err);
	for (size_t i = 0; r == 0 && engine_warning(d->engine, i); i++)
		warn(d->o, engine_warning(d->engine, i));
	return r;
}

/* The server, its agent and the doors; every part takes NULL. */
static void close_serving(struct daemon *d)
{
	if (d->api)
		unlink(d->o->socket);
	if (d->alias)
		unlink(d->alias);
	free(d->alias);
	d->alias = NULL;
	d->api = api_free(d->api);
	d->engine_ended = engine_unlisten(d->engine_ended);
	d->server_ended = server_unlisten(d->server_ended);
	d->agent = agent_free(d->agent);
	d->server = server_close(d->server);
}

/* In reverse. */
static void close_all(struct daemon *d)
{
	engine_close(d->engine);
	launcher_free(d->launcher);
	if (d->lock >= 0)
		rt_host_release();
	loop_signal_free(d->term);
	loop_signal_free(d->interrupt);
	loop_fd_free(d->starter);
	loop_timer_free(d->stop);
	loop_free(d->loop);
	free(d->trouble);
	fd_closep(&d->lock);
}

/* As long as this server leads. */
static int serve(struct daemon *d, struct err *err)
{
	int r = open_cluster(d, err);

	if (r == 0)
		r = open_api(d, err);
	if (r == 0) {
		malloc_trim(0);
		log_info("berth %s is up: socket %s, data %s", BERTH_VERSION, d->o->socket, d->o->data);
		d->up = true;
		if (d->joining || tell_ready(d))
			r = loop_run(d->loop, err);
		else
			log_warning("whoever started us has gone before we were ready: stopping");
	}
	close_serving(d);
	return r;
}

/* A server that has lost its lead waits until it leads again; one that is stopped while it waits ends in order. */
static int serve_on(struct daemon *d, struct err *err)
{
	int r;

	do {
		d->lost = false;
		err_clear(err);
		r = serve(d, err);
	} while (!d->stopping && ((r == 0 && d->lost) || r == -ESTALE));
	/* Whoever still waits for us to be ready hears why we never were. */
	return r == -ECANCELED && d->stopping && (d->told_ready || d->o->ready_fd < 0) ? 0 : r;
}

static int up(const struct cli_up_options *o, struct err *err)
{
	struct daemon d = {
	    .o = o, .lock = -1, .group = GROUP_NONE, .started_ms = clock_wall_ms(), .given_fds = notify_listen_fds()};
	int r;

	/* One arena: the second thread only writes to the store, and an arena costs more than it wins. */
	mallopt(M_ARENA_MAX, 1);
	signal(SIGPIPE, SIG_IGN);
	umask(022);
	log_begin();
	log_set_level((enum log_level)o->log_level);
	r = enter_userns(o, err);
	if (r == 0)
		r = choose_network(&d, err);
	if (r == 0)
		r = open_all(&d, err);
	if (r == 0)
		r = serve_on(&d, err);
	close_all(&d);
	return r;
}

/* ---- stores ---- */

static struct store_place place_of(const char *text)
{
	return strstr(text, "://") ? (struct store_place){.kind = text, .dir = ""}
				   : (struct store_place){.kind = "sqlite", .dir = text};
}

static int move_store(struct cli_store_job *job, struct err *err)
{
	const struct store_place from = place_of(job->from), to = place_of(job->to);
	struct store_counts n = {.docs = 0};
	int r;

	if (job->what == CLI_STORE_BACKUP)
		r = store_backup(&from, job->to, &n, err);
	else if (job->what == CLI_STORE_RESTORE)
		r = store_restore(job->from, &to, &n, err);
	else
		r = store_copy(&from, &to, &n, err);
	job->docs = n.docs;
	job->events = n.events;
	job->snapshots = n.snapshots;
	return r;
}

static int simulate(struct cli_sim *sim, struct err *err)
{
	const struct store_place from = place_of(sim->from);
	const struct replay_options o = {.nodes = sim->nodes, .without = sim->without, .policy = sim->policy};
	struct store *store = NULL;
	struct loop *loop = NULL;
	int r = loop_new(&loop, err);

	if (r == 0)
		r = store_check_there(&from, err);
	if (r == 0)
		r = store_open_read(from.kind, from.dir, loop, &store, err);
	if (r == 0) {
		r = replay_store(store, &o, &sim->json, err);
		store_close(store);
	}
	loop_free(loop);
	return r;
}

int main(int argc, char **argv)
{
	static const struct cli_hooks hooks = {
	    .up = up, .check = options_check, .store = move_store, .sim = simulate, .compose = compose_main};

	if (argc > 0 && !strcmp(argv[0], "berth-launcher")) {
		log_begin();
		launcher_main(argc, argv);
	}
	if (argc > 0 && !strcmp(argv[0], ENGINE_TOOL_NAME))
		return docker_tool_main();
	if (argc > 0 && !strcmp(argv[0], SOURCE_TOOL_NAME))
		return source_tool_main(argc, argv);
	fd_fill_standard();
	if (argc > 0 && oci_is_name(argv[0]))
		return oci_main(argc, argv, argv);
	if (argc > 1 && !strcmp(argv[1], "oci"))
		return oci_main(argc - 1, argv + 1, argv);
	if (argc > 1 && !strcmp(argv[1], "compose"))
		return compose_main(argc - 1, argv + 1, NULL, NULL);
	return cli_main(argc, argv, &hooks);
}
