/* SPDX-License-Identifier: Apache-2.0
 *
 * dns_ask: one question to the servers of a list until one of them answers. Inside of dns_relay.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dns_ask;
struct dns_upstream;
struct loop;

/* Once, never from inside dns_ask_new(); dns_ask_free() may be called in it. p NULL: nobody answered. ttl: how long it may be kept. */
typedef void (*dns_ask_fn)(void *ctx, const uint8_t *p, size_t n, uint32_t ttl);

struct dns_ask_wish {
	struct loop *loop;
	struct dns_upstream *to; /* this and the packet outlive the ask */
	const uint8_t *packet;
	size_t n, question_end;
	bool tcp;
	dns_ask_fn fn;
	void *ctx;
};

struct dns_ask *dns_ask_new(const struct dns_ask_wish *wish);
struct dns_ask *dns_ask_free(struct dns_ask *a); /* takes NULL, returns NULL */
