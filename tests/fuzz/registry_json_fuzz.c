/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON that the client of registries reads: docker's config.json, the answers of credential helpers, token servers and searches, error
 * messages, and our settings. Needs registry_dep.
 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/registry/docker_config.h"
#include "node/registry/hosts.h"
#include "node/registry/search.h"
#include "node/registry/session.h"
#include "node/registry/token.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void config(const char *text, size_t n)
{
	static const char *const registries[] = {"docker.io", "a", "r.example:5000"};

	for (size_t i = 0; i < sizeof registries / sizeof registries[0]; i++) {
		cleanup_with(cred_free) struct cred c = {.user = NULL};
		mem_cleanup char *helper = NULL;
		struct err err = ERR_INIT;
		int r = docker_config_find(text, n, registries[i], &c, &helper, &err);

		if ((r < 0) != (err.code != 0))
			abort();
		if (r < 1 && (c.user || c.identity_token || c.registry_token))
			abort();
	}
}

static void answers(const char *text, size_t n)
{
	cleanup_with(cred_free) struct cred c = {.user = NULL};
	cleanup_with(token_free) struct token t = {.text = NULL};
	cleanup_with(hosts_free) struct hosts h = HOSTS_INIT;
	struct registry_found *found = NULL;
	size_t n_found = 0;

	free(session_message(text, n));
	(void)cred_helper_parse(text, n, "x", &c, NULL);
	if (token_parse(text, n, &t, NULL) == 0 && strpbrk(t.text, "\r\n "))
		abort();
	(void)hosts_add(&h, text, n, "registries.json", NULL);
	if (registry_search_parse(text, n, "a", 10, &found, &n_found, NULL) == 0 && n_found > 10)
		abort();
	registry_found_free(found, n_found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	mem_cleanup char *text = mem_dup(data, n + (n == 0));

	config(text, n);
	answers(text, n);
	return 0;
}
