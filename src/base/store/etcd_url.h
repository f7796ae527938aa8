/* SPDX-License-Identifier: Apache-2.0
 *
 * etcd_url: where an etcd is, and how to speak to it, in one text:
 *
 *   etcd://HOST:PORT,HOST:PORT/PREFIX?ca=FILE&cert=FILE&key=FILE&user=NAME&password-file=FILE&ttl=SECONDS
 *
 * etcds:// is TLS, and needs ca=. PREFIX is "berth" when it is not given: all keys lie below PREFIX/. Values may have %XX.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct err;

struct etcd_url {
	bool tls;
	char **endpoints;
	char *prefix; /* ends in '/' */
	char *ca, *cert, *key, *user, *password_file, *ttl_text;
	uint64_t ttl_s; /* how long a leader that is not heard of remains one: 2 to 60, default 3 */
};

bool etcd_url_is(const char *text);
int etcd_url_parse(const char *text, struct etcd_url *ret, struct err *err);
void etcd_url_free(struct etcd_url *u);
