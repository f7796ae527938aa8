/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything of a request that is parsed: names, routes, ranges.
 */
#include "node/depot/depot_name.h"
#include "node/depot/range.h"
#include "node/depot/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID "0123456789abcdef0123456789abcdef"

static const struct {
	const char *name;
	bool ok;
} repositories[] = {
    {"a", true},       {"a/b", true},	    {"team/app-1.2_x", true},
    {"a__b", true},    {"a--b---c", true},  {"0", true},
    {"", false},       {"/", false},	    {"/a", false},
    {"a/", false},     {"a//b", false},	    {"A", false},
    {"a..b", false},   {"..", false},	    {"a/../b", false},
    {"a/./b", false},  {".a", false},	    {"a.", false},
    {"_blobs", false}, {"a/_tags", false},  {"a___b", false},
    {"a._b", false},   {"-a", false},	    {"a-", false},
    {"a b", false},    {"a\nb", false},	    {"a\\b", false},
    {"a:b", false},    {"\303\244", false}, {"a/b/c/d/e/f", true},
};

static void test_repositories(void **state)
{
	char long_name[DEPOT_NAME_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof repositories / sizeof *repositories; i++)
		if (depot_name_ok(repositories[i].name) != repositories[i].ok)
			fail_msg("\"%s\"", repositories[i].name);
	memset(long_name, 'a', sizeof long_name);
	long_name[DEPOT_NAME_MAX] = '\0';
	assert_true(depot_name_ok(long_name));
	long_name[DEPOT_NAME_MAX] = 'a';
	long_name[DEPOT_NAME_MAX + 1] = '\0';
	assert_false(depot_name_ok(long_name));
}

static const struct {
	const char *tag;
	bool ok;
} tags[] = {{"v1", true},  {"_", true},	  {"A.b-C_9", true}, {"", false},    {".", false},   {"..", false},
	    {"-a", false}, {".a", false}, {"a/b", false},    {"a:b", false}, {"a b", false}, {"\303\244", false}};

static void test_tags(void **state)
{
	char long_tag[DEPOT_TAG_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
		if (depot_tag_ok(tags[i].tag) != tags[i].ok)
			fail_msg("\"%s\"", tags[i].tag);
	memset(long_tag, 'a', sizeof long_tag);
	long_tag[DEPOT_TAG_MAX] = '\0';
	assert_true(depot_tag_ok(long_tag));
	long_tag[DEPOT_TAG_MAX] = 'a';
	long_tag[DEPOT_TAG_MAX + 1] = '\0';
	assert_false(depot_tag_ok(long_tag));
}

static const struct {
	const char *text;
	bool ok;
} digests[] = {
    {"sha256:" HEX64, true},
    {"sha512:" HEX64 HEX64, true},
    {"sha256:" HEX64 "0", false},
    {"sha512:" HEX64, false},
    {"sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", false},
    {"sha256:../../../../0123456789abcdef0123456789abcdef0123456789abcdef01234567", false},
    {"sha256:", false},
    {"sha256", false},
    {"", false},
    {"md5:0123456789abcdef0123456789abcdef", false},
    {"sha256-" HEX64, false},
    {"SHA256:" HEX64, false},
};

static void test_digests(void **state)
{
	struct depot_digest d;
	char text[DEPOT_DIGEST_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof digests / sizeof *digests; i++) {
		if (depot_digest_parse(digests[i].text, &d) != digests[i].ok)
			fail_msg("\"%s\"", digests[i].text);
		if (digests[i].ok)
			assert_string_equal(depot_digest_text(&d, text), digests[i].text);
	}
	depot_digest_of(DEPOT_SHA256, "abc", 3, &d);
	assert_string_equal(d.hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	depot_digest_of(DEPOT_SHA512, "abc", 3, &d);
	assert_memory_equal(d.hex, "ddaf35a193617abacc417349ae204131", 32);
}

static const struct {
	const char *method, *path;
	enum route_kind kind;
	enum route_wrong wrong;
	const char *name, *rest; /* rest: the tag, the digest's digits or the upload */
} routes[] = {
    {"GET", "/v2/", ROUTE_BASE, ROUTE_WELL, "", ""},
    {"GET", "/v2", ROUTE_BASE, ROUTE_WELL, "", ""},
    {"GET", "/", ROUTE_NONE, ROUTE_WELL, "", ""},
    {"GET", "*", ROUTE_NONE, ROUTE_WELL, "", ""},
    {"GET", "/v2/a", ROUTE_NONE, ROUTE_WELL, "", ""},
    {"POST", "/v2/", ROUTE_BASE, ROUTE_BAD_METHOD, "", ""},
    {"BREW", "/v2/", ROUTE_BASE, ROUTE_BAD_METHOD, "", ""},
    {"ET", "/v2/", ROUTE_BASE, ROUTE_BAD_METHOD, "", ""},
    {"GET", "/v2/_catalog", ROUTE_CATALOG, ROUTE_WELL, "", ""},
    {"GET", "/v2/a/b/tags/list", ROUTE_TAGS, ROUTE_WELL, "a/b", ""},
    {"GET", "/v2/a/tags/other", ROUTE_NONE, ROUTE_WELL, "a", ""},
    {"GET", "/v2/a/manifests/v1", ROUTE_MANIFEST, ROUTE_WELL, "a", "v1"},
    {"GET", "/v2/a/manifests/sha256:" HEX64, ROUTE_MANIFEST, ROUTE_WELL, "a", HEX64},
    {"GET", "/v2/a/manifests/sha256:zz", ROUTE_MANIFEST, ROUTE_BAD_DIGEST, "a", ""},
    {"GET", "/v2/a/manifests/v/1", ROUTE_MANIFEST, ROUTE_BAD_TAG, "a", ""},
    {"GET", "/v2/a/manifests/..", ROUTE_MANIFEST, ROUTE_BAD_TAG, "a", ""},
    {"GET", "/v2/a/manifests/", ROUTE_MANIFEST, ROUTE_BAD_TAG, "a", ""},
    {"PATCH", "/v2/a/manifests/v1", ROUTE_MANIFEST, ROUTE_BAD_METHOD, "a", "v1"},
    {"GET", "/v2/a/blobs/b/manifests/v1", ROUTE_MANIFEST, ROUTE_WELL, "a/blobs/b", "v1"},
    {"GET", "/v2/manifests/blobs/sha256:" HEX64, ROUTE_BLOB, ROUTE_WELL, "manifests", HEX64},
    {"HEAD", "/v2/a/blobs/sha256:" HEX64, ROUTE_BLOB, ROUTE_WELL, "a", HEX64},
    {"PUT", "/v2/a/blobs/sha256:" HEX64, ROUTE_BLOB, ROUTE_BAD_METHOD, "a", HEX64},
    {"GET", "/v2/a/blobs/../../etc/passwd", ROUTE_BLOB, ROUTE_BAD_DIGEST, "a", ""},
    {"GET", "/v2/../a/blobs/sha256:" HEX64, ROUTE_BLOB, ROUTE_BAD_NAME, "", HEX64},
    {"GET", "/v2//blobs/sha256:" HEX64, ROUTE_BLOB, ROUTE_BAD_NAME, "", HEX64},
    {"POST", "/v2/a/blobs/uploads/", ROUTE_UPLOADS, ROUTE_WELL, "a", ""},
    {"POST", "/v2/a/blobs/uploads", ROUTE_UPLOADS, ROUTE_WELL, "a", ""},
    {"PATCH", "/v2/a/blobs/uploads/" ID, ROUTE_UPLOAD, ROUTE_WELL, "a", ID},
    {"PATCH", "/v2/a/blobs/uploads/" ID "0", ROUTE_UPLOAD, ROUTE_BAD_UPLOAD, "a", ""},
    {"PATCH", "/v2/a/blobs/uploads/../../x", ROUTE_UPLOAD, ROUTE_BAD_UPLOAD, "a", ""},
    {"GET", "/v2/a/referrers/sha256:" HEX64, ROUTE_REFERRERS, ROUTE_WELL, "a", HEX64},
    {"GET", "/v2/a/referrers/v1", ROUTE_REFERRERS, ROUTE_BAD_DIGEST, "a", ""},
    {"GET", "/v1/search", ROUTE_SEARCH, ROUTE_WELL, "", ""},
    {"GET", "/v1/_ping", ROUTE_PING, ROUTE_WELL, "", ""},
    {"GET", "/v1/images", ROUTE_IMAGES, ROUTE_WELL, "", ""},
};

static const char *rest_of(const struct route *r)
{
	if (*r->tag)
		return r->tag;
	return *r->upload ? r->upload : r->digest.hex;
}

static void test_routes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
		struct route r;

		route_parse(routes[i].method, routes[i].path, &r);
		if (r.kind != routes[i].kind || r.wrong != routes[i].wrong || strcmp(r.name, routes[i].name) != 0 ||
		    strcmp(rest_of(&r), routes[i].rest) != 0)
			fail_msg("%s %s: kind %d, wrong %d, \"%s\", \"%s\"", routes[i].method, routes[i].path, r.kind,
				 r.wrong, r.name, rest_of(&r));
	}
}

static const struct {
	const char *header;
	uint64_t size;
	enum range_answer answer;
	uint64_t first, length;
} ranges[] = {
    {NULL, 10, RANGE_ALL, 0, 0},
    {"bytes=0-", 10, RANGE_PART, 0, 10},
    {"bytes=2-4", 10, RANGE_PART, 2, 3},
    {"Bytes = 2-4 ", 10, RANGE_PART, 2, 3},
    {"bytes=2-99", 10, RANGE_PART, 2, 8},
    {"bytes=9-9", 10, RANGE_PART, 9, 1},
    {"bytes=10-", 10, RANGE_OUTSIDE, 0, 0},
    {"bytes=-3", 10, RANGE_PART, 7, 3},
    {"bytes=-30", 10, RANGE_PART, 0, 10},
    {"bytes=-0", 10, RANGE_OUTSIDE, 0, 0},
    {"bytes=-1", 0, RANGE_OUTSIDE, 0, 0},
    {"bytes=0-0", 0, RANGE_OUTSIDE, 0, 0},
    {"bytes=4-2", 10, RANGE_ALL, 0, 0},
    {"bytes=0-1,3-4", 10, RANGE_ALL, 0, 0},
    {"bytes=", 10, RANGE_ALL, 0, 0},
    {"bytes=-", 10, RANGE_ALL, 0, 0},
    {"bytes=a-b", 10, RANGE_ALL, 0, 0},
    {"bytes=+1-2", 10, RANGE_ALL, 0, 0},
    {"lines=0-1", 10, RANGE_ALL, 0, 0},
    {"bytes=0-18446744073709551616", 10, RANGE_ALL, 0, 0},
    {"bytes=18446744073709551616-", 10, RANGE_ALL, 0, 0},
    {"bytes=-18446744073709551615", 10, RANGE_ALL, 0, 0},
};

static void test_ranges(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
		struct range r = {0};
		enum range_answer answer = range_parse(ranges[i].header, ranges[i].size, &r);

		if (answer != ranges[i].answer ||
		    (answer == RANGE_PART && (r.first != ranges[i].first || r.length != ranges[i].length)))
			fail_msg("%s: %d", ranges[i].header, answer);
	}
}

static const struct {
	const char *header;
	enum range_answer answer;
	uint64_t first, length;
} chunks[] = {
    {"0-9", RANGE_PART, 0, 10},		{"5-5", RANGE_PART, 5, 1},
    {"bytes 0-9/*", RANGE_PART, 0, 10}, {"bytes=0-9/10", RANGE_PART, 0, 10},
    {"9-0", RANGE_MALFORMED, 0, 0},	{"0-", RANGE_MALFORMED, 0, 0},
    {"-9", RANGE_MALFORMED, 0, 0},	{"", RANGE_MALFORMED, 0, 0},
    {"0-9x", RANGE_MALFORMED, 0, 0},	{"0-99999999999999999999", RANGE_MALFORMED, 0, 0},
};

static void test_chunks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
		struct range r = {0};
		enum range_answer answer = range_parse_chunk(chunks[i].header, &r);

		if (answer != chunks[i].answer ||
		    (answer == RANGE_PART && (r.first != chunks[i].first || r.length != chunks[i].length)))
			fail_msg("%s: %d", chunks[i].header, answer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_repositories), cmocka_unit_test(test_tags),	cmocka_unit_test(test_digests),
	    cmocka_unit_test(test_routes),	 cmocka_unit_test(test_ranges), cmocka_unit_test(test_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
