/* SPDX-License-Identifier: Apache-2.0
 *
 * seccomp: the default system call filter (seccomp_default.txt), compiled when berth is built. EPERM for what a container has no business
 * with, ENOSYS for what did not exist when the list was written, so that programs fall back.
 */
#pragma once

#include <linux/filter.h>
#include <stdint.h>

struct err;
struct rt_filter;

extern const struct sock_filter seccomp_default[];
extern const unsigned short seccomp_default_len;

/* Installs the filter for the calling process and all it will start. Needs no_new_privs. */
int seccomp_install(struct err *err);

/* The default filter as data, with what the capabilities among `caps` are for (seccomp_filter_free() of seccomp_profile.h). */
void seccomp_for_caps(uint64_t caps, struct rt_filter *ret);

/* The same with what our init needs and nothing else: wait for signals and children, pass signals on, write its report, end. */
int seccomp_install_init(struct err *err);
