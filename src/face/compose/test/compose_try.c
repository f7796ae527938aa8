/* SPDX-License-Identifier: Apache-2.0
 *
 * compose_try FILE [--param N=V] [--profile P] [--input DIR] [--output DIR] [--project NAME]: what `berth submit`
 * would send.
 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/compose/compose.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void take(struct compose_options *o, const char *key, const char *value)
{
	if (strcmp(key, "--param") == 0)
		mem_strv_add(&o->params, value);
	else if (strcmp(key, "--profile") == 0)
		mem_strv_add(&o->profiles, value);
	else if (strcmp(key, "--input") == 0)
		o->input = value;
	else if (strcmp(key, "--output") == 0)
		o->output = value;
	else
		o->project = value;
}

int main(int argc, char **argv)
{
	compose_messages_cleanup struct compose_messages m = COMPOSE_MESSAGES_INIT;
	struct compose_options o = {.file = argc > 1 ? argv[1] : "-", .env = environ};
	mem_cleanup char *json = NULL;
	struct err err = ERR_INIT;
	size_t len;
	int r;

	for (int i = 2; i + 1 < argc; i += 2)
		take(&o, argv[i], argv[i + 1]);
	r = compose_load(&o, &json, &len, &m, &err);
	for (size_t i = 0; i < m.n; i++)
		fprintf(stderr, "%s\n", m.items[i].text);
	if (json)
		puts(json);
	if (r < 0 && !m.n_errors)
		fprintf(stderr, "%s\n", err.text);
	mem_strv_free(o.params);
	mem_strv_free(o.profiles);
	return r < 0;
}
