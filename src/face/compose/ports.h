/* SPDX-License-Identifier: Apache-2.0
 *
 * ports: the short form of published ports: [[ADDRESS:]PUBLISHED:]TARGET[/PROTOCOL], each with a range.
 */
#pragma once

struct loader;
struct node;

/* Each text or number of the list becomes {mode, host_ip, target, published, protocol}, one for each port of a range.
 */
void ports_expand(struct loader *l, struct node *n);
/* "ADDRESS:PUBLISHED:TARGET/PROTOCOL" */
const char *ports_identity(struct loader *l, const struct node *n);
