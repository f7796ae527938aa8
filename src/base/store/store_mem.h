/* SPDX-License-Identifier: Apache-2.0
 *
 * store_mem: the store without a disk: for tests, and as what store_etcd.c reads from. Everything that was appended before a turn of the loop is one group.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct store;
struct store_doc;
struct store_event;
struct store_write;

/* The next `groups` groups of a store of the kind "memory" fail with this errno number. */
void store_mem_fail(struct store *s, unsigned groups, int code);

/* For store_etcd.c: what is durable elsewhere, at once and without a done(). The writes of a group have their numbers. */
void store_mem_group(struct store *s, const struct store_write *first);
void store_mem_event(struct store *s, const struct store_event *e); /* with its number, in order */
void store_mem_doc(struct store *s, const struct store_doc *d);
void store_mem_snapshot(struct store *s, uint64_t seq, const char *data, size_t len);
void store_mem_prune(struct store *s, uint64_t first); /* events below it go */
void store_mem_last(struct store *s, uint64_t seq);
