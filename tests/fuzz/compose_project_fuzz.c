/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as the Compose files of a project: "%%%" on a line of its own starts the next file, which is laid over the
 * ones before it. What comes out must be JSON within its limits that means the same when it is written as YAML and
 * loaded again; what does not must say why. Needs compose_dep.
 */
#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "face/compose/compose_project.h"
#include "face/compose/yaml_text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *env[] = {"HOME=/nonexistent", "A=1", "EMPTY=", "COMPOSE_PROFILES=p,q", "COMPOSE_PROJECT_NAME=p", NULL};
static char *names[] = {"/nonexistent/a.yaml", "/nonexistent/b.yaml", "/nonexistent/c.yaml", NULL};

/* Cuts the text at its separators; returns the number of files. */
static size_t split(char *text, const char *texts[3])
{
	size_t n = 0;

	while (text && n < 3) {
		char *next = strstr(text, "\n%%%\n");

		texts[n++] = text;
		if (next)
			*next = '\0';
		text = next ? next + strlen("\n%%%\n") : NULL;
	}
	return n;
}

static int load(const char *const *texts, size_t n, uint8_t flags, struct compose_project *ret)
{
	compose_messages_cleanup struct compose_messages m = COMPOSE_MESSAGES_INIT;
	char *files[] = {names[0], n > 1 ? names[1] : NULL, n > 2 ? names[2] : NULL, NULL};
	const struct compose_project_options o = {.files = files,
						  .texts = texts,
						  .env = env,
						  .no_interpolate = flags & 1,
						  .no_normalize = flags & 2,
						  .all_resources = flags & 4,
						  .no_consistency = flags & 8,
						  .no_env_files = true,
						  .contents = flags & 16};
	struct err err = ERR_INIT;
	int r = compose_project_load(&o, ret, &m, &err);

	if (r < 0 && (!err.text[0] || ret->json))
		abort();
	if (r == 0 && m.n_errors)
		abort();
	return r;
}

static void hash_all(yyjson_val *root)
{
	char hash[COMPOSE_PROJECT_HASH_MAX];
	yyjson_val *key, *val;
	size_t i, n;

	yyjson_obj_foreach (yyjson_obj_get(root, "services"), i, n, key, val) {
		compose_project_hash(val, hash);
		if (strlen(hash) != COMPOSE_PROJECT_HASH_MAX - 1)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	compose_project_cleanup struct compose_project p = COMPOSE_PROJECT_INIT, again = COMPOSE_PROJECT_INIT;
	mem_cleanup char *text = mem_strndup((const char *)data, size);
	uint8_t flags = size ? data[size - 1] : 0;
	const char *texts[3] = {"", "", ""}, *yaml;
	struct buf out buf_cleanup = BUF_INIT;
	struct err err = ERR_INIT;

	if (load(texts, split(text, texts), flags, &p) == 0) {
		json_doc_cleanup yyjson_doc *doc = json_parse(p.json, p.len, 32u << 20, "project", &err);

		if (!doc)
			abort();
		hash_all(yyjson_doc_get_root(doc));
		yaml_text(yyjson_doc_get_root(doc), &out);
		yaml = buf_str(&out);
		/* what is there now has no variables any more; an optional dependency may be inactive */
		if (load(&yaml, 1, (uint8_t)(flags | 1 | 8), &again) < 0)
			abort();
	}
	return 0;
}
