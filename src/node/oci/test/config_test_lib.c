/* SPDX-License-Identifier: Apache-2.0 */
#include "config_test.h"

#include "base/core/err.h"
#include "base/core/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char *with_quotes(const char *text)
{
	char *copy = mem_strdup(text);

	for (char *p = copy; *p; p++)
		*p = *p == '\'' ? '"' : *p;
	return copy;
}

struct oci_config *config_test_ok(config_test_fn *parse, const char *text)
{
	mem_cleanup char *json = with_quotes(text);
	struct oci_config *c = NULL;
	struct err err = ERR_INIT;

	if (parse(json, strlen(json), &c, &err) != 0)
		fail_msg("%s: %s", text, err.text);
	return c;
}

void config_test_refused(config_test_fn *parse, const char *text, int code, const char *error)
{
	mem_cleanup char *json = with_quotes(text);
	struct oci_config *c = NULL;
	struct err err = ERR_INIT;
	int r = parse(json, strlen(json), &c, &err);

	if (r == 0)
		oci_config_free(c);
	if (r != -code || err.code != code || !strstr(err.text, error))
		fail_msg("%s: %d \"%s\" instead of %d \"%s\"", text, r, r ? err.text : "", -code, error);
	assert_int_equal(parse(json, strlen(json), &c, NULL), r);
}
