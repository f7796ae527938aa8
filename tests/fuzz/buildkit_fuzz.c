/* SPDX-License-Identifier: Apache-2.0
 *
 * What a client of BuildKit's protocol asks for, as far as the options of its build.
 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/buildkit/message.h"
#include "face/buildkit/solve_options.h"

#include <stdint.h>
#include <string.h>

static void read_options(struct message *m)
{
	mem_cleanup char *text = json_text(m->request, false, NULL);
	json_doc_cleanup yyjson_doc *doc = json_parse(text, strlen(text), 64u << 20, "the request", NULL);
	struct solve_options o = {.context = NULL};
	struct err err = ERR_INIT;

	if (doc)
		(void)solve_options_read(yyjson_doc_get_root(doc), &o, &err);
	solve_options_free(&o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct message m = {.request = NULL};
	const char *text = (const char *)data;
	struct err err = ERR_INIT;

	if (message_solve(text, size, &m, &err) == 0)
		read_options(&m);
	message_free(&m);
	err_clear(&err);
	if (message_bridge(text, size, &m, &err) == 0)
		read_options(&m);
	message_free(&m);
	free(message_text(text, size, 1));
	free(message_failure(text, size));
	return 0;
}
