/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wire/websocket.h"

#include "base/core/sha1.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

/* "Hello" under this mask: RFC 6455, 5.7. */
#define MASK "\x37\xfa\x21\x3d"
#define HELLO "\x7f\x9f\x4d\x51\x58"

/* What clients send: the bytes, what comes of it, what is left in `out`. */
static const struct {
	const char *name, *bytes;
	size_t n;
	int want;
	const char *out;
} cases[] = {
    {"text", "\x81\x85" MASK HELLO, 11, 0, "Hello"},
    {"binary", "\x82\x85" MASK HELLO, 11, 0, "Hello"},
    {"two pieces", "\x01\x85" MASK HELLO "\x80\x85" MASK HELLO, 22, 0, "HelloHello"},
    {"nothing", "\x81\x80" MASK, 6, 0, ""},
    {"a ping between pieces", "\x01\x85" MASK HELLO "\x89\x85" MASK HELLO, 22, WEBSOCKET_PING, "Hello"},
    {"an empty ping", "\x89\x80" MASK, 6, WEBSOCKET_PING, ""},
    {"a pong", "\x8a\x85" MASK HELLO "\x81\x85" MASK HELLO, 22, 0, "Hello"},
    {"a close", "\x88\x82\x00\x00\x00\x00\x03\xe8", 8, WEBSOCKET_CLOSE, ""},
    {"an empty close", "\x88\x80" MASK, 6, WEBSOCKET_CLOSE, ""},
    {"length in two bytes", "\x82\xfe\x00\x05" MASK HELLO, 13, 0, "Hello"},
    {"length in eight bytes", "\x82\xff\x00\x00\x00\x00\x00\x00\x00\x05" MASK HELLO, 19, 0, "Hello"},
    {"no mask", "\x81\x05Hello", 7, -EPROTO, ""},
    {"a reserved bit", "\xc1\x85" MASK HELLO, 11, -EPROTO, ""},
    {"opcode 3", "\x83\x85" MASK HELLO, 11, -EPROTO, ""},
    {"opcode 11", "\x8b\x85" MASK HELLO, 11, -EPROTO, ""},
    {"a ping in pieces", "\x09\x85" MASK HELLO, 11, -EPROTO, ""},
    {"a ping of 126 bytes", "\x89\xfe\x00\x7e" MASK, 8, -EPROTO, ""},
    {"a close of one byte", "\x88\x81" MASK "\x00", 7, -EPROTO, ""},
    {"a continuation of nothing", "\x80\x85" MASK HELLO, 11, -EPROTO, ""},
    {"a message within a message", "\x01\x85" MASK HELLO "\x81\x85" MASK HELLO, 22, -EPROTO, "Hello"},
    {"more than there is", "\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00" MASK, 14, -EPROTO, ""},
};

/* Whole, and byte by byte. */
static void test_feed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (size_t piece = 1; piece <= cases[i].n; piece += cases[i].n - 1) {
			struct websocket w = {.n_head = 0};
			uint8_t out[64] = {0};
			size_t at = 0, len = 0;
			int r = 0;

			while (at < cases[i].n && r == 0) {
				size_t used, n, size = cases[i].n - at < piece ? cases[i].n - at : piece;

				r = websocket_feed(&w, (const uint8_t *)cases[i].bytes + at, size, &used, out + len,
						   &n);
				at += used;
				len += n;
			}
			if (r != cases[i].want || len != strlen(cases[i].out) || memcmp(out, cases[i].out, len) != 0)
				fail_msg("%s in pieces of %zu: %d, \"%s\"", cases[i].name, piece, r, (char *)out);
		}
	}
}

static void test_control(void **state)
{
	static const struct {
		uint8_t code[2];
		size_t n;
		unsigned want;
	} codes[] = {{{0x03, 0xe8}, 2, 1000}, {{0, 0}, 0, 1000},       {{0x03, 0xe9}, 2, 1001}, {{0x03, 0xed}, 2, 1002},
		     {{0x00, 0x01}, 2, 1002}, {{0x0f, 0xa0}, 2, 4000}, {{0xff, 0xff}, 2, 1002}};
	struct websocket w = {.n_head = 0};
	uint8_t out[16];
	size_t used, n;

	(void)state;
	assert_int_equal(websocket_feed(&w, (const uint8_t *)"\x89\x85" MASK HELLO, 11, &used, out, &n),
			 WEBSOCKET_PING);
	assert_int_equal(w.n_control, 5);
	assert_memory_equal(w.control, "Hello", 5);
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		memcpy(w.control, codes[i].code, 2);
		w.n_control = codes[i].n;
		assert_int_equal(websocket_close_code(&w), codes[i].want);
	}
}

static void test_head(void **state)
{
	uint8_t out[WEBSOCKET_HEAD_MAX];

	(void)state;
	assert_int_equal(websocket_head(out, WEBSOCKET_TEXT, 5), 2);
	assert_memory_equal(out, "\x81\x05", 2);
	assert_int_equal(websocket_head(out, WEBSOCKET_BINARY, 256), 4);
	assert_memory_equal(out, "\x82\x7e\x01\x00", 4);
	assert_int_equal(websocket_head(out, WEBSOCKET_BINARY, 65536), 10);
	assert_memory_equal(out, "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10);
}

/* FIPS 180-4's examples, and texts at the edges of the padding. */
static void test_sha1(void **state)
{
	static const struct {
		const char *text, *want;
	} texts[] = {
	    {"", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
	    {"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
	    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
	    {"dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
	     "b37a4f2cc0624f1690f64606cf385945b2bec4ea"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		uint8_t digest[20];
		char hex[41];

		sha1_of(texts[i].text, strlen(texts[i].text), digest);
		for (size_t k = 0; k < sizeof digest; k++)
			snprintf(hex + 2 * k, 3, "%02x", digest[k]);
		assert_string_equal(hex, texts[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_feed),
	    cmocka_unit_test(test_control),
	    cmocka_unit_test(test_head),
	    cmocka_unit_test(test_sha1),
	};

	return cmocka_run_group_tests_name("wire/websocket", tests, NULL, NULL);
}
