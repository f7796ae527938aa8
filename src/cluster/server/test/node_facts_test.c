/* SPDX-License-Identifier: Apache-2.0 */
/* A server of nothing but one node, which has a connection: what the scheduler is told of it. */
#include "cluster/server/node_facts.h"

#include "base/core/buf.h"
#include "base/core/mem.h"
#include "cluster/server/fleet.h"
#include "cluster/server/server_private.h"
#include "cluster/server/sources.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static char *facts_text(const char *facts, const char *labels)
{
	mem_cleanup char *own = mem_strdup(facts);
	struct session session = {.name = "n1"};
	struct sources *sources = mem_new(struct sources);
	struct server *server = mem_new(struct server);
	struct node n = {.server = server, .name = "n1", .session = &session, .facts = own};
	char *text;

	server->sources = sources;
	text = node_facts_text(&n, labels);
	free(server);
	free(sources);
	return text;
}

/* Several times as many images as there is room for: what jobs choose nodes by is there all the same, and every line is whole. */
static void test_many_images(void **state)
{
	buf_cleanup struct buf facts = BUF_INIT;
	mem_cleanup char *text = NULL;

	(void)state;
	buf_adds(&facts, "{\"kernel\":\"6.1\",\"cores\":8,\"cpu_flags\":[\"avx2\"],\"images\":{");
	for (int i = 0; i < 500; i++)
		buf_printf(&facts, "%s\"%0*d\":1", i ? "," : "", i < 450 ? 200 : 1, i);
	buf_adds(&facts, "}}");
	text = facts_text(facts.data, "{\"disk\":\"ssd\"}");
	assert_true(strlen(text) <= SCHED_FACTS_TEXT_MAX);
	assert_non_null(strstr(text, "labels.disk ssd\n"));
	assert_non_null(strstr(text, "kernel 6.1\n"));
	assert_non_null(strstr(text, "has.avx2 \n"));
	assert_non_null(strstr(text, "has.image.000"));
	assert_string_equal(text + strlen(text) - 3, " 1\n");
}

/* What could be a line of its own, or another name, is left out. */
static void test_untrusted(void **state)
{
	char facts[] =
	    "{\"kernel\":\"6.1\\nlabels.disk ssd\",\"arch\":\"x86_64\",\"cpu_flags\":[\"a b\",7,\"\"],\"cores\":\"8\","
	    "\"images\":{\"a "
	    "b\":1,\"\":2,\"c\":-1,\"d\":3,\"e\":4},\"image_ids\":{\"d\":\"0a1b\",\"e\":\"1\\n2\",\"f\":\"1\"}}";
	mem_cleanup char *text = facts_text(facts, "{\"a b\":\"c\",\"d\":\"e\\nf\",\"g\":1}");

	(void)state;
	assert_string_equal(text, "os linux\nrole worker\narch x86_64\nhas.image.c 18446744073709551615\n"
				  "has.image.d 3/0a1b\nhas.image.e 4\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_many_images), cmocka_unit_test(test_untrusted)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
