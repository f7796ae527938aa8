/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/detach.h"

#include "base/core/err.h"

#include <string.h>

/* The code of one key of n characters, or -1. */
static int code_of(const char *key, size_t n)
{
	static const char marks[] = "@abcdefghijklmnopqrstuvwxyz[\\]^_";
	const char *at;

	if (n == 1)
		return (unsigned char)*key;
	if (n == 3 && memcmp(key, "DEL", 3) == 0)
		return 127;
	if (n != 6 || memcmp(key, "ctrl-", 5) != 0)
		return -1;
	at = strchr(marks, key[5]);
	return at ? (int)(at - marks) : -1;
}

int detach_parse(struct detach *d, const char *text, struct err *err)
{
	const char *key = text ? text : DETACH_DEFAULT;

	*d = (struct detach){.n = 0};
	while (*key) {
		size_t n = strcspn(key, ",");
		int code = code_of(key, n);

		if (code < 0)
			return err_set(err, EINVAL,
				       "detach keys \"%.200s\": \"%.*s\" is none of a-z, ctrl-a to ctrl-z, ctrl-@, "
				       "ctrl-[, ctrl-\\, ctrl-], ctrl-^, ctrl-_ and DEL",
				       text ? text : DETACH_DEFAULT, n > 40 ? 40 : (int)n, key);
		if (d->n == DETACH_MAX)
			return err_set(err, E2BIG, "more than %d detach keys", DETACH_MAX);
		d->keys[d->n++] = (uint8_t)code;
		key += n;
		key += *key == ',';
	}
	return 0;
}

/* How many of the keys the last ones of `held` and then `c` can still begin; `held` are the first `matched` keys. */
static size_t go_on(const struct detach *d, uint8_t c)
{
	for (size_t k = d->matched + 1; k-- > 0;) {
		if (d->keys[k] == c && memcmp(d->keys, d->keys + d->matched - k, k) == 0)
			return k + 1;
	}
	return 0;
}

size_t detach_filter(struct detach *d, const uint8_t *in, size_t n, uint8_t *out, bool *ret_left)
{
	size_t w = 0;

	*ret_left = false;
	if (d->n == 0) {
		memcpy(out, in, n);
		return n;
	}
	for (size_t i = 0; i < n; i++) {
		size_t next = go_on(d, in[i]), gone = d->matched + 1 - next;

		/* What cannot be a part of the keys any more was meant for the program. */
		for (size_t k = 0; k < gone; k++)
			out[w++] = k < d->matched ? d->keys[k] : in[i];
		d->matched = next;
		if (next == d->n) {
			d->matched = 0;
			*ret_left = true;
			break;
		}
	}
	return w;
}
