/* SPDX-License-Identifier: Apache-2.0
 *
 * names: the words that configurations have for what the kernel counts.
 */
#pragma once

/* "CAP_NET_ADMIN" (with or without CAP_, any case) -> the number, or -1 (capabilities(7)). */
int names_cap(const char *name);
const char *names_cap_text(int number); /* NULL past the last one known */

/* "NOFILE" -> RLIMIT_NOFILE, or -1 (getrlimit(2)). */
int names_rlimit(const char *name);

/* The namespace (enum rt_ns) that keeps its own value of a kernel parameter ("net.ipv4.ip_forward"), or -1: the host's alone. */
int names_sysctl_ns(const char *key);
