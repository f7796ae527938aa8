/* SPDX-License-Identifier: Apache-2.0
 *
 * linked: what a container on the default bridge is told of others there that it is linked to ("TARGET:ALIAS"), besides their names in /etc/hosts
 * (names.h): variables with their addresses, ports and environment, in the words of Docker's "legacy container links". The daemon works them out when a life
 * begins, for only then addresses are known, and puts them into the container's directory; its monitor adds them to the environment of the program and of
 * everything that enters the container:
 *
 *   links.json  {"env": ["DB_PORT=tcp://172.17.0.2:5432", ...]}; absent when there is nothing to tell
 */
#pragma once

struct err;
struct net;
struct net_endpoint;

#define LINKED_NAME "links.json"
#define LINKED_TEXT_MAX (4u << 20)

/* One container that another one is linked to. All is borrowed. */
struct linked {
	const char *name;	/* of the container that has the link */
	const char *alias, *ip; /* "db", "172.17.0.2" */
	char *const
	    *ports; /* "5432/tcp", those that it exposes; NULL = none; others than NUMBER/PROTOCOL are passed over */
	char *const *env; /* NAME=value, of which HOME and PATH tell nothing; NULL = none */
};

/* Adds the variables to *env: ALIAS_PORT, the URL of the first port (tcp comes first, then the lowest number); ALIAS_PORT_5432_TCP with _ADDR, _PORT, _PROTO for
 * each; with _START, _PORT_START, _END, _PORT_END at the first of several that follow each other; ALIAS_NAME; ALIAS_ENV_NAME. ALIAS is upper case with "_" for "-".
 * Source: daemon/links of moby. */
void linked_environment(const struct linked *l, char ***env);

/* Whom a link of `own` means: an endpoint on the same network, or NULL. *ret_target, *ret_alias: the two names of the text, the caller's. */
const struct net_endpoint *linked_find(struct net *net, const struct net_endpoint *own, const char *text,
				       char **ret_target, char **ret_alias);

/* The file in a container's directory; without variables there is none afterwards. -E2BIG: more than LINKED_TEXT_MAX bytes. */
int linked_write(int dir, char *const *env, struct err *err);
/* Adds what the file says to *env, but not what that has already: the container's own variables win. Nothing when there is no file. */
int linked_merge(int dir, char ***env, struct err *err);
