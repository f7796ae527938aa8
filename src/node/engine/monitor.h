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
 *   monitor_stage.c  staging, in a child, so that a stop is heard meanwhile
 */
#pragma once

#include "node/engine/order.h"
#include "node/engine/health.h"
#include "node/engine/logfile.h"
#include "node/engine/record.h"
#include "node/runtime/rt.h"

#define MONITOR_CONNS 4
#define MONITOR_LINE_MAX 256

struct monitor_conn {
	int fd;	     /* -1 = free */
	bool behind; /* it missed a record: the present one is due when there is room */
	bool follow, armed;
	uint64_t woke_at; /* log.total when it was last told */
	size_t n_in;
	char in[MONITOR_LINE_MAX];
};

struct monitor {
	int data_dir, dir, listen_fd, exit_fd;
	bool can_limit_pids; /* this machine, for us */
	pid_t launcher;
	char id[65];
	struct order order;
	struct record rec;
	struct logfile log;
	struct monitor_conn conns[MONITOR_CONNS];
	int out[2]; /* read ends of stdout, stderr; -1 = closed */
	struct rt_box box;
	int netns; /* prepared for the container, or -1; closed when it runs in it */
	enum uplink_kind uplink_kind;
	struct uplink uplink;
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
};

/* One turn of the loop: waits for something and handles it. */
void monitor_turn(struct monitor *m);
/* Tells everybody the present record. */
void monitor_publish(struct monitor *m);
/* Writes it to state.json. */
void monitor_write_state(struct monitor *m);
/* A request for a signal, from the socket. */
void monitor_kill(struct monitor *m, int signal);
void monitor_stop(struct monitor *m, int64_t grace_ms);

/* monitor_conn.c */
int monitor_listen(struct monitor *m, struct err *err);
void monitor_conn_add(struct monitor *m, int fd);
void monitor_conn_accept(struct monitor *m);
void monitor_conn_input(struct monitor *m, struct monitor_conn *c);
void monitor_conn_send(struct monitor_conn *c, const char *line, size_t n, bool record);
void monitor_conn_record(struct monitor *m, struct monitor_conn *c);
/* Wakes those who follow the log and have not been told since the last bytes. */
void monitor_conn_wake(struct monitor *m);

/* monitor_wish.c */
void monitor_wish(struct monitor *m, struct monitor_conn *c, yyjson_val *v);
/* After the signal: what is paused could not end by it. */
void monitor_thaw(struct monitor *m, int signal);

/* monitor_start.c */
/* monitor_network.c: what leads out of the container's network, made before its start and ended with it. */
void monitor_network_start(struct monitor *m);
void monitor_network_stop(struct monitor *m);
/* Its name servers as a file to mount, named RESOLV_NAME in the container's directory; -1 with no error = there are none to give. */
#define RESOLV_NAME "resolv.conf"
int monitor_network_names(struct monitor *m, int *ret_fd, struct err *err);

int monitor_start(struct monitor *m, enum rt_fault *ret_fault, struct err *err);
/* The writable layer and everything else that is of no use after the end. */
void monitor_cleanup(struct monitor *m);

/* monitor_stage.c: copies by the rules of one direction; turns the loop meanwhile. -ECANCELED when a stop was asked for. */
int monitor_stage(struct monitor *m, bool out, struct err *err);
