/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/server/schedule_rule.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"

#include <string.h>

static const char *const catch_ups[] = {[RECUR_NONE] = "none", [RECUR_LAST] = "last", [RECUR_ALL] = "all"};
static const char *const overlaps[] = {
    [RECUR_ALLOW] = "allow", [RECUR_SKIP_LIVE] = "skip", [RECUR_QUEUE] = "queue", [RECUR_REPLACE] = "replace"};
static const char *const keys[] = {"cron",	     "timezone", "calendars",	"catch_up",
				   "catch_up_limit", "overlap",	 "queue_limit", "keep_finished",
				   "keep_failed",    "line",	 "column",	NULL};

const char *schedule_rule_catch_up(const struct schedule_rule *r)
{
	return catch_ups[r->recur.catch_up];
}

const char *schedule_rule_overlap(const struct schedule_rule *r)
{
	return overlaps[r->recur.overlap];
}

int schedule_name_check(const char *what, const char *name, struct err *err)
{
	size_t n = strlen(name);

	if (n > 0 && n <= 48 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n && name[0] != '-' &&
	    name[0] != '_')
		return 0;
	return err_set(err, EINVAL,
		       "\"%.60s\" is not the name of a %s (a-z 0-9 _ -, at most 48, starting with a letter or digit)",
		       name, what);
}

static int known_keys(yyjson_val *o, struct err *err)
{
	yyjson_val *key, *value;
	size_t i, n;

	yyjson_obj_foreach (o, i, n, key, value) {
		size_t k = 0;

		while (keys[k] && !yyjson_equals_str(key, keys[k]))
			k++;
		if (!keys[k])
			return err_set(err, EINVAL, "unknown key \"%.80s\"", yyjson_get_str(key));
	}
	return 0;
}

static int read_word(yyjson_val *o, const char *key, const char *const *words, size_t n, int otherwise, int *ret,
		     struct err *err)
{
	const char *text = NULL;
	int r = json_opt_str(o, key, &text, err);

	*ret = otherwise;
	for (size_t k = 0; r == 0 && text && k < n; k++) {
		if (!strcmp(words[k], text)) {
			*ret = (int)k;
			return 0;
		}
	}
	return r == 0 && text ? err_set(err, EINVAL, "%s: \"%.40s\" is none of its words", key, text) : r;
}

static int read_count(yyjson_val *o, const char *key, int64_t min, int64_t max, uint32_t otherwise, uint32_t *ret,
		      struct err *err)
{
	int64_t value = otherwise;
	int r = json_opt_int(o, key, min, max, &value, err);

	if (r == 0)
		*ret = (uint32_t)value;
	return r;
}

static int read_crons(yyjson_val *o, struct schedule_rule *ret, struct err *err)
{
	int r = json_get_strv(o, "cron", &ret->texts, err);
	size_t n = r == 0 ? mem_strv_len(ret->texts) : 0;

	if (r < 0)
		return r == -ENOENT ? -(err->code = EINVAL) : r;
	if (n == 0 || n > SCHEDULE_CRONS_MAX)
		return err_set(err, EINVAL, "cron: from 1 to %d expressions are possible", SCHEDULE_CRONS_MAX);
	ret->crons = mem_new_n(struct cron, n);
	for (; ret->n_crons < n; ret->n_crons++) {
		if (cron_parse(ret->texts[ret->n_crons], &ret->crons[ret->n_crons], err) < 0)
			return err_wrap(err, "cron");
	}
	return 0;
}

static int read_calendars(yyjson_val *o, struct schedule_rule *ret, struct err *err)
{
	int r = json_opt_strv(o, "calendars", &ret->calendars, err);

	if (r == 0 && mem_strv_len(ret->calendars) > SCHEDULE_CALENDARS_MAX)
		r = err_set(err, EINVAL, "calendars: at most %d are possible", SCHEDULE_CALENDARS_MAX);
	for (char **name = ret->calendars; r == 0 && name && *name; name++)
		r = schedule_name_check("calendar", *name, err);
	return r;
}

static int read_recur(yyjson_val *o, struct recur_rule *ret, struct err *err)
{
	int word = 0, r = read_word(o, "catch_up", catch_ups, 3, RECUR_NONE, &word, err);

	ret->catch_up = (enum recur_catch_up)word;
	if (r == 0)
		r = read_word(o, "overlap", overlaps, 4, RECUR_SKIP_LIVE, &word, err);
	ret->overlap = (enum recur_overlap)word;
	if (r == 0)
		r = read_count(o, "catch_up_limit", 1, RECUR_CATCH_UP_MAX, 10, &ret->catch_up_limit, err);
	if (r == 0)
		r = read_count(o, "queue_limit", 1, RECUR_QUEUE_MAX, RECUR_QUEUE_MAX, &ret->queue_limit, err);
	return r;
}

int schedule_rule_read(yyjson_val *o, struct schedule_rule *ret, struct err *err)
{
	const char *zone = "UTC";
	int r = yyjson_is_obj(o) ? known_keys(o, err) : err_set(err, EINVAL, "an object is needed");

	*ret = (struct schedule_rule){.crons = NULL};
	if (r == 0)
		r = read_crons(o, ret, err);
	if (r == 0)
		r = json_opt_str(o, "timezone", &zone, err);
	if (r == 0)
		r = read_calendars(o, ret, err);
	if (r == 0)
		r = read_recur(o, &ret->recur, err);
	if (r == 0)
		r = read_count(o, "keep_finished", 0, SCHEDULE_KEEP_MAX, 10, &ret->keep_finished, err);
	if (r == 0)
		r = read_count(o, "keep_failed", 0, SCHEDULE_KEEP_MAX, 10, &ret->keep_failed, err);
	ret->zone = mem_strdup(zone);
	if (r < 0)
		schedule_rule_free(ret);
	return r;
}

void schedule_rule_free(struct schedule_rule *r)
{
	free(r->crons);
	mem_strv_free(r->texts);
	free(r->zone);
	mem_strv_free(r->calendars);
	*r = (struct schedule_rule){.crons = NULL};
}
