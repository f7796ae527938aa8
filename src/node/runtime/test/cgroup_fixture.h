/* SPDX-License-Identifier: Apache-2.0
 *
 * cgroup_fixture: a box of the machine's own cgroups for a test, whatever their version, and processes to put into it. Everything is below
 * "/berth-test-<pid>", and cgroup_teardown() fails when something is left of it.
 */
#pragma once

#include "node/runtime/cgroup_box_impl.h"

#include <stdbool.h>
#include <sys/types.h>

struct err;

enum { CHILDREN_MAX = 8, TIMEOUT_MS = 20000 };

/* A process that does what it is told by one letter at a time and answers each with a number. */
struct child {
	pid_t pid;
	int ask, answer;
};

struct world {
	char top[32]; /* "/berth-test-<pid>" */
	struct cgroup_mounts *mounts;
	struct cgroup_box *box;
	struct child child[CHILDREN_MAX];
	size_t n_children;
	bool hugetlb_is_new; /* the test will make the unified hierarchy give this controller: the end takes it back */
};

extern struct world w;

int cgroup_setup(void **state);
int cgroup_teardown(void **state);
#define TEST(f) cmocka_unit_test_setup_teardown(f, cgroup_setup, cgroup_teardown)

struct child *new_child(void);
/* 'n' and 'k' open the devices null and kmsg, 'e' enters the box, 'm' eats 64 MiB, 'f' forks 16 times; anything else is answered with 0. The answer is
 * 0 or a positive errno ('f': how many forks succeeded), -1 when the child has ended. */
int tell(struct child *c, char letter);
int wait_status(struct child *c);

void need_root(void);			 /* skips the test */
void need(const char *controller);	 /* skips the test when neither version has it here */
void must(int r, const struct err *err); /* fails with the error's text */
void make(const struct rt_resources *r); /* w.box: "/berth-test-<pid>/x" */
void make_below(const char *name);	 /* a directory in each of the box's */
size_t count_pids(void);
bool on_v2(const char *v1_controller);
/* Compares a file of the box's directory for a controller: its name and text on version 1 and on version 2. */
void file_is(const char *controller, const char *v1_file, const char *v2_file, const char *v1_want,
	     const char *v2_want);
