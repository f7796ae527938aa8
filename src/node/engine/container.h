/* SPDX-License-Identifier: Apache-2.0
 *
 * container: the daemon's side of one container, and the engine that holds them all. Inside of node/engine only.
 *
 *   engine.c     open, close, create, run, find
 *   wish.c       what users wish of a container: start, stop, kill, pause, rename, remove; update.c: new limits
 *   life.c       its lives, restart policies
 *   container.c  one container: its monitor's connection, its end, its removal
 *   recover.c    what an earlier daemon left
 *   event.c      listeners and the queue of events; action.c: the same as users see it
 *   answer.c     requests that a monitor answers
 *   follow.c     engine_log_*
 *   stream.c     clients of streams: stream.h;  exec_daemon.c: processes in it
 *   trash.c      removal of files
 *   import.c     engine_import and the other work of workers;  reply.c: the answer of a worker
 */
#pragma once

#include "base/core/buf.h"
#include "base/core/map.h"
#include "node/engine/action.h"
#include "node/engine/engine.h"
#include "node/engine/exec.h"
#include "node/engine/launcher.h"
#include "node/engine/life.h"
#include "node/engine/record.h"

#define ENGINE_CONTAINERS_MAX 100000

struct image_store;
struct loop_fd;
struct loop_post;
struct loop_timer;
struct order;
struct image_info;

struct container {
	struct engine_container pub; /* first: the public pointer is the private one */
	struct engine *e;
	int64_t created_ns;
	int64_t userns_base; /* 0 = none */
	bool leased;	     /* its image is (container_lease) */
	int conn;	     /* to its monitor, -1 = none */
	struct loop_fd *watch;
	struct loop_timer *retry; /* its monitor was too busy to take the connection, or is ordered once more */
	struct buf in;
	/* What was asked of a monitor that has not said a word yet: if it never lived, the next one has to be told. */
	struct buf wishes;
	bool heard;	  /* its monitor has spoken */
	bool remove_soon; /* the spec said remove, or somebody asked: goes at its end */
	bool unlisted;	  /* not in the maps and the list any more */
	bool losing;	  /* a worker is killing what a dead monitor left */
	bool never_ran;
	/* its lives: life.h */
	bool start_soon, automatic, renamed, has_health;
	bool released; /* network_release() was called for the present life */
	int64_t ending, backoff_ms;
	int stop_signal;
	uint32_t ooms; /* of this life that were told of */
	bool recalled; /* its monitor has not said yet what an earlier daemon may have been told */
	struct loop_timer *backoff;
	/* what users are told: the life ends because of a stop, or began because of a restart */
	bool stop_asked, restart_asked;
	struct engine_answer *answers;
	struct update *update;	 /* the one under way */
	unsigned ordered;	 /* how often this daemon asked for its monitor */
	bool forgotten;		 /* REMOVED is queued */
	bool buried;		 /* it was delivered: freed when its monitor has gone */
	struct engine_log *logs; /* open readers */
	bool tty;
	bool crowded;		   /* its monitor takes no more clients */
	struct stream_wait *waits; /* clients that wait for a monitor */
	bool networks_as_made;	   /* it has no networks.json, as was seen when one was looked for */
	char **volumes;		   /* names of those it has (volume.h), NULL = none */
	char **own_volumes;	   /* of them those that go with it when it removes itself */
	struct container *next_gone;
};

struct event {
	struct event *next;
	enum engine_event_type type;
	int64_t time_ms;
	struct container *c;
	char *text;
};

struct engine {
	struct loop *loop;
	struct launcher *launcher;
	struct image_store *images;
	struct net *net;	  /* network.h */
	struct names *names;	  /* names.h */
	struct fence *fence;	  /* fence.h */
	int data_dir, dir, trash; /* <data>, <data>/containers, <data>/trash */
	bool sweeping, sweep_again;
	bool resting; /* engine_rest(): no life begins */
	char *data_path;
	struct map by_id, by_name, by_key;
	struct container **list; /* in order of creation */
	size_t n, cap;
	struct container *gone; /* unlisted ones that still wait for something */
	struct engine_listener *listeners;
	struct event *first, **last;
	struct loop_post *post;
	bool delivering;
	struct actions *actions;
	uint64_t asked; /* requests to monitors that want an answer */
	struct engine_import *imports;
	struct reply *replies;
	struct engine_tool *tools;
	struct exec *execs; /* the newest first */
	size_t n_execs, exec_bytes;
	struct stream_log *stream_logs;
	unsigned char *log_buf; /* shared by all log readers: each is served within one turn */
	size_t n_logs;
};

/* container.c */
struct container *container_new(struct engine *e, const char *id);
/* Fills the public part from config.json's content. */
void container_describe(struct container *c, const struct order *order, const char *const *argv);
int container_list(struct container *c, struct err *err); /* into maps and list; -EEXIST */
void container_unlist(struct container *c);
void container_free(struct container *c);
/* Its removal has been told: it is freed, at once or when its monitor has gone. */
void container_bury(struct container *c);
/* The container's lasting lease on its image (node/image/lease.h), by which nobody takes the image away before the container is removed, or, if it
 * belongs to a job, has ended. It outlives the daemon: recall takes up the one that is there, and makes one of the layers alone when it is missing
 * (layers NULL: it does not). */
int container_lease(struct container *c, const struct image_info *image, struct err *err);
void container_recall_lease(struct container *c, char **layers);
void container_drop_lease(struct container *c);
/* Drops the leases of containers that ended or were removed when no daemon was there. */
void container_reconcile_leases(struct engine *e);
/* Takes over the connection to its monitor. */
int container_connect(struct container *c, int fd, struct err *err);
/* Asks the launcher for its monitor; dir: its directory. */
int container_order(struct container *c, int dir, struct err *err);
/* A wish to the monitor, such as its end: it is kept while the monitor is on its way, and reaches the one that comes. -EBUSY, -ESRCH */
int container_ask(struct container *c, const char *line, struct err *err);
/* The same, but nobody minds when it is lost. */
int container_tell(struct container *c, const char *line, struct err *err);
/* With a descriptor, which stays the caller's. */
int container_give(struct container *c, const char *line, int fd, struct err *err);
/* Reads what the monitor has said by now. */
void container_hear(struct container *c);
void container_record(struct container *c, const struct record *r); /* the present record: changes become events */
void container_gone(struct container *c); /* the monitor is not there: exit.json tells the end, or it is lost */
bool container_ended(const struct container *c);
bool container_idle(const struct container *c); /* nothing of it runs or is about to, but for what a policy may begin */
/* By id, prefix of an id, name or key. */
int container_find(struct engine *e, const char *name, struct container **ret, struct err *err);
/* Goes on with a removal that waits, if nothing is in the way any more. */
void container_try_forget(struct container *c);
int container_dir(const struct container *c, struct err *err); /* opens its directory */

/* recover.c */
int recover_all(struct engine *e, struct err *err);
void recover_connect(struct container *c);

/* event.c */
int event_open(struct engine *e, struct err *err);
void event_close(struct engine *e);
void event_add(struct engine *e, enum engine_event_type type, struct container *c, const char *text);

/* action.c */
int action_open(struct engine *e, struct err *err);
void action_close(struct engine *e);

/* answer.c: request: members of a JSON object, at most 64 bytes. inner is called first, fn not after engine_answer_forget(). Not a word when the engine
 * closes. */
typedef void (*answer_fn)(struct container *c, const char *about, const struct err *err);
struct answer_to {
	answer_fn inner;
	const char *about; /* for inner: an id, or NULL */
	engine_done_fn fn;
	void *ctx;
};
int answer_ask(struct container *c, const char *request, const struct answer_to *to, struct engine_answer **ret,
	       struct err *err);
bool answer_line(struct container *c, const char *line, size_t n); /* true: it was one */
void answer_none(struct container *c);				   /* the monitor has gone */
void answer_drop(struct container *c);				   /* nobody is told */

/* update.c */
void update_drop(struct container *c);

/* follow.c */
void follow_wake(struct container *c, bool rotated); /* there is more to read, or it is the end */
void follow_hold(struct container *c);		     /* its files are to go: readers open what they still need */
void follow_detach(struct container *c);	     /* it goes away: readers go on without it */

/* reply.c: fn is called once, with the worker's answer or an error; not after reply_free(). limit: bytes of the answer. ret_fd: the worker's end. */
typedef void (*reply_fn)(void *ctx, yyjson_val *answer, const struct err *err);
int reply_new(struct engine *e, size_t limit, reply_fn fn, void *ctx, int *ret_fd, struct reply **ret, struct err *err);
struct reply *reply_free(struct reply *r);
/* reply_close_all() frees ctx. */
void reply_own(struct reply *r);
void reply_close_all(struct engine *e);

/* trash.c: what is to be removed is moved to <data>/trash at once, by a rename; one worker at a time empties it. */
void trash_sweep(struct engine *e);
/* Moves <data>/<relative> there; a missing one is success. */
int trash_put(struct engine *e, const char *relative, struct err *err);

/* tool.c */
void tool_close_all(struct engine *e);

/* import.c */
void import_close_all(struct engine *e);
