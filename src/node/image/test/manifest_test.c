/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/manifest.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "sha256:" HEX64
#define DESCRIPTOR(type, digest, size) "{\"mediaType\":\"" type "\",\"digest\":\"" digest "\",\"size\":" size "}"
#define CONFIG(digest) "\"config\":" DESCRIPTOR(MANIFEST_CONFIG, digest, "3")
#define LAYERS(layer) ",\"layers\":[" layer "]}"
#define LAYER DESCRIPTOR(MANIFEST_LAYER_GZIP, DIGEST, "5")
#define HEAD "{\"schemaVersion\":2,\"mediaType\":\"" MANIFEST_OCI "\","
#define HEAD_INDEX "{\"schemaVersion\":2,\"mediaType\":\"" MANIFEST_OCI_INDEX "\",\"manifests\":"

static void test_parse(void **state)
{
	static const struct {
		const char *text, *said;
		int want;
		const char *why;
	} rows[] = {
	    {HEAD CONFIG(DIGEST) LAYERS(LAYER), NULL, 0, ""},
	    {HEAD CONFIG(DIGEST) LAYERS(LAYER), MANIFEST_OCI "; charset=utf-8", 0, ""},
	    {HEAD CONFIG(DIGEST) LAYERS(LAYER), "application/json", 0, ""},
	    {HEAD CONFIG(DIGEST) LAYERS(LAYER), MANIFEST_OCI_INDEX, EINVAL, "was sent as"},
	    {HEAD CONFIG(DIGEST) LAYERS(LAYER), MANIFEST_DOCKER, EINVAL, "was sent as"},
	    {"{\"schemaVersion\":2," CONFIG(DIGEST) LAYERS(LAYER), NULL, 0, ""},
	    {"{\"schemaVersion\":2," CONFIG(DIGEST) LAYERS(LAYER), MANIFEST_OCI_INDEX, EINVAL, "not its members"},
	    {HEAD CONFIG(DIGEST) ",\"manifests\":[]" LAYERS(LAYER), NULL, EINVAL, "an image and an index at once"},
	    {HEAD_INDEX "[]," CONFIG(DIGEST) "}", NULL, EINVAL, "an image and an index at once"},
	    {HEAD "\"manifests\":[]}", NULL, EINVAL, "not its members"},
	    {HEAD_INDEX "[]}", NULL, 0, ""},
	    {HEAD CONFIG(DIGEST) "}", NULL, EINVAL, "no list \"layers\""},
	    {HEAD CONFIG(DIGEST) LAYERS("1"), NULL, EINVAL, "an object is needed"},
	    {HEAD CONFIG(DIGEST) LAYERS(DESCRIPTOR(MANIFEST_LAYER, DIGEST, "-5")), NULL, EINVAL, "size"},
	    {HEAD CONFIG(DIGEST) LAYERS(DESCRIPTOR(MANIFEST_LAYER, DIGEST, "1e3")), NULL, EINVAL, "size"},
	    {HEAD CONFIG(DIGEST) LAYERS(DESCRIPTOR(MANIFEST_LAYER, DIGEST, "\"5\"")), NULL, EINVAL, "size"},
	    {HEAD CONFIG(DIGEST) LAYERS(DESCRIPTOR(MANIFEST_LAYER, DIGEST, "9223372036854775807") "," LAYER), NULL,
	     EINVAL, "impossible"},
	    {HEAD CONFIG("sha256:../../x") LAYERS(LAYER), NULL, EINVAL, "digest"},
	    {HEAD CONFIG("SHA256:" HEX64) LAYERS(LAYER), NULL, EINVAL, "digest"},
	    {HEAD CONFIG("sha256:" HEX64 "\\u0000") LAYERS(LAYER), NULL, EINVAL, "NUL"},
	    {HEAD CONFIG("md5:" HEX64) LAYERS(LAYER), NULL, EINVAL, "digest"},
	    {HEAD CONFIG("sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef") LAYERS(LAYER), NULL,
	     EINVAL, "digest"},
	    {HEAD "\"layers\":[" LAYER "]}", NULL, EINVAL, "an object is needed"},
	    {HEAD CONFIG(DIGEST) "," CONFIG(DIGEST) LAYERS(LAYER), NULL, EINVAL, "the key \"config\" twice"},
	    {HEAD CONFIG(DIGEST) ",\"Layers\":[]" LAYERS(LAYER), NULL, EINVAL, "the key \"layers\" twice"},
	    {HEAD CONFIG(DIGEST) LAYERS("{\"urls\":[\"http://x/\"],"
					"\"mediaType\":\"" MANIFEST_LAYER "\",\"digest\":\"" DIGEST "\",\"size\":1}"),
	     NULL, EINVAL, "foreign layer"},
	    {HEAD CONFIG(DIGEST)
		 LAYERS(DESCRIPTOR("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", DIGEST, "1")),
	     NULL, EINVAL, "foreign layer"},
	    {HEAD CONFIG(DIGEST)
		 LAYERS(DESCRIPTOR("application/vnd.oci.image.layer.nondistributable.v1.tar", DIGEST, "1")),
	     NULL, EINVAL, "foreign layer"},
	    {"{\"schemaVersion\":1}", NULL, EINVAL, "schema 1"},
	    {"{\"schemaVersion\":2,\"mediaType\":\"text/html\"," CONFIG(DIGEST) LAYERS(LAYER), NULL, EINVAL,
	     "none of an image"},
	    {"{}", NULL, EINVAL, "schemaVersion"},
	    {"[]", NULL, EINVAL, "an object is needed"},
	    {"", NULL, EINVAL, "not valid JSON"},
	};

	(void)state;
	for (size_t n = 0; n < sizeof rows / sizeof *rows; n++) {
		struct manifest m;
		struct err err = ERR_INIT;
		int r = manifest_parse(rows[n].text, strlen(rows[n].text), rows[n].said, &m, &err);

		if (r != -rows[n].want || !strstr(err.text, rows[n].why))
			fail_msg("%s: %d, %s", rows[n].text, r, err.text);
		if (r == 0 && !m.is_index)
			assert_string_equal(m.config.digest, HEX64);
		manifest_free(&m);
	}
}

static void test_limits(void **state)
{
	buf_cleanup struct buf text = BUF_INIT;
	size_t big = MANIFEST_BYTES_MAX + 1;
	mem_cleanup char *deep = mem_zalloc(1, big);
	struct manifest m;
	struct err err = ERR_INIT;

	(void)state;
	memset(deep, '[', big);
	assert_int_equal(manifest_parse(deep, big, NULL, &m, NULL), -E2BIG);
	assert_int_equal(manifest_parse(deep, 100000, NULL, &m, NULL), -E2BIG);
	buf_adds(&text, HEAD CONFIG(DIGEST) ",\"layers\":[" LAYER);
	for (size_t i = 0; i < MANIFEST_LAYERS_MAX; i++)
		buf_adds(&text, "," LAYER);
	buf_adds(&text, "]}");
	assert_int_equal(manifest_parse(text.data, text.len, NULL, &m, &err), -E2BIG);
	assert_non_null(strstr(err.text, "more than 127 layers"));
}

/* What is no image may have more: nobody stacks it. */
static void test_artifact_layers(void **state)
{
	for (size_t most = MANIFEST_ENTRIES_MAX; most <= MANIFEST_ENTRIES_MAX + 1; most++) {
		struct buf text buf_cleanup = BUF_INIT;
		struct manifest m;
		struct err err = ERR_INIT;

		(void)state;
		buf_adds(&text, HEAD "\"config\":" DESCRIPTOR("application/x", DIGEST, "2") ",\"layers\":[" LAYER);
		for (size_t i = 1; i < most; i++)
			buf_adds(&text, "," LAYER);
		buf_adds(&text, "]}");
		assert_int_equal(manifest_parse(text.data, text.len, NULL, &m, &err),
				 most > MANIFEST_ENTRIES_MAX ? -E2BIG : 0);
		manifest_free(&m);
	}
}

static void test_is_image(void **state)
{
	static const struct {
		const char *text;
		int want;
		const char *why;
	} rows[] = {
	    {HEAD CONFIG(DIGEST) LAYERS(LAYER), 0, ""},
	    {HEAD CONFIG(DIGEST) LAYERS(""), EINVAL, "no layers"},
	    {HEAD "\"config\":" DESCRIPTOR(MANIFEST_EMPTY, DIGEST, "2") LAYERS(LAYER), EINVAL,
	     "no image that can be run"},
	    {HEAD CONFIG(DIGEST) LAYERS(DESCRIPTOR("text/plain", DIGEST, "2")), EINVAL, "layer 1 has the media type"},
	    {HEAD_INDEX "[]}", EINVAL, "an index"},
	};

	(void)state;
	for (size_t n = 0; n < sizeof rows / sizeof *rows; n++) {
		struct manifest m;
		struct err err = ERR_INIT;
		int r;

		assert_int_equal(manifest_parse(rows[n].text, strlen(rows[n].text), NULL, &m, &err), 0);
		r = manifest_is_image(&m, &err);
		if (r != -rows[n].want || !strstr(err.text, rows[n].why))
			fail_msg("%s: %d, %s", rows[n].text, r, err.text);
		manifest_free(&m);
	}
}

/* An index whose entries are of these platforms, told apart by their sizes: 1, 2 ... */
static void make_index(struct buf *b, const char *platforms)
{
	mem_cleanup char *copy = mem_strdup(platforms);
	char *save = NULL;
	int n = 0;

	buf_adds(b, HEAD_INDEX "[");
	for (char *p = strtok_r(copy, " ", &save); p; p = strtok_r(NULL, " ", &save)) {
		struct platform at;

		assert_int_equal(platform_parse(p, &at, NULL), 0);
		buf_printf(b,
			   "%s{\"mediaType\":\"" MANIFEST_OCI "\",\"digest\":\"" DIGEST
			   "\",\"size\":%d,\"platform\":{\"os\":\"%s\",\"architecture\":\"%s\",\"variant\":\"%s\"}}",
			   n ? "," : "", n + 1, at.os, at.architecture, at.variant);
		n++;
	}
	buf_adds(b, "]}");
}

static void test_choose(void **state)
{
	static const struct {
		const char *have, *want;
		int entry; /* from 1; 0 = none */
	} rows[] = {
	    {"linux/amd64 linux/arm64", "linux/arm64", 2},
	    {"linux/amd64 linux/arm64", "linux/arm64/v8", 2},
	    {"linux/arm64 linux/amd64", "x86_64", 2},
	    {"linux/amd64 linux/amd64", "linux/amd64", 1},
	    {"linux/386 linux/amd64", "linux/amd64", 2},
	    {"linux/386", "linux/amd64", 1},
	    {"linux/amd64", "linux/386", 0},
	    {"linux/amd64/v2 linux/amd64 linux/amd64/v3", "linux/amd64", 2},
	    {"linux/amd64 linux/amd64/v2 linux/amd64/v4", "linux/amd64/v3", 2},
	    {"linux/arm/v6 linux/arm/v7 linux/arm/v8", "linux/arm/v7", 2},
	    {"linux/arm/v5 linux/arm/v6", "linux/arm", 2},
	    {"linux/arm/v7", "linux/arm/v6", 0},
	    {"linux/arm/v6 linux/arm/v8", "linux/arm64", 2},
	    {"windows/amd64", "linux/amd64", 0},
	    {"linux/s390x", "linux/riscv64", 0},
	    {"unknown/unknown linux/amd64", "linux/amd64", 2},
	};

	(void)state;
	for (size_t n = 0; n < sizeof rows / sizeof *rows; n++) {
		buf_cleanup struct buf text = BUF_INIT;
		const struct manifest_descriptor *d = NULL;
		struct platform want;
		struct manifest m;
		struct err err = ERR_INIT;

		make_index(&text, rows[n].have);
		assert_int_equal(manifest_parse(text.data, text.len, NULL, &m, &err), 0);
		assert_int_equal(platform_parse(rows[n].want, &want, &err), 0);
		assert_int_equal(manifest_choose(&m, &want, &d, &err), rows[n].entry ? 0 : -ENOENT);
		if (d && (int)d->size != rows[n].entry)
			fail_msg("%s of %s: entry %d", rows[n].want, rows[n].have, (int)d->size);
		if (!d)
			assert_non_null(strstr(err.text, "the image is not made for"));
		manifest_free(&m);
	}
}

static void test_platform(void **state)
{
	static const char *const good[][2] = {
	    {"linux/arm64/v8", "linux/arm64"}, {"linux/aarch64", "linux/arm64"}, {"armhf", "linux/arm/v7"},
	    {"Linux/AMD64", "linux/amd64"},    {"linux/arm/6", "linux/arm/v6"},	 {"linux/x86-64/v1", "linux/amd64"},
	};
	static const char *const bad[] = {"",
					  "/",
					  "linux/",
					  "linux//v7",
					  "linux/arm/v7/x",
					  "linux/a b",
					  "linux/0123456789012345678901234567890123456789"};
	char text[PLATFORM_TEXT_MAX];
	struct platform p;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(platform_parse(good[i][0], &p, NULL), 0);
		assert_string_equal(platform_text(&p, text), good[i][1]);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		if (platform_parse(bad[i], &p, NULL) != -EINVAL)
			fail_msg("\"%s\" is taken for a platform", bad[i]);
	}
	platform_host(&p);
	assert_string_equal(p.os, "linux");
	assert_int_equal(platform_match(&p, &p), 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_parse),	   cmocka_unit_test(test_limits),
					   cmocka_unit_test(test_artifact_layers), cmocka_unit_test(test_is_image),
					   cmocka_unit_test(test_choose),	   cmocka_unit_test(test_platform)};

	return cmocka_run_group_tests_name("image/manifest", tests, NULL, NULL);
}
