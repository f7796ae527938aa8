/* SPDX-License-Identifier: Apache-2.0
 *
 * nl: netlink messages over base/core/buf.h, and the three ways to use them: one request, a batch for nftables, a dump. A call is answered within
 * the system call that sends it, so nothing here waits.
 *
 * A message: nl_begin(), the family's header by nl_raw(), attributes, nl_finish(). Several may follow each other in one buf.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;
struct nlattr;
struct nlmsghdr;

#define NL_BATCH_MAX (64u << 20)

struct nl {
	int fd;
	uint32_t port; /* our address */
};
#define NL_NULL ((struct nl){.fd = -1})
#define nl_cleanup __attribute__((cleanup(nl_close)))

/* protocol: NETLINK_ROUTE, NETLINK_NETFILTER; in the network namespace of the calling process at this moment. */
int nl_open(struct nl *ret, int protocol, struct err *err);
void nl_close(struct nl *nl);

size_t nl_begin(struct buf *b, uint16_t type, uint16_t flags, uint32_t seq); /* NLM_F_REQUEST is added */
void nl_finish(struct buf *b, size_t begin);
void nl_raw(struct buf *b, const void *data, size_t n); /* padded to 4 */
void nl_put(struct buf *b, uint16_t type, const void *data, size_t n);
void nl_str(struct buf *b, uint16_t type, const char *s); /* with its NUL */
void nl_u8(struct buf *b, uint16_t type, uint8_t v);
void nl_u32(struct buf *b, uint16_t type, uint32_t v);
void nl_be32(struct buf *b, uint16_t type, uint32_t v); /* in network byte order */
size_t nl_nest(struct buf *b, uint16_t type);
void nl_end(struct buf *b, size_t nest);

/* One message with NLM_F_ACK. 0 or a negative errno of the kernel; *err is not set. */
int nl_call(struct nl *nl, struct buf *b);
/* One message that is answered by messages. NLM_F_DUMP: all of them until fn says 1 (enough) or an error; else the one. */
typedef int (*nl_fn)(void *ctx, const struct nlmsghdr *h);
int nl_ask(struct nl *nl, struct buf *b, nl_fn fn, void *ctx);
/* All messages in one go, all or nothing (nftables). *ret_seq: of the first one that failed; may be NULL. */
int nl_batch(struct nl *nl, struct buf *b, uint32_t *ret_seq);

/* Attributes of a message with a family header of `skip` bytes: by type up to max, NULL when not there. */
void nl_attrs(const struct nlmsghdr *h, size_t skip, const struct nlattr *ret[], size_t max);
/* The same inside of one; NULL = there are none. */
void nl_nested(const struct nlattr *a, const struct nlattr *ret[], size_t max);
const void *nl_data(const struct nlattr *a, size_t *ret_n);
uint32_t nl_get_u32(const struct nlattr *a); /* 0 when NULL or too short */
