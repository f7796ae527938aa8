/* SPDX-License-Identifier: Apache-2.0
 *
 * cgroup_plan: resources turned into what is to be written where. The turning is pure (cgroup_resources_v1.c, cgroup_resources_v2.c: one function a
 * topic); cgroup_resources.c does the writing.
 */
#pragma once

#include "node/runtime/resources.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

enum {
	CGROUP_MAY_MISS = 1,   /* says "no limit": a machine without the file does that already */
	CGROUP_RETRY = 2,      /* depends on a file written later: EINVAL is tried again at the end */
	CGROUP_KEEP_QUOTA = 4, /* cpu.max: the text is the second word, the first stays */
	CGROUP_CHECK_USE = 8,  /* memory.max: not below what is in use */
};

struct cgroup_write {
	const char *member; /* of linux.resources, for errors: "memory.limit" */
	char *file, *text;
	char *alt_file, *alt_text; /* when `file` is not there, or NULL */
	unsigned flags;
};

struct cgroup_plan {
	struct cgroup_write *v;
	size_t n, cap;
};

#define CGROUP_PLAN_MAX 4096
#define cgroup_plan_cleanup __attribute__((cleanup(cgroup_plan_free)))

void cgroup_plan_free(struct cgroup_plan *p);
void cgroup_plan_add(struct cgroup_plan *p, const char *member, unsigned flags, const char *file, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* Another file and text for the last write. */
void cgroup_plan_alt(struct cgroup_plan *p, const char *file, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* What kernel knob a topic of linux.resources is, on each version. No v2 name: version 2 has nothing like it. */
struct cgroup_topic {
	const char *v1, *v2; /* controllers */
	int (*plan_v1)(const struct rt_resources *r, struct cgroup_plan *p, struct err *err);
	int (*plan_v2)(const struct rt_resources *r, struct cgroup_plan *p, struct err *err);
};

#define CGROUP_TOPICS 9
extern const struct cgroup_topic cgroup_topics[CGROUP_TOPICS];
/* linux.resources.unified: version 2 only; the controller is the file's name up to the dot. */
int cgroup_plan_unified(const struct rt_resources *r, struct cgroup_plan *p, struct err *err);

#define CGROUP_PLANNER(name) int name(const struct rt_resources *r, struct cgroup_plan *p, struct err *err)
CGROUP_PLANNER(cgroup_v1_cpu);
CGROUP_PLANNER(cgroup_v1_cpuset);
CGROUP_PLANNER(cgroup_v1_memory);
CGROUP_PLANNER(cgroup_v1_blkio);
CGROUP_PLANNER(cgroup_v1_hugetlb);
CGROUP_PLANNER(cgroup_v1_net_cls);
CGROUP_PLANNER(cgroup_v1_net_prio);
CGROUP_PLANNER(cgroup_v2_cpu);
CGROUP_PLANNER(cgroup_v2_memory);
CGROUP_PLANNER(cgroup_v2_io);
CGROUP_PLANNER(cgroup_v2_hugetlb);
CGROUP_PLANNER(cgroup_v2_no_network);
CGROUP_PLANNER(cgroup_any_cpuset);
CGROUP_PLANNER(cgroup_any_pids);
CGROUP_PLANNER(cgroup_any_rdma);

/* Values that the two versions count differently. */
uint64_t cgroup_plan_cpu_weight(uint64_t shares);      /* 2..262144 -> 1..10000, 1024 -> 100 */
uint64_t cgroup_plan_io_weight(uint64_t blkio_weight); /* 10..1000 -> 1..10000 */

/* Shared by the topics. */
bool cgroup_plan_given(
    int64_t value); /* neither RT_UNSET nor 0, which means "not given" to those who write config.json */
bool cgroup_plan_size_ok(const char *page_size); /* "2MB" */
bool cgroup_plan_word_ok(const char *word);	 /* no blank, no control byte, no '/', not empty */
int cgroup_plan_not_negative(const char *member, int64_t value, struct err *err);
