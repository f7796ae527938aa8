/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/server/jobspec_rules.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "cluster/sched/sched.h"

#include <stdlib.h>

#define WEIGHT_MAX 1000

static int read_spread(yyjson_val *service, struct sched_task_spec *t, struct err *err)
{
	yyjson_val *list = yyjson_obj_get(service, "spread_over"), *item;
	const char **labels;
	size_t i, n;

	if (!list)
		return 0;
	if (!yyjson_is_arr(list) || yyjson_arr_size(list) > SCHED_SPREADS_MAX)
		return err_set(err, EINVAL, "spread_over: a list of at most %d labels is needed", SCHED_SPREADS_MAX);
	labels = mem_new_n(const char *, yyjson_arr_size(list) + 1);
	t->spread = labels;
	yyjson_arr_foreach (list, i, n, item) {
		if (!yyjson_is_str(item))
			return err_set(err, EINVAL, "spread_over: a list of strings is needed");
		labels[t->n_spread++] = yyjson_get_str(item);
	}
	return 0;
}

static int read_rule(yyjson_val *o, struct sched_rule *r, struct err *err)
{
	int64_t weight = 0;
	int x =
	    yyjson_is_obj(o) ? json_get_str(o, "to", &r->to, err) : err_set(err, EINVAL, "a list of objects is needed");

	r->within = "node";
	if (x == 0)
		x = json_opt_str(o, "within", &r->within, err);
	if (x == 0)
		x = json_opt_int(o, "weight", 0, WEIGHT_MAX, &weight, err);
	r->weight = (uint32_t)weight;
	return x;
}

static int read_rules(yyjson_val *service, const char *key, bool apart, struct sched_task_spec *t,
		      struct sched_rule *rules, struct err *err)
{
	yyjson_val *list = yyjson_obj_get(service, key), *item;
	size_t i, n;

	if (list && !yyjson_is_arr(list))
		return err_set(err, EINVAL, "%s: a list of objects is needed", key);
	yyjson_arr_foreach (list, i, n, item) {
		if (t->n_rules >= SCHED_RULES_MAX)
			return err_set(err, EINVAL, "%s: near and apart have at most %d entries together", key,
				       SCHED_RULES_MAX);
		rules[t->n_rules].apart = apart;
		if (read_rule(item, &rules[t->n_rules], err) < 0)
			return err_wrap(err, "%s", key);
		t->n_rules++;
	}
	return 0;
}

int jobspec_rules_read(yyjson_val *service, struct sched_task_spec *t, struct err *err)
{
	struct sched_rule *rules = mem_new_n(struct sched_rule, SCHED_RULES_MAX);
	int64_t per_node = 0;
	int r = json_opt_int(service, "per_node", 0, 1000000, &per_node, err);

	t->rules = rules;
	t->per_node = (uint32_t)per_node;
	if (r == 0)
		r = read_spread(service, t, err);
	if (r == 0)
		r = read_rules(service, "near", false, t, rules, err);
	if (r == 0)
		r = read_rules(service, "apart", true, t, rules, err);
	return r;
}

void jobspec_rules_free(struct sched_task_spec *t)
{
	free((struct sched_rule *)t->rules);
	free((const char **)t->spread);
}
