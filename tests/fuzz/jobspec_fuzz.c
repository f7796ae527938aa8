/* SPDX-License-Identifier: Apache-2.0
 *
 * Canonical jobs from a hostile client: whatever is accepted must give, for the first and the last index of each task,
 * either an error with a text or a JSON object; and a job that was stored must load again. Needs server_dep.
 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "cluster/server/container.h"
#include "cluster/server/jobspec.h"
#include "cluster/server/server.h"
#include "cluster/server/schedule_rule.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_text(int r, const char *text, const struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = NULL;

	if (r < 0) {
		if (!err->text[0])
			abort();
		return;
	}
	doc = text ? yyjson_read(text, strlen(text), 0) : NULL;
	if (!yyjson_is_obj(yyjson_doc_get_root(doc)))
		abort();
}

static void check_attempt(const struct jobspec *j, uint32_t task, uint32_t index)
{
	struct sched_attempt_id a = {.job = "fuzz-1", .task = task, .index = index, .epoch = 1 + index % 2};
	mem_cleanup char *text = NULL;
	struct err err = ERR_INIT;
	int r = container_json(j, &a, "/spaces", true, &text, &err);

	check_text(r, text, &err);
}

static void check_task(struct jobspec *j, uint32_t task)
{
	mem_cleanup char *path = NULL, *glob = NULL;
	uint32_t count = j->tasks[task].count;
	char where[64];

	check_attempt(j, task, 0);
	if (count > 1)
		check_attempt(j, task, count - 1);
	jobspec_where(j, task, "image", where, sizeof where);
	if (!j->tasks[task].expand)
		return;
	(void)container_over(j, task, "/spaces", &path, &glob, NULL);
	if (jobspec_set_items(j, task, "[\"a\",\"b[*]\"]", NULL) == 2)
		check_attempt(j, task, 1);
}

static void check_schedule(const struct jobspec *j)
{
	struct err err = ERR_INIT;
	struct schedule_rule rule;

	if (!j->schedule)
		return;
	if (schedule_rule_read(j->schedule, &rule, &err) < 0) {
		check_text(-1, NULL, &err);
		return;
	}
	if (!rule.n_crons || !rule.zone || !schedule_rule_overlap(&rule) || !schedule_rule_catch_up(&rule))
		abort();
	schedule_rule_free(&rule);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *text = (const char *)data;
	struct jobspec *j = NULL, *again = NULL;
	struct err err = ERR_INIT;
	mem_cleanup char *stored = NULL;
	const struct server_user user = {.uid = 1000, .owner = n % 5 ? "cert:\"ci" : NULL, .confined = n % 3 == 0};
	size_t len = 0;

	if (jobspec_parse(text, n, "fuzz-1", &user, n % 2, &j, &err) < 0) {
		check_text(-1, NULL, &err);
		return 0;
	}
	stored = jobspec_stored(j, text, n, &len);
	if (!stored || jobspec_load(stored, len, "fuzz-1", &again, NULL) < 0 ||
	    again->sched.n_tasks != j->sched.n_tasks || again->uid != 1000 || strcmp(again->owner, j->owner) != 0)
		abort();
	for (uint32_t task = 0; task < j->sched.n_tasks && task < 100; task++)
		check_task(j, task);
	check_schedule(j);
	jobspec_free(again);
	jobspec_free(j);
	return 0;
}
