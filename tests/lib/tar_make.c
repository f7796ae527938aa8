/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/tar_make.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

void tar_make_free(struct tar_make *t)
{
	free(t->data);
	*t = (struct tar_make){.data = NULL};
}

void tar_make_bytes(struct tar_make *t, const void *data, size_t n)
{
	if (n == 0)
		return;
	if (!t->data || t->len + n > t->cap) {
		t->cap = (t->len + n) * 2;
		t->data = realloc(t->data, t->cap);
		if (!t->data)
			abort();
	}
	if (data)
		memcpy(t->data + t->len, data, n);
	else
		memset(t->data + t->len, 0, n);
	t->len += n;
}

static void pad(struct tar_make *t)
{
	tar_make_bytes(t, NULL, (512 - t->len % 512) % 512);
}

/* Octal with a NUL at the end; GNU's base 256 when the number does not fit. */
static void put_number(unsigned char *field, size_t n, uint64_t value)
{
	if (n - 1 < 22 && value >> (3 * (n - 1)) != 0) {
		for (size_t i = n; i-- > 0; value >>= 8)
			field[i] = (unsigned char)value;
		field[0] |= 0x80;
		return;
	}
	field[n - 1] = '\0';
	for (size_t i = n - 1; i-- > 0; value >>= 3)
		field[i] = (unsigned char)('0' + (value & 7));
}

static void put_sum(unsigned char *block)
{
	unsigned sum = 0;

	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < 512; i++)
		sum += block[i];
	put_number(block + 148, 7, sum);
}

static void put_text(unsigned char *field, size_t n, const char *text)
{
	size_t len = text ? strlen(text) : 0;

	if (len > 0)
		memcpy(field, text, len < n ? len : n);
}

/* POSIX.1-2008, pax, "ustar Interchange Format" */
void tar_make_head(struct tar_make *t, const struct tar_header *h)
{
	static const char magic[] = {'u', 's', 't', 'a', 'r', '\0', '0', '0'}; /* POSIX ustar, version 00 */
	unsigned char b[512] = {0};
	char type = h->type ? h->type : '0';

	put_text(b, 100, h->name);
	put_number(b + 100, 8, h->mode ? h->mode : type == '5' ? 0755 : 0644);
	put_number(b + 108, 8, h->uid);
	put_number(b + 116, 8, h->gid);
	put_number(b + 124, 12, h->size);
	put_number(b + 136, 12, (uint64_t)(h->mtime ? h->mtime : 1600000000));
	b[156] = (unsigned char)type;
	put_text(b + 157, 100, h->link);
	memcpy(b + 257, magic, sizeof magic);
	put_number(b + 329, 8, h->major);
	put_number(b + 337, 8, h->minor);
	put_sum(b);
	tar_make_bytes(t, b, sizeof b);
}

void tar_make_body(struct tar_make *t, const void *data, size_t n)
{
	tar_make_bytes(t, data, n);
	pad(t);
}

void tar_make_file(struct tar_make *t, const char *name, const char *text)
{
	tar_make_head(t, &(struct tar_header){.name = name, .size = strlen(text)});
	tar_make_body(t, text, strlen(text));
}

void tar_make_dir(struct tar_make *t, const char *name)
{
	tar_make_head(t, &(struct tar_header){.name = name, .type = '5'});
}

void tar_make_link(struct tar_make *t, char type, const char *name, const char *target)
{
	tar_make_head(t, &(struct tar_header){.name = name, .type = type, .mode = 0777, .link = target});
}

/* "LENGTH key=value\n", where LENGTH counts its own digits too. */
void tar_make_pax(struct tar_make *t, const char *key, const void *value, size_t n)
{
	size_t rest = strlen(key) + n + 3, len = rest + 1;
	char digits[32];

	while (rest + (size_t)snprintf(digits, sizeof digits, "%zu", len) != len)
		len++;
	tar_make_head(t, &(struct tar_header){.name = "PaxHeaders/x", .type = 'x', .size = len});
	tar_make_bytes(t, digits, strlen(digits));
	tar_make_bytes(t, " ", 1);
	tar_make_bytes(t, key, strlen(key));
	tar_make_bytes(t, "=", 1);
	tar_make_bytes(t, value, n);
	tar_make_body(t, "\n", 1);
}

void tar_make_long(struct tar_make *t, char type, const char *text, size_t n)
{
	tar_make_head(t, &(struct tar_header){.name = "././@LongLink", .type = type, .size = n + 1});
	tar_make_bytes(t, text, n);
	tar_make_body(t, "", 1);
}

void tar_make_end(struct tar_make *t)
{
	tar_make_bytes(t, NULL, 1024);
}

static void gzip_add(struct tar_make *out, const void *data, size_t n, size_t times)
{
	z_stream z = {0};
	unsigned char chunk[65536];

	if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	while (times-- > 0) {
		z.next_in = (void *)(uintptr_t)data;
		z.avail_in = (uInt)n;
		do {
			z.next_out = chunk;
			z.avail_out = sizeof chunk;
			deflate(&z, times ? Z_NO_FLUSH : Z_FINISH);
			tar_make_bytes(out, chunk, sizeof chunk - z.avail_out);
		} while (z.avail_out == 0);
	}
	deflateEnd(&z);
}

void tar_make_gzip(struct tar_make *t)
{
	struct tar_make out = {.data = NULL};

	gzip_add(&out, t->data, t->len, 1);
	tar_make_free(t);
	*t = out;
}

void tar_make_zstd(struct tar_make *t)
{
	struct tar_make out = {.data = NULL};
	size_t n = ZSTD_compressBound(t->len);

	tar_make_bytes(&out, NULL, n);
	out.len = ZSTD_compress(out.data, n, t->data, t->len, 3);
	tar_make_free(t);
	*t = out;
}
