/* SPDX-License-Identifier: Apache-2.0
 *
 * member: who may join, and how: tokens (documents token/ID, with the hash of the secret), the signing of certificates, and the door for agents.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct err;
struct link_msg;
struct server;
struct session;

struct ticket {
	struct ticket *next;
	char id[16];
	char hash[72];
	int64_t created_ms, expires_ms; /* 0 = never */
	int64_t uses;			/* left; -1 = any number */
};

int ticket_load(struct server *s, const char *id, const char *text, size_t len, struct err *err);
void member_free_all(struct server *s);
/* RENEW over a member's own link. */
void member_renew(struct session *x, const struct link_msg *m);
