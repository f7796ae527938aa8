/* SPDX-License-Identifier: Apache-2.0 */
#include "node/image/config.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/image/manifest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ROOTFS "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" HEX64 "\"]}"

static void test_round(void **state)
{
	const char *cmd[] = {"sh", "-c", "echo \"x\"", NULL}, *env[] = {"A=1", "B=", NULL};
	const struct image_import_options o = {.cmd = (char **)cmd,
					       .env = (char **)env,
					       .working_dir = (char *)(uintptr_t) "/w",
					       .user = (char *)(uintptr_t) "1000:5"};
	const struct image_unpacked u = {.diff_id = HEX64, .tar_size = 77};
	cleanup_with(image_info_freep) struct image_info *i = NULL;
	mem_cleanup char *text = NULL, *manifest = NULL;
	cleanup_with(manifest_free) struct manifest m = MANIFEST_INIT;
	struct err err = ERR_INIT;
	size_t n;

	(void)state;
	assert_int_equal(config_text(&u, &o, 1600000000123, &text, &n, &err), 0);
	assert_int_equal(config_parse(text, n, &i, &err), 0);
	assert_int_equal(i->created_ms, 1600000000123);
	assert_string_equal(i->cmd[2], "echo \"x\"");
	assert_string_equal(i->env[1], "B=");
	assert_string_equal(i->working_dir, "/w");
	assert_string_equal(i->user, "1000:5");
	assert_null(i->entrypoint);
	assert_string_equal(i->layers[0], HEX64);
	manifest = config_manifest_text(HEX64, n, &u, &n);
	assert_int_equal(manifest_parse(manifest, n, MANIFEST_OCI, &m, &err), 0);
	assert_int_equal(manifest_is_image(&m, &err), 0);
	assert_string_equal(m.config.digest, HEX64);
	assert_int_equal(m.n, 1);
	assert_int_equal(m.items[0].size, 77);
}

/* As Go writes a time: whoever reads and writes the config again gets the same bytes. */
static void test_created(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} rows[] = {{1600000000123, "\"2020-09-13T12:26:40.123Z\""},
		    {1600000000220, "\"2020-09-13T12:26:40.22Z\""},
		    {1600000000300, "\"2020-09-13T12:26:40.3Z\""},
		    {1600000000000, "\"2020-09-13T12:26:40Z\""}};
	const struct image_unpacked u = {.diff_id = HEX64, .tar_size = 77};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		mem_cleanup char *text = NULL;
		size_t n;

		assert_int_equal(config_text(&u, NULL, rows[i].ms, &text, &n, NULL), 0);
		assert_non_null(strstr(text, rows[i].text));
	}
}

static void test_config(void **state)
{
	static const struct {
		const char *text;
		int want;
		const char *why;
	} rows[] = {
	    {"{\"os\":\"linux\"," ROOTFS "}", 0, ""},
	    {"{\"os\":\"linux\",\"config\":null," ROOTFS "}", 0, ""},
	    {"{\"os\":\"linux\",\"created\":\"nonsense\"," ROOTFS "}", 0, ""},
	    {"{\"os\":\"linux\",\"config\":{\"Volumes\":{\"/proc\":{}},\"Labels\":{\"a\":\"b\"}}," ROOTFS "}", 0, ""},
	    {"", EINVAL, "not valid JSON"},
	    {"[]", EINVAL, "an object is needed"},
	    {"{" ROOTFS "}", EINVAL, "not for linux"},
	    {"{\"os\":\"windows\"," ROOTFS "}", EINVAL, "not for linux"},
	    {"{\"os\":\"linux\",\"os\":\"linux\"," ROOTFS "}", EINVAL, "the key \"os\" twice"},
	    {"{\"os\":\"linux\"," ROOTFS "," ROOTFS "}", EINVAL, "the key \"rootfs\" twice"},
	    {"{\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}", EINVAL, "no layers"},
	    {"{\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[1]}}", EINVAL, "digest of layer 1"},
	    {"{\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:../../../../x\"]}}", EINVAL,
	     "digest of layer 1"},
	    {"{\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" HEX64 "\\u0000\"]}}", EINVAL,
	     "digest of layer 1"},
	    {"{\"os\":\"linux\",\"config\":{\"Env\":[\"NOVALUE\"]}," ROOTFS "}", EINVAL, "is not NAME=value"},
	    {"{\"os\":\"linux\",\"config\":{\"Env\":[\"=x\"]}," ROOTFS "}", EINVAL, "is not NAME=value"},
	    {"{\"os\":\"linux\",\"config\":{\"Env\":[\"A=\\u0000\"]}," ROOTFS "}", EINVAL, "NUL"},
	    {"{\"os\":\"linux\",\"config\":{\"Entrypoint\":[\"a\\u0000b\"]}," ROOTFS "}", EINVAL, "NUL"},
	    {"{\"os\":\"linux\",\"config\":{\"Entrypoint\":\"sh\"}," ROOTFS "}", EINVAL, "a list is needed"},
	    {"{\"os\":\"linux\",\"config\":{\"Cmd\":[{}]}," ROOTFS "}", EINVAL, "a string is needed in its place 1"},
	    {"{\"os\":\"linux\",\"config\":{\"WorkingDir\":\"../x\"}," ROOTFS "}", EINVAL, "not an absolute path"},
	    {"{\"os\":\"linux\",\"config\":{\"User\":\"root\\n\"}," ROOTFS "}", EINVAL, "control characters"},
	    {"{\"os\":\"linux\",\"config\":{\"User\":\"a\\u0000\"}," ROOTFS "}", EINVAL, "NUL"},
	    {"{\"os\":\"linux\",\"config\":{\"StopSignal\":\"SIGTERMSIGTERMSIGTERMSIGTERMSIGTERM\"}," ROOTFS "}", E2BIG,
	     "the limit is 31"},
	};

	(void)state;
	for (size_t n = 0; n < sizeof rows / sizeof *rows; n++) {
		cleanup_with(image_info_freep) struct image_info *i = NULL;
		struct err err = ERR_INIT;
		int r = config_parse(rows[n].text, strlen(rows[n].text), &i, &err);

		if (r != -rows[n].want || !strstr(err.text, rows[n].why))
			fail_msg("%s: %d, %s", rows[n].text, r, err.text);
	}
}

static void test_big(void **state)
{
	size_t n = CONFIG_BYTES_MAX + 1;
	mem_cleanup char *text = mem_zalloc(1, n + 1);
	cleanup_with(image_info_freep) struct image_info *i = NULL;

	(void)state;
	memset(text, '[', n);
	assert_int_equal(config_parse(text, n, &i, NULL), -E2BIG);
	assert_int_equal(config_parse(text, 100000, &i, NULL), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_round), cmocka_unit_test(test_created),
					   cmocka_unit_test(test_config), cmocka_unit_test(test_big)};

	return cmocka_run_group_tests_name("image/config", tests, NULL, NULL);
}
