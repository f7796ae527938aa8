/* SPDX-License-Identifier: Apache-2.0
 *
 * hosts: the files by which a container knows names: hosts, resolv.conf and hostname, in the container's directory, from where they are mounted on
 * /etc. Since they are mounted, they are rewritten in place. Whoever is in the container may change them: then only lines of ours are
 * taken out of hosts and put into it, and resolv.conf is his; until its next start, which makes them anew.
 *
 * What we wrote last stands beside them in hosts.made and resolv.conf.made.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct err;

#define HOSTS_FILE "hosts"
#define HOSTS_RESOLV_FILE "resolv.conf"
#define HOSTS_HOSTNAME_FILE "hostname"
#define HOSTS_EXTRA_MAX 4096
#define HOSTS_TEXT_MAX (1u << 20) /* a file that has become longer is left alone */

enum hosts_servers {
	HOSTS_MACHINE, /* the machine's resolv.conf, as it is: a container on the host's network */
	HOSTS_BRIDGE,  /* its servers that can be reached from elsewhere: a container on the default bridge */
	HOSTS_NOWHERE, /* the same, but never ours: a container without a network, whose questions must not go out either */
	HOSTS_OURS, /* ours at 127.0.0.11: a container on a user-defined network */
};

struct hosts_entry {
	const char *ip, *names; /* "10.0.0.2", "db database" */
};

/* Lists are NULL-terminated; NULL = empty. */
struct hosts_wish {
	const char *hostname, *domainname; /* NULL or "" = none */
	char *const *addresses;		   /* its own */
	char *const *extra;    /* "NAME:ADDRESS" or "NAME=ADDRESS"; the address "host-gateway" is the machine */
	char *const *gateways; /* addresses of the machine for host-gateway */
	const struct hosts_entry *links; /* names of others: on the default bridge */
	size_t n_links;
	char *const *dns, *const *search, *const *options; /* in place of the machine's; a search of "." = none */
	enum hosts_servers servers;
	uid_t owner; /* whom root in the container is for the machine */
	gid_t group;
};

/* -EINVAL names the entry that cannot be. */
int hosts_check_extra(char *const *extra, struct err *err);

/* The texts, new memory. machine: the text of the machine's resolv.conf, or of its hosts (HOSTS_MACHINE; may be NULL). *ret_ours: the name server at
 * 127.0.0.11 is in it: always with HOSTS_OURS, and with HOSTS_BRIDGE when all servers of the machine listen at its loopback alone. */
int hosts_text(const struct hosts_wish *w, const char *machine, char **ret, struct err *err);
char *hosts_resolv_text(const struct hosts_wish *w, const char *machine, bool *ret_ours);

/* Before a start: all three files are made anew in `dir`. The machine's own are read from `etc`, a descriptor of /etc. */
int hosts_write(int dir, int etc, const struct hosts_wish *w, bool *ret_ours, struct err *err);
/* While it runs: its addresses, names or networks have changed. */
int hosts_update(int dir, int etc, const struct hosts_wish *w, bool *ret_ours, struct err *err);
/* What becomes of hosts that was changed by somebody, when our part of it changes: new memory. Pure. */
char *hosts_merge(const char *present, const char *old_made, const char *new_made);
