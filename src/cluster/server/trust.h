/* SPDX-License-Identifier: Apache-2.0
 *
 * trust: the cluster's authority in the store, beside its tokens and members: documents authority/ca.crt and authority/ca.key. So every server that shares the
 * store can lead, and a backup has everything. The key is encrypted when the server has a secret for it (all servers the same); otherwise whoever can read
 * the store can make members.
 */
#pragma once

struct authority;
struct err;
struct loop;
struct store;

struct trust_options {
	const char *folder;	 /* where earlier versions kept it: what lies there moves into an empty store */
	const char *secret_file; /* absolute path, or NULL */
};

int trust_secret_check(const char *file, struct err *err); /* that --authority-secret is one */
/* What the store has, or a new one, which is durable when this returns: runs the loop for that. A secret that is new is taken for a key that lies there
 * in the clear. -ECANCELED: the loop was stopped meanwhile. */
int trust_open(struct store *store, struct loop *l, const struct trust_options *o, struct authority *ret,
	       struct err *err);
