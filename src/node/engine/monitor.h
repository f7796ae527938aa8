/* SPDX-License-Identifier: Apache-2.0
 *
 * monitor: the process that owns one container. It is a fork of the launcher (so that it shares the launcher's memory), lives in a session of
 * its own, and needs nobody: the daemon and the launcher may die. Inside one poll(2) loop it moves output to the log, answers its socket, runs health checks
 * and waits for the payload. It keeps as little memory as it can.
 *
 *   monitor.c        life from config.json to exit.json
 *   monitor_conn.c   the socket
 *   monitor_start.c  files, mounts, layers, the call of the runtime
 *   monitor_network.c  the way out of its network
 *   monitor_wish.c   requests with an answer: pause, new limits
 *   monitor_stream.c  clients of its streams;  flow.h moves the bytes
 *   monitor_exec.c   more processes in it
 *   monitor_stage.c  staging, in a child, so that a stop is heard meanwhile
 */
#pragma once

#include "node/engine/exec.h"
#include "node/engine/flow.h"
#include "node/engine/order.h"
#include "node/engine/health.h"
#include "node/engine/logpack.h"
#include "node/engine/record.h"
#include "node/net/nl.h"
#include "node/net/plug.h"
#include "node/runtime/oom.h"

#define MONITOR_CONNS 4
#define MONITOR_LINE_MAX 256
#define MONITOR_GIVEN_MAX 4

struct monitor_conn {
	int fd;	     /* -1 = free */
	bool behind; /* it missed a record: the present one is due when there is room */
	bool follow, armed;
	uint64_t woke_at; /* log.total when it was last told */
	size_t n_in;
	char in[MONITOR_LINE_MAX];
	int given[MONITOR_GIVEN_MAX]; /* descriptors whose requests have not been read to their ends */
	size_t n_given;
};

struct monitor {
	int data_dir, dir, listen_fd, exit_fd;
	bool can_limit_pids; /* this machine, for us */
	pid_t launcher;
	char id[65];
	struct order order;
	struct devhook_life hooks;
	struct record rec;
	struct logfile log;
	struct logpack pack;
	const char *name; /* what it is called in this life */
	struct monitor_conn conns[MONITOR_CONNS];
	struct flow flow;
	struct exec_run *execs;
	bool crowded; /* no more clients fit, which daemons know */
	struct rt_box box;
	struct oom oom; /* of a container whose memory has a limit */
	int netns;	/* prepared for the container, or -1; closed when it runs in it */
	enum uplink_kind uplink_kind;
	struct uplink uplink;
	struct plug plugged; /* its networks, where it has some */
	struct nl rules;     /* of them; open until the end was told (wall.h) */
	bool plug_later;     /* they wait for the first process */
	ino_t plug_inode;    /* of the plug.json that they are of, 0 = there was none: each is a new file */
	bool started, ended;
	int64_t paused_ms; /* clock_mono_ms() when it was */
	struct health health;
	/* staging */
	pid_t helper;
	int helper_fd;
	bool helper_done;
	/* a wish to end */
	int stop_signal; /* the first signal that asked for the end, 0 = none */
	int64_t kill_at; /* clock_mono_ms(), INT64_MAX = never */
	int64_t warn_at; /* the same; the program gets warn_signal then */
	int warn_signal;
	int fence;	    /* fence_timer() of what is fenced, or -1 ... */
	int64_t fence_term; /* ... and the term that it is of */
};

/* One turn of the loop: waits for something and handles it. */
void monitor_turn(struct monitor *m);
/* Tells everybody the present record. */
void monitor_publish(struct monitor *m);
/* Writes it to state.json. */
void monitor_write_state(struct monitor *m);
/* A request for a signal, from the socket. */
void monitor_kill(struct monitor *m, int signal);
void monitor_stop(struct monitor *m, int signal, int64_t grace_ms); /* signal 0: its own stop signal */
/* Of this process: -999 needs CAP_SYS_RESOURCE; without it we are as good a victim as anybody. "0" while a process of the container is being made. */
void monitor_oom_score(const char *score);
int monitor_fault_code(enum rt_fault fault);

/* monitor_conn.c */
int monitor_listen(struct monitor *m, struct err *err);
void monitor_conn_add(struct monitor *m, int fd);
void monitor_conn_accept(struct monitor *m);
/* False when there was nothing. */
bool monitor_conn_input(struct monitor *m, struct monitor_conn *c);
void monitor_conn_send(struct monitor_conn *c, const char *line, size_t n, bool record);
void monitor_conn_record(struct monitor *m, struct monitor_conn *c);
/* Wakes those who follow the log and have not been told since the last bytes. */
void monitor_conn_wake(struct monitor *m);

/* monitor_wish.c */
void monitor_wish(struct monitor *m, struct monitor_conn *c, yyjson_val *v);
/* After the signal: what is paused could not end by it. */
void monitor_thaw(struct monitor *m, int signal);

/* monitor_stream.c */
void monitor_stream_init(struct monitor *m);
void monitor_stream_prepare(struct monitor *m);		       /* the order is known */
int monitor_stream_outlet(struct monitor *m, struct err *err); /* before the start: where its output goes besides */
/* A request {"attach": v}; takes fd. */
void monitor_stream_attach(struct monitor *m, yyjson_val *v, int fd);
/* Tells whether there is room for more clients, when that has changed. */
void monitor_stream_tell(struct monitor *m);
void monitor_stream_size(const struct flow *f, yyjson_val *v); /* [rows, columns] */
void monitor_stream_keys(struct detach *d, yyjson_val *v);     /* its "keys" */

/* monitor_exec.c */
/* A request {"exec": id, "size": [rows, columns], "keys": ...}; takes fd, -1 = nobody looks. */
void monitor_exec_start(struct monitor *m, yyjson_val *v, int fd);
void monitor_exec_size(struct monitor *m, yyjson_val *id, yyjson_val *size);
void monitor_exec_record(struct monitor *m, struct monitor_conn *c); /* tells of all that are there */
void monitor_exec_poll(struct monitor *m, struct polls *p);
void monitor_exec_serve(struct monitor *m, const struct polls *p);
void monitor_exec_end(struct monitor *m);

/* monitor_network.c: what leads out of the container's network, made before its start and ended with it. */
int monitor_network_start(struct monitor *m, struct err *err);
/* rt_spec.furnish, ctx is the monitor: the networks of a container with users of its own, whose network comes with its first process. */
int monitor_network_furnish(void *ctx, pid_t pid, struct err *err);
/* What leads to it goes; the interfaces stay, for the kernel takes its time to remove them, */
void monitor_network_shut(struct monitor *m);
/* and go with this, when its end has been told. */
void monitor_network_stop(struct monitor *m);
/* A request {"re": n, "plug": true}: plug.json is another one. */
int monitor_network_change(struct monitor *m, struct err *err);
/* A daemon comes: the one before it may have written another plug.json and died before it asked. */
void monitor_network_catch_up(struct monitor *m);
/* With an uplink: its name servers as a file to mount, named ORDER_RESOLV in the container's directory, in place of what *ret_fd is; else that stays. */
int monitor_network_names(struct monitor *m, int *ret_fd, struct err *err);

/* monitor_start.c */
int monitor_start(struct monitor *m, enum rt_fault *ret_fault, struct err *err);
/* The writable layer and everything else that is of no use after the end. */
void monitor_cleanup(struct monitor *m);

/* monitor_stage.c: copies by the rules of one direction; turns the loop meanwhile. -ECANCELED when a stop was asked for. */
int monitor_stage(struct monitor *m, bool out, struct err *err);
