/* SPDX-License-Identifier: Apache-2.0
 *
 * fake_server: answers canned HTTP on a Unix socket in a temporary directory, from threads of the test; and a way to
 * run the command line in this process with its output caught.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct fake_route {
	const char *request; /* the beginning of "METHOD TARGET"; NULL ends a list */
	int status;
	const char *body;
	size_t len;	   /* 0: strlen(body) */
	bool once;	   /* used for one request, then the next route that fits answers */
	bool hold;	   /* the reply never ends: more would come */
	int signal;	   /* sent to this process after the body */
	const char *after; /* waits until a request that begins so has come, then sends `more` and ends */
	const char *more;
	size_t more_len;
	bool cut; /* closes the connection in the middle of the reply */
};

struct fake;
struct fake *fake_start(const struct fake_route *routes);
struct fake *fake_stop(struct fake *f); /* removes the socket and its directory */
const char *fake_socket(const struct fake *f);
const char *fake_dir(const struct fake *f);
/* The requests so far, each "METHOD TARGET\nBODY\n"; stays the server's. */
const char *fake_log(struct fake *f);

struct outcome {
	int status;
	char *out, *err;
};
/* cli_main with "berth", then the NULL-terminated words; the socket through BERTH_SOCKET (NULL: as the environment
 * has it). */
struct outcome run_words(const char *socket, const char *const *words);
#define RUN(socket, ...) run_words((socket), (const char *const[]){__VA_ARGS__, NULL})
void outcome_free(struct outcome *o);
#define outcome_cleanup __attribute__((cleanup(outcome_free)))

#include "face/cli/cli.h"
extern struct cli_hooks test_hooks; /* given to cli_main */
