/* SPDX-License-Identifier: Apache-2.0
 *
 * cgroup_devices: device rules as the kernel's two versions want them. Both say the same: for each of read, write and mknod the last rule that is
 * about the device decides, and what no rule is about is denied. Pure but for cgroup_devices_attach.
 */
#pragma once

#include "node/runtime/resources.h"

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>

struct err;
struct buf;

#define CGROUP_DEVICE_RULES_MAX 1024

/* The rules of a container with those that every container has at its end, new memory of the caller. */
int cgroup_devices_rules(const struct rt_resources *r, struct rt_device_rule **ret, size_t *ret_n, struct err *err);

/* Version 2: the program for BPF_PROG_TYPE_CGROUP_DEVICE, new memory of the caller. */
struct bpf_insn *cgroup_devices_program(const struct rt_device_rule *rules, size_t n, size_t *ret_n);
/* Loads it and makes it the only program of ours on the directory: a device is never without a filter meanwhile. */
int cgroup_devices_attach(int dir, const struct bpf_insn *program, size_t n, struct err *err);

/* Version 1 has a default and exceptions that are equal in their numbers or not related at all: the rules in that form. -ENOTSUP: a rule is an
 * exception of an exception ("all of 8:*, but not 8:1"), which version 1 would ignore silently. */
struct cgroup_device_list {
	bool allow; /* the default */
	struct rt_device_rule *v;
	size_t n, cap;
};
int cgroup_devices_reduce(const struct rt_device_rule *rules, size_t n, struct cgroup_device_list *ret,
			  struct err *err);
/* What devices.list says; entries that cannot be understood are left out. */
void cgroup_devices_parse(const char *list, struct cgroup_device_list *ret);
void cgroup_devices_free(struct cgroup_device_list *l);
/* "c 1:3 rwm" */
#define CGROUP_DEVICE_TEXT 64
void cgroup_devices_text(const struct rt_device_rule *rule, char text[static CGROUP_DEVICE_TEXT]);
