/* SPDX-License-Identifier: Apache-2.0
 *
 * box_fixture: a root filesystem of busybox and the helper in a temporary directory, and containers started from it.
 */
#pragma once

#include "base/core/buf.h"
#include "base/core/err.h"
#include "node/runtime/rt.h"

#include <stdbool.h>

struct fixture {
	char dir[64];		/* the temporary directory; canary/secret is in it */
	int fd;			/* of it */
	int lower, upper, work; /* the layer, and an empty upper */
	size_t fds, mounts;	/* what there was before */
};

/* cmocka group and test functions. NULL fixture: the tests skip. */
int fixture_new(void **state);
int fixture_free(void **state); /* checks that nothing is left behind */

/* Skips the test, with a reason, when there is no fixture. */
struct fixture *fixture_get(void **state);

/* A spec for `argv` on the fixture's layers, upper emptied. */
struct rt_spec fixture_spec(struct fixture *f, char *const *argv);

struct outcome {
	int r;
	enum rt_fault fault;
	struct err err;
	struct rt_exit exit;
	struct buf out; /* stdout and stderr */
};

/* Starts, reads until the end, reaps and deletes. */
void fixture_run(struct rt_spec *spec, struct outcome *o);
void outcome_free(struct outcome *o);

/* Starts with stdout connected to *ret_out and waits for the first line, which must be `line`. */
void fixture_start(struct rt_spec *spec, struct rt_box *box, int *ret_out, const char *line);
void fixture_end(struct rt_box *box, struct rt_exit *ret);

void fixture_write(int dir, const char *name, const char *text, unsigned mode);

#define ARGV(...) ((char *const[]){__VA_ARGS__, NULL})
