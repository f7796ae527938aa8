/* SPDX-License-Identifier: Apache-2.0
 *
 * engine: containers as a user knows them, on this node. It knows no HTTP and no job; it sees runtime, image and data. All calls are made on
 * the loop's thread and never block for long: whatever blocks runs in a child of the launcher.
 *
 * Processes:
 *   daemon --- launcher (forked first, tiny, no threads; execs itself from a read-only view of the binary)
 *                 |- monitor of container A (own session; outlives daemon and launcher) --- init (PID 1 in A) --- payload
 *                 |- worker: import an image, remove a tree, list files for a glob
 *
 * Files of a container, below <data>/containers/<id>/ (0700):
 *   config.json   what was asked for, with image and layers resolved; written before the monitor starts
 *   life.json     the number of the present life, and what users wish of it (life.h); missing = the first, as config.json says
 *   sock          the monitor listens here; whoever connects is the daemon of the moment
 *   state.json    once started: number of the life, pid, start time, cgroup
 *   health.json   the last results of the health check
 *   log, log.1 .. output in records of stream, time, bytes (docs/formats/log.md), rotated
 *   exit.json     atomically, before the monitor stops listening: number of the life, exit code, signal, oom, times, error, staging figures
 *   upper work    the writable layer; task: the directory mounted at /work
 *
 * Lives: a container may be started again after its end. Each life has a number, `run`, and a monitor of its own; upper layer and log go on.
 * exit.json and state.json of another life than life.json's count for nothing.
 *
 * <data>/trash holds what is being removed: a rename puts it there, a worker empties it.
 *
 * A daemon that starts connects to each sock: answered = alive; refused = the monitor is gone: exit.json there = ended, else lost
 * (what is left of it is killed by its cgroup first). The lock of the data directory is shared with launcher and monitors-to-be until a monitor
 * listens, so a new daemon that got the lock sees every container there will ever be.
 */
#pragma once

#include "node/runtime/uplink.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yyjson.h>

struct err;
struct loop;
struct stat;
struct engine;
struct launcher;
struct image_info;

/* ---- start ---- */

/* Forks and execs the launcher; makes the data directory when it is missing. Call before threads exist and before the loop. data_dir: absolute. lock_fd: the held lock of the data directory, -1 = none.
 * netns_pool: how many network namespaces it keeps ready (node/runtime/netpool.h); 0 = none. uplink: what networks of containers lead to. */
int launcher_start(const char *data_dir, int lock_fd, unsigned netns_pool, enum uplink_kind uplink,
		   struct launcher **ret, struct err *err);
struct launcher *launcher_free(struct launcher *l);
/* The launcher's own main: main.c calls it when argv[0] is "berth-launcher" (set by launcher_start). Never returns. */
_Noreturn void launcher_main(int argc, char **argv);

/* Finds what an earlier daemon left. Containers that ended meanwhile are listed as EXITED without an event, but for those with `remove`,
 * which are told and go. What was lost is told by an EXITED event with state LOST, after everything of it was killed. A container
 * whose order never reached a launcher is started now. What has ended is started again when its restart policy says so: `always` even if it
 * was stopped by hand. A stop by hand that its monitor may not have heard is repeated. */
int engine_open(struct loop *loop, const char *data_dir, struct launcher *launcher, struct engine **ret,
		struct err *err);
/* What is wrong with the machine's networks, found when it was opened; NULL at the end. */
const char *engine_warning(struct engine *e, size_t position);
/* Leaves the containers running. Close log readers before. Imports that have not ended are forgotten without a call of done. */
struct engine *engine_close(struct engine *e);

/* ---- containers ---- */

enum engine_state {
	ENGINE_CREATED, /* config written; with `starting` the monitor is asked for (staging in happens here) */
	ENGINE_RUNNING,
	ENGINE_STOPPING, /* the payload ended; staging out */
	ENGINE_EXITED,	 /* exit is known */
	ENGINE_LOST,	 /* the monitor vanished without a record */
};
const char *engine_state_name(enum engine_state s);

enum engine_health { ENGINE_HEALTH_NONE, ENGINE_HEALTH_STARTING, ENGINE_HEALTHY, ENGINE_UNHEALTHY };

struct engine_exit {
	int code, signal;
	bool oom;
	char *error; /* NULL, or why it could not start / stage ("stage_out of space work: ...") */
	bool never_started;
	bool fenced; /* ended because engine_fence() had not been moved on */
	uint64_t memory_peak, cpu_us;
};

enum engine_restart {
	ENGINE_RESTART_NO,
	ENGINE_RESTART_ALWAYS,
	ENGINE_RESTART_UNLESS_STOPPED,
	ENGINE_RESTART_ON_FAILURE
};

struct engine_container {
	char id[65];
	char *name;	       /* unique among living and dead; made up (base/core/nickname.h) when none was given */
	char *key;	       /* NULL, or the caller's own unique key (an attempt) */
	char *image, *command; /* for lists: name, and argv joined and shortened */
	char *job, *task;      /* NULL for a plain run */
	uint32_t index, epoch;
	enum engine_state state;
	enum engine_health health;
	int64_t created_ms, started_ms, ended_ms; /* of the present life; 0 = not yet */
	int64_t last_ended_ms; /* of the life before, for those who show the last end while it runs; 0 = none */
	int pid;
	bool remove;		 /* remove when it has ended, unless it is started again */
	struct engine_exit exit; /* EXITED, LOST; while it is starting again, of the life before, as users see it */
	/* NULL, or why its last start came to no life (a published port is taken, a network is gone): until its next one */
	char *refused;

	/* its lives. What users call its state: dead, removing, paused and restarting (in this order) come before `state` */
	uint32_t run;	 /* the number of the present or last life; 0 = it was never started */
	bool starting;	 /* CREATED: a life was ordered and has not begun */
	bool paused;	 /* RUNNING */
	bool restarting; /* its policy starts it again: EXITED or LOST = it waits for that, CREATED = it is starting */
	bool manual;	 /* it was asked to end (stop, kill with SIGKILL or the stop signal) since its last start */
	int64_t warned_ms; /* when it got its warning in this life, 0 = not */
	bool removing;	   /* somebody asked for its removal, and it has not gone yet */
	bool linked;	   /* it was made with links; what there is of them now is told by engine_networks() */
	bool dead;	   /* it was to be removed, and its files could not be: engine_remove() tries again */
	enum engine_restart restart;
	uint32_t restart_max;	/* on-failure: how often, 0 = no limit */
	uint32_t restart_count; /* by the policy, since somebody started it */
	char **labels;		/* "name=value", NULL = none */
	char **devices;		/* of the machine, that it was given by their paths here, NULL = none */
};

/* What can be asked for: the service keys of docs/formats/job.md section 2 (image, entrypoint, command, environment, working_dir, user, hostname,
 * mounts, files, read_only, limit_*, stop_signal, stop_grace_ms, healthcheck, labels, stage_in, stage_out) and: name, remove, key, job, task, index, epoch, and
 * "spaces": [{"name", "path"}] with absolute paths for the staging rules; "fenced": engine_fence(); "confined": rights.h; "warn_signal" (a number) and "warn_after_ms": it gets
 * that signal once, so long after its start (WARNED). limit_pids 0 or absent = 4096. Unknown members are refused.
 * Checked here again, whoever sends it. -EINVAL, -ENOENT (image), -EEXIST (name or key).
 * Also: "log": {"max_size" (bytes of one file, default 100 MiB), "max_files" (3), "compress" (of files that were rotated, false)}.
 * On success the container exists (config.json is written) and the monitor has been asked for: STARTED or EXITED comes as an event. */
int engine_run(struct engine *e, yyjson_val *spec, const struct engine_container **ret, struct err *err);
/* `hooks` (devhook.h; NULL = none) are programs of this machine that run beside it: from files of its administrator, never from whoever asks. -ENOTSUP: with
 * `userns`. */
int engine_run_hooked(struct engine *e, yyjson_val *spec, yyjson_val *hooks, const struct engine_container **ret,
		      struct err *err);
/* The container exists and nothing runs: CREATED, run 0. Everything is checked as in engine_run_hooked(), which is both. */
int engine_create(struct engine *e, yyjson_val *spec, yyjson_val *hooks, const struct engine_container **ret,
		  struct err *err);
/* Its next life; it forgets a stop by hand, and its restarts are counted from 0. On success the wish is written down: it happens even if the daemon
 * dies now. An event tells how it went: STARTED, or EXITED with exit.never_started (c->run is the number of this life). -EALREADY: it runs or
 * starts already (paused: -EBUSY). -EBUSY: it is being removed. One that waits for its policy starts at once; one whose
 * monitor is still clearing up starts when that is done. -ENOENT: its image has gone. -EINVAL: it belongs to a job. */
int engine_start(struct engine *e, const char *id, struct err *err);
/* Stops it as engine_stop() does, and starts it then; one that does not run is just started. First comes EXITED of this life (engine_start_due() is true),
 * then what engine_start() brings. A stop or a removal meanwhile takes the start back. */
int engine_restart(struct engine *e, const char *id, int64_t grace_ms, struct err *err);
/* It has ended, and will be started as soon as its monitor has gone: somebody asked for it (start, restart), not its policy. */
bool engine_start_due(const struct engine_container *c);
/* The same check without doing anything: for submit. */
int engine_check(struct engine *e, yyjson_val *spec, struct err *err);

/* By id, unambiguous id prefix (>= 2 digits), name or key. */
int engine_find(struct engine *e, const char *name, const struct engine_container **ret, struct err *err);
const struct engine_container *engine_by_key(struct engine *e, const char *key); /* or NULL */
/* Containers with `fenced` in their spec run until then (clock_mono_ms()) and are killed, with or without a daemon, unless it is moved on before; it never goes
 * back, but from INT64_MAX. In the beginning, and after a boot, it is 0. The end of such a container has exit.fenced. */
void engine_fence(struct engine *e, int64_t until_ms);
int64_t engine_fenced_until(const struct engine *e);
/* In the order of creation, position from 0; NULL at the end. */
const struct engine_container *engine_at(struct engine *e, size_t position);

/* The machine's devices that it was given are in use: from the order to start it until nothing starts it again by itself. */
bool engine_uses_devices(const struct engine_container *c);

/* A new name, at once. -EEXIST: another one has it; -EINVAL: it is no name, or its own. Told as CHANGED. */
int engine_rename(struct engine *e, const char *id, const char *name, struct err *err);

/* What the monitor does and answers: done is called once, from the loop, err NULL = it is done; not after engine_answer_forget() or engine_close().
 * done may be NULL, ret too. What can be known at once is the return value, and done is not called then: an error, or 1 = it
 * is done already. */
typedef void (*engine_done_fn)(void *ctx, const struct err *err);
struct engine_answer;
void engine_answer_forget(struct engine_answer *a);
/* By the cgroup freezer. -ENOTSUP: this machine has none. -ESRCH: it does not run. -EALREADY: it is paused, or is not. Told as CHANGED. */
int engine_pause(struct engine *e, const char *id, engine_done_fn done, void *ctx, struct engine_answer **ret,
		 struct err *err);
int engine_unpause(struct engine *e, const char *id, engine_done_fn done, void *ctx, struct engine_answer **ret,
		   struct err *err);
/* New limits and a new restart policy, for the running container and its next lives. changes: an object of spec members, each takes the place of the old one:
 * limit_cpu_milli, limit_memory, limit_pids, memory_reservation, memory_swap, memory_swappiness, cpu_shares, cpu_period, cpu_quota, cpuset_cpus, cpuset_mems,
 * blkio_weight, restart, docker; null takes a member away. -EINVAL: another one, or a wrong value. -EBUSY: an update is under way.
 * When the kernel refuses a limit, nothing has changed. Told as CHANGED. */
int engine_update(struct engine *e, const char *id, yyjson_val *changes, engine_done_fn done, void *ctx,
		  struct engine_answer **ret, struct err *err);

/* Asynchronous; the exit comes as an event. -EBUSY ... -ESRCH when it does not run. stop = stop signal, SIGKILL after grace_ms (-1 = the spec's own; for
 * ever: a year). Both end a wait for the restart policy, too, which is told as CHANGED, and SIGKILL lets a paused container go on first. */
int engine_kill(struct engine *e, const char *id, int signal, struct err *err);
int engine_stop(struct engine *e, const char *id, int64_t grace_ms, struct err *err);
/* Ends what runs but the tasks of jobs, as engine_stop() with the grace of each, because the machine is about to go: nobody has asked for it, so the next engine begins
 * again what its restart policy or an unfinished restart wants. No life begins in this one any more (-ESHUTDOWN). */
void engine_rest(struct engine *e);
/* The same by another signal, 0 = its own. */
int engine_stop_by(struct engine *e, const char *id, int signal, int64_t grace_ms, struct err *err);
/* Forgets a container that does not run and removes its files (in a worker); force stops it first with SIGKILL. -EBUSY: it runs. REMOVED tells that it
 * has gone. */
int engine_remove(struct engine *e, const char *id, bool force, struct err *err);

/* config.json (docs/formats/container.md), the caller's: its member `spec` is what was asked for (with `docker`), argv, env, layers what came of it. The
 * name there is that of the creation. */
int engine_config(struct engine *e, const char *id, yyjson_doc **ret, struct err *err);
/* Of the same file: one that has changed is another one (inode, st_ctim). */
int engine_config_stat(struct engine *e, const char *id, struct stat *ret, struct err *err);
/* {"failing_streak": n, "log": [{"start_ns", "end_ns", "code", "output"} ...]}: at most the last 5, oldest first, 4 KiB of output each. The caller's. -ENOENT: no
 * check was made in this life. */
int engine_health_log(struct engine *e, const char *id, yyjson_doc **ret, struct err *err);
/* networks.json: what a container wants of networks, in place of `networks` in its spec, since it came to one or left one. The caller's. -ENOENT: it never did. */
int engine_networks(struct engine *e, const char *id, yyjson_doc **ret, struct err *err);

/* ---- events: facts go up ---- */

enum engine_event_type {
	ENGINE_EV_CREATED,
	ENGINE_EV_STARTED,
	ENGINE_EV_HEALTH,
	ENGINE_EV_STOPPING,
	ENGINE_EV_EXITED,
	ENGINE_EV_REMOVED,
	ENGINE_EV_CHANGED, /* text: "pause", "unpause", "rename", "update", "restart" (a restart by policy is due, or was given up) */
	ENGINE_EV_WARNED, /* warned_ms is known; told again by a daemon that finds it running */
	ENGINE_EV_IMAGE,  /* an image was imported or removed: c is NULL, text its name */
};
struct engine_event {
	enum engine_event_type type;
	int64_t time_ms;
	const struct engine_container *c;
	const char *text;
};
typedef void (*engine_event_fn)(void *ctx, const struct engine_event *ev);
/* A container tells STARTED and EXITED in each of its lives. EXITED also tells of LOST: look at c->state. c shows the present, which may be later than the event; it is valid until REMOVED was delivered.
 * Several listeners; called in order of registration, never from inside an engine_* call of the listener's own stack (queued to the loop). */
struct engine_listener;
struct engine_listener *engine_listen(struct engine *e, engine_event_fn fn, void *ctx);
struct engine_listener *engine_unlisten(struct engine_listener *l);

/* What users see of it, with Docker's names and times in ns: action.h. */

/* ---- logs ---- */

struct engine_log_options {
	bool follow;
	int64_t tail;	  /* lines, -1 = all */
	int64_t since_ms; /* 0 = all */
};
/* stream 1 stdout, 2 stderr, 0 a notice of ours ("12 bytes were lost: no space left on device"); n = 0 and stream 0: the end (not followed any more, or the container
 * has ended and all is read). Returning 1 pauses the reader until engine_log_resume(). */
typedef int (*engine_log_fn)(void *ctx, int stream, int64_t time_ms, const void *data, size_t n);
struct engine_log;
/* Never calls fn from inside this call. fn may close the reader. */
int engine_log_open(struct engine *e, const char *id, const struct engine_log_options *o, engine_log_fn fn, void *ctx,
		    struct engine_log **ret, struct err *err);
void engine_log_resume(struct engine_log *l);
struct engine_log *engine_log_close(struct engine_log *l);

/* ---- images and files, done by workers ---- */

/* Import: write the tar to the returned descriptor (non-blocking pipe, the caller's), close it at the end of the data; done is called once.
 * ref NULL: an image without a name. */
typedef void (*engine_import_fn)(void *ctx, const struct image_info *image, const struct err *error);
struct engine_import;
int engine_import(struct engine *e, const char *ref, yyjson_val *config, engine_import_fn done, void *ctx, int *ret_fd,
		  struct engine_import **ret, struct err *err);
void engine_import_abort(struct engine_import *i); /* the client went away: done is not called */
/* Fetches the image from its registry: `berth pull` in a worker, with the settings and logins of whoever started the daemon. done once. */
int engine_pull(struct engine *e, const char *image, engine_import_fn done, void *ctx, struct err *err);
int engine_image_remove(struct engine *e, const char *name, bool force, struct err *err);
struct image_store *engine_images(struct engine *e);
/* Each image with its name and the bytes of its layers, by name. */
void engine_each_image(struct engine *e, void (*fn)(void *ctx, const char *name, const char *id, uint64_t bytes),
		       void *ctx); /* id: "sha256:..." */
/* Another one when names of images have come or gone, whichever process did it. */
uint64_t engine_images_stamp(const struct engine *e);

/* This program once more, as a process "berth-tool" (engine_tool_main() finds what is here in its descriptors): for work that takes long or speaks
 * to the world. request: a JSON object. in, out: its standard input and output, the caller's. done is called once, with its answer, a JSON object,
 * or an error. */
typedef void (*engine_tool_fn)(void *ctx, yyjson_val *answer, const struct err *err);
struct lodger;
struct engine_tool_fds {
	int in, out;
	struct lodger *lodger; /* NULL, or taken over in every case: its place on a network (lodger.h) */
};
struct engine_tool;
int engine_tool(struct engine *e, const char *request, const struct engine_tool_fds *io, engine_tool_fn done, void *ctx,
		struct engine_tool **ret, struct err *err);
void engine_tool_abort(struct engine_tool *t); /* it is told to end (SIGTERM); done is not called */

/* In that process: besides 0 and 1. What is written to REPLY at the end is the answer, {"ok": true} or {"error": text, "code": errno}. LIFE is
 * at its end when nobody waits any more. */
enum { ENGINE_TOOL_REPLY = 3, ENGINE_TOOL_REQUEST, ENGINE_TOOL_LIFE, ENGINE_TOOL_DATA, ENGINE_TOOL_FDS };
#define ENGINE_TOOL_NAME "berth-tool"

/* Files of a space that match, sorted. done once. */
typedef void (*engine_glob_fn)(void *ctx, char **paths, size_t n, const struct err *error);
int engine_glob(struct engine *e, const char *space_path, const char *pattern, size_t limit, engine_glob_fn done,
		void *ctx, struct err *err);

/* What everything takes on the disk, as JSON (report_usage of node/image/report.h). done once. */
typedef void (*engine_usage_fn)(void *ctx, const char *json, const struct err *error);
int engine_usage(struct engine *e, engine_usage_fn done, void *ctx, struct err *err);

/* Removes <data>/<relative> in a worker, fire and forget (private spaces of a forgotten job). */
void engine_remove_tree(struct engine *e, const char *relative);
