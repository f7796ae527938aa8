/* SPDX-License-Identifier: Apache-2.0
 *
 * seccomp: the default system call filter (seccomp_default.txt), compiled when berth is built. EPERM for what a container has no business
 * with, ENOSYS for what did not exist when the list was written, so that programs fall back.
 */
#pragma once

#include <linux/filter.h>

struct err;

extern const struct sock_filter seccomp_default[];
extern const unsigned short seccomp_default_len;

/* Installs the filter for the calling process and all it will start. Needs no_new_privs. */
int seccomp_install(struct err *err);

/* The same with what our init needs and nothing else: wait for signals and children, pass signals on, write its report, end. */
int seccomp_install_init(struct err *err);
