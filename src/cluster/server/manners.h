/* SPDX-License-Identifier: Apache-2.0
 *
 * manners: how much a node with a certificate can have of the server, beside what the server itself wants of it. What the scheduler asked for (starts, ends,
 * answers) is limited by that; here stands what an agent says of its own accord:
 *
 *   changes of health    MANNERS_CHANGES at once and 4 more for each attempt that is live there; 10 a second, and one for each attempt. Beyond: refused
 *   facts                written down once a second at the most; the newest ones count (fleet_facts())
 *   certificates         5 at once, one in 10 s (or in a quarter of their life). Beyond: no answer
 *   links                30 at once, one in 2 s, and one at a time that has not said HELLO (fleet_attach()). Beyond: the connection ends
 *   lines of our log     log_quota.h
 *
 * Who is refused is told why once, and not heard on that link any more: an agent that meant no harm comes back and tells what is; of any other the lease
 * ends. Its clock is clock_mono_ns().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct node;

#define MANNERS_CHANGES 100
#define MANNERS_FACTS_MS 1000

/* Each takes one of what there is; false: there is none. live: attempts on the node. */
bool manners_may_change(struct node *n, size_t live);
bool manners_may_renew(struct node *n, int64_t cert_s);
bool manners_may_link(struct node *n);
bool manners_may_log(struct node *n);
