/* SPDX-License-Identifier: Apache-2.0
 *
 * project_try [FILE...]: the canonical project that `berth compose` works with, and the hash of each service.
 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "face/compose/compose_project.h"

#include <stdio.h>
#include <unistd.h>

static void print_hashes(const struct compose_project *p)
{
	json_doc_cleanup yyjson_doc *doc = yyjson_read(p->json, p->len, 0);
	char hash[COMPOSE_PROJECT_HASH_MAX];
	yyjson_val *key, *service;
	size_t i, max;

	yyjson_obj_foreach (yyjson_obj_get(yyjson_doc_get_root(doc), "services"), i, max, key, service) {
		compose_project_hash(service, hash);
		fprintf(stderr, "%s %s\n", yyjson_get_str(key), hash);
	}
}

int main(int argc, char **argv)
{
	compose_messages_cleanup struct compose_messages m = COMPOSE_MESSAGES_INIT;
	compose_project_cleanup struct compose_project p = COMPOSE_PROJECT_INIT;
	const struct compose_project_options o = {.files = argc > 1 ? argv + 1 : NULL, .env = environ};
	struct err err = ERR_INIT;
	int r = compose_project_load(&o, &p, &m, &err);

	for (size_t i = 0; i < m.n; i++)
		fprintf(stderr, "%s\n", m.items[i].text);
	if (r < 0 && !m.n_errors)
		fprintf(stderr, "%s\n", err.text);
	if (r < 0)
		return 1;
	puts(p.json);
	print_hashes(&p);
	return 0;
}
