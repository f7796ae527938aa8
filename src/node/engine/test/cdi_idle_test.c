/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/cdi_idle.h"

#include "base/core/buf.h"
#include "base/core/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/berth-cdi-idle.XXXXXX";

static const char described[] =
    "{\"cdiVersion\": \"0.6.0\", \"kind\": \"made.test/gpu\", \"containerEdits\": {\"deviceNodes\": [{\"path\": "
    "\"/dev/ctl\"}]}, \"devices\": ["
    "{\"name\": \"0\", \"containerEdits\": {\"deviceNodes\": [{\"path\": \"/dev/gpu0\"}, {\"path\": \"/dev/card\"}]}},"
    "{\"name\": \"1\", \"containerEdits\": {\"deviceNodes\": [{\"path\": \"/dev/gpu\", \"hostPath\": \"/dev/gpu1\"}, "
    "{\"path\": \"/dev/card\"}]}},"
    "{\"name\": \"2\", \"containerEdits\": {\"deviceNodes\": [{\"path\": \"/dev/gpu2\"}]}},"
    "{\"name\": \"4\", \"containerEdits\": {\"deviceNodes\": [{\"path\": \"/dev/gpu4\"}]}},"
    "{\"name\": \"all\", \"containerEdits\": {\"deviceNodes\": [{\"path\": \"/dev/gpu0\"}]}}]}";

/* What is in use, how many are wanted, and which are given. */
static const struct {
	const char *used;
	size_t n;
	const char *names;
} rows[] = {
    {"", 1, "0"},
    {"", 3, "0 1 2"},
    {"/dev/gpu0", 1, "1"},
    {"/dev/gpu1", 1, "0"},
    {"/dev/gpu1", 2, "0 2"},
    {"/dev/gpu0 /dev/gpu1", 1, "2"},
    {"/dev/gpu0 /dev/gpu1", 2, "0 2"},
    {"/dev/gpu0 /dev/gpu1 /dev/gpu2", 1, "0"},
    /* Of all, of two, and of none of them. */
    {"/dev/ctl", 1, "0"},
    {"/dev/card", 1, "0"},
    {"/dev/gpu /dev/gpu4", 2, "0 1"},
    /* No more than these can be counted; what is not there is asked for, and refused by who looks for it. */
    {"/dev/gpu0", 4, "0 1 2 3"},
    {"", 0, ""},
};

static bool is_used(void *ctx, const char *path)
{
	mem_cleanup char *words = mem_printf(" %s ", (const char *)ctx), *word = mem_printf(" %s ", path);

	return strstr(words, word);
}

static void test_rows(void **state)
{
	const char *const dirs[] = {dir, NULL};

	(void)state;
	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		char **names = cdi_idle(dirs, "made.test/gpu", rows[k].n, is_used, (void *)(uintptr_t)rows[k].used);
		buf_cleanup struct buf said = BUF_INIT;

		for (char **name = names; name && *name; name++) {
			assert_int_equal(strncmp(*name, "made.test/gpu=", strlen("made.test/gpu=")), 0);
			buf_printf(&said, "%s%s", name > names ? " " : "", *name + strlen("made.test/gpu="));
		}
		if (strcmp(buf_str(&said), rows[k].names) != 0)
			fail_msg("row %zu: \"%s\"", k, buf_str(&said));
		mem_strv_free(names);
	}
}

static int setup(void **state)
{
	mem_cleanup char *path = NULL;
	FILE *f;

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	path = mem_printf("%s/made.json", dir);
	f = fopen(path, "we");
	return f && fputs(described, f) >= 0 && fclose(f) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	mem_cleanup char *path = mem_printf("%s/made.json", dir);

	(void)state;
	return unlink(path) == 0 && rmdir(dir) == 0 ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

	return cmocka_run_group_tests_name("cdi_idle", tests, setup, teardown);
}
