/* SPDX-License-Identifier: Apache-2.0
 *
 * The steps of a load, in order. A step works on whatever the earlier ones left, so that one run tells as many errors
 * as it can; only broken YAML ends it early.
 */
#include "face/compose/compose.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "face/compose/berth_keys.h"
#include "face/compose/check.h"
#include "face/compose/emit.h"
#include "face/compose/interpolate.h"
#include "face/compose/job.h"
#include "face/compose/loader.h"
#include "face/compose/params.h"
#include "face/compose/project.h"
#include "face/compose/schema.h"
#include "face/compose/service.h"
#include "face/compose/stage.h"
#include "face/compose/yaml.h"

#include <string.h>

#define JSON_BYTES_MAX (16u << 20)
#define TEXT_BUDGET (16u << 20)
#define FILE_BUDGET (11u << 20)
#define SERVICES_MAX 10000

/* All values but those of x-berth.params, which are done, and the name, which is needed first. */
static void interpolate_rest(struct loader *l)
{
	for (size_t i = 0; i < l->root->n; i++) {
		struct node *n = l->root->items[i];

		if (strcmp(n->key->text, "name") == 0)
			continue;
		if (strcmp(n->key->text, "x-berth") != 0 || n->kind != NODE_MAP) {
			interpolate_node(l, n);
			continue;
		}
		for (size_t k = 0; k < n->n; k++)
			if (strcmp(n->items[k]->key->text, "params") != 0)
				interpolate_node(l, n->items[k]);
	}
}

static void read_services(struct loader *l)
{
	struct node *services = node_get(l->root, "services");
	struct job *job = l->job;

	if (!services || schema_is_empty(services)) {
		message_place_error(l, services ? services->key->line : 0, services ? services->key->column : 0,
				    "the file has no services; for example services: {hello: {image: busybox}}");
		return;
	}
	if (services->kind != NODE_MAP)
		return;
	if (services->n > SERVICES_MAX) {
		message_error(l, services, "%zu services; %d are possible", services->n, SERVICES_MAX);
		return;
	}
	job->services = arena_new_n(&l->arena, struct job_service, services->n);
	job->n_services = services->n;
	for (size_t i = 0; i < services->n; i++)
		service_read(l, services->items[i], &job->services[i]);
}

static void run(struct loader *l, const char *text, size_t len)
{
	project_locate(l);
	if (!yaml_load(l, text, len))
		return;
	l->job = arena_new(&l->arena, struct job);
	params_load(l);
	project_name(l);
	interpolate_rest(l);
	schema_check(l);
	project_profiles(l);
	berth_keys_read_top(l);
	read_services(l);
	check_job(l);
	stage_check_unused(l);
}

/* The first error without "FILE:LINE:COL: error: " would lose its place, so it is given whole. */
static int first_error(const struct compose_messages *m, struct err *err)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->items[i].level == COMPOSE_ERROR)
			return err_set(err, EINVAL, "%s", m->items[i].text);
	return err_set(err, EINVAL, "the file is wrong");
}

static int finish(struct loader *l, char **ret_json, size_t *ret_len, struct err *err)
{
	char *json;
	size_t len;

	messages_sort(l->messages);
	if (l->messages->n_errors)
		return first_error(l->messages, err);
	json = emit_job(l, &len);
	if (len > JSON_BYTES_MAX) {
		free(json);
		return err_set(err, E2BIG, "%s: the job has %zu bytes as JSON; the limit is %u (16 MiB)", l->file_name,
			       len, JSON_BYTES_MAX);
	}
	*ret_json = json;
	*ret_len = len;
	return 0;
}

int compose_parse(const struct compose_options *o, const char *text, size_t len, char **ret_json, size_t *ret_len,
		  struct compose_messages *ret_messages, struct err *err)
{
	struct loader l = {.options = o,
			   .messages = ret_messages,
			   .node_budget = YAML_NODES_MAX,
			   .text_budget = TEXT_BUDGET,
			   .file_budget = FILE_BUDGET};
	int r;

	run(&l, text, len);
	r = finish(&l, ret_json, ret_len, err);
	arena_free(&l.arena);
	return r;
}

static int read_file(const char *file, char **ret, size_t *ret_len, struct err *err)
{
	int r;

	if (strcmp(file, "-") != 0)
		r = loader_read(file, YAML_BYTES_MAX, false, ret, ret_len, err);
	else
		r = fd_read_all(STDIN_FILENO, YAML_BYTES_MAX, ret, ret_len);
	if (r == -E2BIG)
		return err_set(err, E2BIG, "%s: the file is larger than 4 MiB, the limit of a compose file",
			       strcmp(file, "-") ? file : "<stdin>");
	return r < 0 && !err->code ? err_sys(err, -r, "read standard input") : r;
}

int compose_load(const struct compose_options *o, char **ret_json, size_t *ret_len,
		 struct compose_messages *ret_messages, struct err *err)
{
	mem_cleanup char *text = NULL;
	struct err own = ERR_INIT;
	size_t len = 0;
	int r = read_file(o->file, &text, &len, &own);

	if (r < 0) {
		if (err)
			*err = own;
		return r;
	}
	return compose_parse(o, text, len, ret_json, ret_len, ret_messages, err);
}
