/* SPDX-License-Identifier: Apache-2.0
 *
 * filters: --filter NAME=VALUE of lists, prunes and events, as the query of a call of Docker's API.
 */
#pragma once

struct buf;
struct err;

#define FILTERS_OPTION(type)                                                                                           \
	{                                                                                                              \
		"filter", 'f', OPTION_LIST, offsetof(type, filters), "NAME=VALUE", "only those that fit"               \
	}

/* Adds ?filters={"label":["a=b"]}; nothing without filters. -EINVAL: a word has no "=". */
int filters_query(struct buf *target, char *const *filters, struct err *err);
