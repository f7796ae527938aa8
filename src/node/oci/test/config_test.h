/* SPDX-License-Identifier: Apache-2.0
 *
 * config_test: JSON in a test without a backslash before each quote: ' stands for ". The results fail the test when they are not what is said.
 */
#pragma once

#include "node/oci/config.h"

/* The smallest config.json around more members: CONFIG(",'hostname':'h'"). */
#define CONFIG(more) "{'ociVersion':'1.2.0','root':{'path':'r'}" more "}"
#define PROCESS(more) "{'cwd':'/','args':['a']" more "}"

typedef int config_test_fn(const char *text, size_t n, struct oci_config **ret, struct err *err);

struct oci_config *config_test_ok(config_test_fn *parse, const char *text);
/* `error` has to be in the error's text, and `code` its number. */
void config_test_refused(config_test_fn *parse, const char *text, int code, const char *error);

static inline void config_test_freep(struct oci_config **c)
{
	oci_config_free(*c);
}
#define config_cleanup __attribute__((cleanup(config_test_freep)))
