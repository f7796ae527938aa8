/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this folder share. Nobody else includes this.
 */
#pragma once

#include "base/core/map.h"
#include "base/wire/json.h"
#include "face/docker/policy.h"
#include "face/onehost/onehost.h"

#include <stddef.h>
#include <stdint.h>

struct err;
struct hosted;
struct server_listener;

#define NODE_NAME_MAX 64
#define ONEHOST_API "/v1.44" /* our own questions are asked by this version of Docker's API */
#define ONEHOST_ANSWER_MAX (16u << 20)
#define ONEHOST_NODE_LABEL "berth.node"

struct onehost {
	struct loop *loop;
	struct server *server;
	struct docker *docker;
	char *socket; /* our own */
	struct server_listener *nodes;
	struct watch *watches;	/* watch.c */
	struct making *makings; /* create.c: on their way */
	struct events *events;	/* events.c: clients */
	struct node_events *listeners;
	struct map seen;   /* whole id of a container or process (exec) -> name of its node, find.c */
	char **seen_order; /* a ring: the oldest is forgotten */
	size_t seen_next;
	struct bringing *bringing; /* bring.c, in order */
	size_t turn;
};

/* How a client is told that its answer is cut short (relay.c). */
enum last_word {
	LAST_CUT,     /* the connection ends before the answer does */
	LAST_FRAME,   /* a line on stderr among frames */
	LAST_MESSAGE, /* {"error": ...} among messages of progress */
	LAST_WAIT,    /* {"StatusCode", "Error"} of a wait */
};

struct call;
typedef void (*call_fn)(const struct call *c);

struct route {
	const char *method, *path;
	call_fn fn;
	bool stream; /* runs with the headers: its body goes through in pieces */
	enum last_word last;
	call_fn job; /* what it names may be a job: then this. NULL: it may not */
};

/* A request that is ours. */
struct call {
	struct onehost *h;
	struct http_req *r;
	const struct route *route;
	const char *version; /* "/v1.41", "/v1" of our own API, or "": none was said */
	const char *arg;     /* what '*' stands for, decoded; "" = the route has none. Valid during the call */
};

/* ---- onehost.c ---- */

/* {"message": ...} with the status that belongs to the error. */
void onehost_fail(struct http_req *r, const struct err *err);
/* The target for a node: the route's path with another argument (encoded here), and the query as it came. The caller frees. */
char *onehost_target(const struct call *c, const char *arg);
/* "n1/web" or "/n1/web" -> "n1" and "web" when there is such a node. */
bool onehost_split(const struct onehost *h, const char *name, char node[static NODE_NAME_MAX], const char **ret_rest);
/* Where images are pulled, built and loaded: this machine when it is a node, else the connected one with the most free slots, of those whose images count for
 * others (image_word.h); -EAGAIN: there is none. */
int onehost_any_node(const struct onehost *h, char node[static NODE_NAME_MAX], struct err *err);
bool onehost_is_here(const struct onehost *h, const char *node);
char **onehost_connected(const struct onehost *h); /* the caller's (mem_strv_free); NULL = none */
/* The same with this machine's own store, when it is no node: what was pulled or built at the server is in it. */
#define ONEHOST_SELF "-"
char **onehost_stores(const struct onehost *h);
bool onehost_is_node(const struct onehost *h); /* this machine is one of them */
/* A connected socket, not blocking, to the API of the node (or ONEHOST_SELF). */
int onehost_dial(const struct onehost *h, const char *node, struct err *err);

/* ---- gather.c: a question to several nodes at once, and all the answers ---- */

struct answer {
	char node[NODE_NAME_MAX];
	int status; /* 0: none came; error tells why */
	char *text;
	size_t len;
	yyjson_doc *doc; /* NULL: it is no JSON */
	char *error;
};
struct gather;
/* The answers are valid during the call, in the order of the nodes; the gather is gone after it. */
typedef void (*gather_fn)(void *ctx, struct answer *answers, size_t n);

struct question {
	const char *method, *target;
	const char *body;      /* JSON, or NULL */
	char *const *nodes;    /* NULL-terminated; NULL = all that are connected */
	enum policy_role role; /* whose wish it is; administrator: the server's own */
	const char *only;      /* whose jobs it may change (policy_only()), NULL = all */
	int64_t wait_ms;       /* who has not answered then is left out; 0 = as long as it takes */
};
#define ONEHOST_WAIT_MS 5000
/* fn is never called from inside of this. */
struct gather *gather_start(struct onehost *h, const struct question *q, gather_fn fn, void *ctx);
struct gather *gather_free(struct gather *g); /* fn is not called any more; takes NULL */

/* ---- find.c: which node has it ---- */

struct found {
	char node[NODE_NAME_MAX];
	char *ref; /* what that node calls it: an id or a name */
};
enum kind { KIND_CONTAINER, KIND_EXEC, KIND_IMAGE, KIND_NETWORK, KIND_VOLUME };

typedef void (*find_fn)(void *ctx, const struct found *f, const struct err *error);
struct finding;
#define FIND_ABSENT " on the nodes that are connected" /* begins the end of what -ENOENT says when some are not */
/* fn is never called from inside of this. -ENOENT in Docker's words, -EBUSY: several nodes have it. */
struct finding *find_start(struct onehost *h, enum kind kind, const char *ref, find_fn fn, void *ctx);
struct finding *find_free(struct finding *f); /* takes NULL */
/* Remembers where a whole id lives. */
void find_note(struct onehost *h, const char *id, const char *node);
void find_forget_all(struct onehost *h);

/* ---- relay.c: one request, answered by one node ---- */

/* Changes a whole JSON answer before the client gets it; status: of the node. */
typedef void (*relay_edit_fn)(const struct call *c, const char *node, int status, yyjson_mut_doc *doc);
struct relay_how {
	relay_edit_fn edit;	   /* NULL: it goes through as it comes */
	const char *body, *target; /* instead of the client's, copied; NULL = the client's */
	const char *look_for;	   /* of relay_found(): a name of the same thing that tells more than the route's */
	void (*head)(const struct call *c, const char *node, int status); /* the node has answered; may be NULL */
};
void relay_to(const struct call *c, const char *node, const char *ref, const struct relay_how *how);
/* To the node that has it. */
void relay_found(const struct call *c, enum kind kind, const struct relay_how *how);
/* The connection itself goes to the node that has it: attach, exec. */
void relay_stream(const struct call *c, enum kind kind);

/* ---- handlers ---- */

/* onehost.c */
void call_container(const struct call *c);
void call_container_stream(const struct call *c);
void call_exec(const struct call *c);
void call_exec_stream(const struct call *c);
void call_image(const struct call *c);
void call_any(const struct call *c);
/* container.c */
void call_inspect(const struct call *c);
void call_exec_create(const struct call *c);
void call_rename(const struct call *c);
void call_containers(const struct call *c);
void call_own_containers(const struct call *c);
void call_commit(const struct call *c);
/* images_push.c */
void call_image_push(const struct call *c);
/* images_get.c */
void call_images_get(const struct call *c);
/* job_logs.c */
void call_job_logs(const struct call *c);
/* create.c */
void call_create(const struct call *c);
void call_run(const struct call *c);
/* merge.c */
void call_images(const struct call *c);
void call_own_images(const struct call *c);
void call_sum(const struct call *c);	    /* prune, df */
void call_everywhere(const struct call *c); /* at every node that has the image */
/* things.c: networks and volumes, which are of one node each */
void call_networks(const struct call *c);
void call_network(const struct call *c);
void call_network_create(const struct call *c);
void call_volumes(const struct call *c);
void call_volume(const struct call *c);
void call_volume_create(const struct call *c);
/* info.c, events.c */
void call_info(const struct call *c);
void call_events(const struct call *c);

/* ---- the parts that live on ---- */

void making_end_all(struct onehost *h);
bool making_has(const struct onehost *h, uint64_t number);
/* copy.c: an image goes from the store of one node to that of another, through here, in pieces. `to` takes nothing but the image of that id, under that name
 * and no other, whatever is sent to it. fn is never called from inside. */
struct copy;
struct image_word;
typedef void (*copy_fn)(void *ctx, const struct err *error);
struct copy *copy_start(struct onehost *h, const char *image, const struct image_word *from, const char *to, copy_fn fn,
			void *ctx);
struct copy *copy_free(struct copy *c); /* fn is not called any more; takes NULL */

/* bring.c: images of jobs that their nodes lack; a server_image_fn. */
void bring_image(void *ctx, const char *node, const char *image);
void bring_end_all(struct onehost *h);

/* place_wish.c: what a body of containers/create wishes of the cluster. What is for it alone is taken out of the body. */
struct place_wish {
	char **constraints;
	uint32_t slots, gpus;
	uint64_t cpu_milli, memory;
};
void place_wish_read(struct onehost *h, yyjson_mut_doc *d, struct place_wish *ret);
void place_wish_free(struct place_wish *w);

/* watch.c: as long as a node has hosted containers its events are listened to: what is removed there is removed here. */
void watch_start(struct onehost *h, const char *node);
void watch_start_all(struct onehost *h);
void watch_end_all(struct onehost *h);
/* node_events.c: it has come. */
void node_events_node(struct onehost *h, const char *node);
/* events.c: a node has come (connected) or gone. */
void events_node(struct onehost *h, const char *node, bool up);

/* container.c: the name that the cluster shows, and the node, put into a container of a list. */
void container_mark(yyjson_mut_doc *d, yyjson_mut_val *o, const char *node);
