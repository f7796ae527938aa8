/* SPDX-License-Identifier: Apache-2.0
 *
 * cli: the command line, `berth COMMAND ...`. It speaks only HTTP to the daemon's Unix socket, like any other client
 * (docs/API.md), and reads job files through face/compose. What needs the daemon's own code in this process (`berth
 * up`) comes in as a hook, so that this folder knows no server.
 *
 * Exit statuses: 0 done, 1 failed, 2 wrong usage, 130 interrupted; `berth run` exits with the container's code, or
 * 125 (berth failed or was used wrongly), 126 (command cannot be executed), 127 (command not found), as docker does.
 * `berth help exit-codes` says it to users.
 */
#pragma once

#include "base/core/counts.h"

#include <stdbool.h>
#include <stdint.h>

struct err;

#define CLI_NETNS_POOL_MAX 64

/* What `berth up` was asked for. Strings live until the hook returns; paths are absolute. */
struct cli_up_options {
	const char *data;	/* directory of the state */
	const char *socket;	/* where the API listens */
	const char *node_name;	/* NULL: the host's name */
	bool foreground;	/* stays in the foreground; log on stderr */
	bool quiet;		/* no word on stdout when it is up */
	int log_level;		/* enum log_level */
	unsigned slots;		/* of this node; 0: one per core */
	struct counts counters; /* of this node; without COUNTS_GPU: as many as are found */
	bool share_gpus;	/* jobs may get those that containers of no job have, too */
	const char *network;	/* of an ordinary user's containers: a word for uplink_choose() */
	unsigned netns_pool;	/* network namespaces kept ready, at most CLI_NETNS_POOL_MAX */
	uint64_t memory;	/* bytes of this node that may be given away; 0: all */
	uint64_t disk;		/* the same of the file system of `data` */
	int ready_fd;		/* -1 in the foreground */
	/* more doors (struct api_doors); paths are absolute */
	char *const *listen;
	const char *tls_cert, *tls_key, *tls_client_ca, *token_file, *policy;
	const char *log_default; /* what containers log to that do not say: {"Type", "Config"}; NULL = as ever */
	/* the cluster */
	enum { CLI_ROLE_UP, CLI_ROLE_SERVER, CLI_ROLE_AGENT } role;
	const char *agents;	    /* where agents from outside are awaited, NULL = nowhere */
	const char *server;	    /* of an agent: whom it belongs to */
	const char *join_token;	    /* and what lets it join, or NULL */
	uint64_t lease_ms, cert_ms; /* 0 = the server's defaults */
	bool strict;		    /* fencing of services that do not say */
	bool spread;		    /* where they go */
	const char
	    *authority_secret; /* file, absolute: what the authority's key is encrypted with in the store, or NULL */
	const char *store;     /* where the state is: the address of an etcd; NULL: in the data directory */
};

/* A whole store, moved: directories (absolute), addresses of etcd, or files. */
struct cli_store_job {
	enum { CLI_STORE_BACKUP, CLI_STORE_RESTORE, CLI_STORE_COPY } what;
	const char *from, *to;
	uint64_t docs, events, snapshots; /* that were moved */
};

/* What would have happened (cluster/replay/replay.h). json is the answer, the caller frees it. */
struct cli_sim {
	const char *from; /* a directory (absolute) or the address of an etcd */
	char *const *nodes, *const *without;
	const char *policy;
	char *json;
};

struct cli_hooks {
	/* Is the daemon until it ends: 0 after an orderly end, or a negative errno with *err set. It has a working
	 * directory of / and a log on stderr when it is not in the foreground. When the API answers it writes the one
	 * byte 'R' to ready_fd (if >= 0), which stays the caller's. When it cannot get that far it returns the error
	 * (or writes 'E' and the text itself): the waiting `berth up` prints it. -EBUSY, -EADDRINUSE and -EEXIST mean
	 * that another berth holds the data or the socket. */
	int (*up)(const struct cli_up_options *o, struct err *err);
	/* Finds what is wrong with the options before anything is made. */
	int (*check)(const struct cli_up_options *o, struct err *err);
	/* Does it, and fills in the counts. */
	int (*store)(struct cli_store_job *job, struct err *err);
	int (*sim)(struct cli_sim *sim, struct err *err);
	/* `berth compose`: argv[0] is that word; what stood before it, or NULL. The exit status. */
	int (*compose)(int argc, char **argv, const char *socket, const char *context);
};

/* Runs one command; argv[0] is the program, argv[argc] is NULL. Returns the exit status of the process. `berth
 * version` is answered before anything else is set up. hooks->up may be NULL in a program that cannot be the daemon. */
int cli_main(int argc, char **argv, const struct cli_hooks *hooks);
