/* SPDX-License-Identifier: Apache-2.0
 *
 * session: a container in the foreground of the command line: its streams here, our signals there, and at its end its exit code as our exit
 * status. For `berth run` with a terminal or input, `berth start -a` and `berth attach`.
 */
#pragma once

#include "base/wire/json.h"
#include "face/cli/stream_client.h"

struct http_client;

struct session {
	struct cli *cli;
	const char *id;
	bool tty, in;		 /* does it have a terminal; is our input sent */
	bool no_out, no_err;	 /* of its output this does not come here */
	bool no_signals;	 /* signals are ours, not the container's */
	bool remove;		 /* it goes when it has ended: its code is that of the removal */
	const char *detach_keys; /* NULL: the default */

	/* its own */
	struct stream_client streams;
	struct http_client *wait;
};

/* Attaches and asks for the exit code. To be followed by session_run() in any case. `running`: it runs already, else its next life is meant. */
int session_open(struct session *s, bool running, struct err *err);
/* Stays until the container ends or we detach; frees. The exit status, or a negative errno. */
int session_run(struct session *s, struct err *err);
/* Frees without that. */
void session_close(struct session *s);

/* POST /containers/ID/start, with the codes of `berth run` for its failure: 127 not found, 126 cannot be executed, else 125 (printed). 0: it runs. */
int session_start(struct cli *cli, const char *id);

/* GET /containers/ID/json; -ENOENT in our words. */
int session_inspect(struct cli *cli, const char *id, yyjson_doc **ret, struct err *err);
