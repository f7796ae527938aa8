/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a compose file. What comes out as a job must be JSON within its limits; what does not must say why. Needs compose_dep.
 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "face/compose/compose.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *env[] = {"HOME=/nonexistent", "A=1", "EMPTY=", "COMPOSE_PROFILES=p,q", NULL};
static char *params[] = {"parts=3", NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	compose_messages_cleanup struct compose_messages m = COMPOSE_MESSAGES_INIT;
	/* a directory that does not exist: nothing of this machine is read by relative paths */
	struct compose_options o = {.file = "/nonexistent/compose.yaml", .env = env, .output = "/nonexistent/out"};
	mem_cleanup char *text = mem_dup(data, size), *json = NULL;
	struct err err = ERR_INIT;
	size_t len = 0;
	int r;

	if (size && data[0] == '#')
		o.params = params;
	r = compose_parse(&o, text, size, &json, &len, &m, &err);
	if (r < 0 && (!err.text[0] || json))
		abort();
	if (r == 0) {
		json_doc_cleanup yyjson_doc *doc = json_parse(json, len, 16u << 20, "job", &err);

		if (!doc || m.n_errors)
			abort();
	}
	return 0;
}
