/* SPDX-License-Identifier: Apache-2.0 */
/* One table says which key has which type, place and bounds; what depends on the kind is checked afterwards. */
#include "cluster/source/source_spec.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/core/tz.h"
#include "base/wire/json.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define WORDS_MAX 10000
#define TIME_MAX_MS (30LL * 24 * 3600 * 1000)
#define MINUTE_MS 60000LL
#define DAY_MINUTES 1440

const char *const source_spec_kinds[SOURCE_N_KINDS] = {"static", "local", "ssh", "command"};
const char *const source_spec_policies[SOURCE_N_POLICIES] = {"static", "idle", "load", "times", "cron", "formula"};

const struct formula_name source_spec_formula_names[SOURCE_N_NAMES + 1] = {
    [SOURCE_QUEUED] = {"queued", 0},   [SOURCE_QUEUED_SLOTS] = {"queued_slots", 0},
    [SOURCE_RUNNING] = {"running", 0}, [SOURCE_FREE] = {"free", 0},
    [SOURCE_SLOTS] = {"slots", 0},     [SOURCE_NODES] = {"nodes", 0},
    [SOURCE_BUSY] = {"busy", 0},       [SOURCE_HOUR] = {"hour", 0},
    [SOURCE_MINUTE] = {"minute", 0},   [SOURCE_WEEKDAY] = {"weekday", 0}};

/* ---- single values ---- */

typedef int read_fn(yyjson_val *v, void *to, struct err *err);

static int want(struct err *err, const char *what)
{
	return err_set(err, EINVAL, "%s is needed", what);
}

static int read_text(yyjson_val *v, void *to, struct err *err)
{
	char **text = to;

	if (!yyjson_is_str(v) || !yyjson_get_len(v) || yyjson_get_len(v) > 4096 ||
	    strlen(yyjson_get_str(v)) != yyjson_get_len(v))
		return want(err, "a text of 1 to 4096 bytes");
	free(*text);
	*text = mem_strdup(yyjson_get_str(v));
	return 0;
}

static int read_words(yyjson_val *v, void *to, struct err *err)
{
	char ***words = to;
	yyjson_val *word;
	size_t i, n;

	if (!yyjson_is_arr(v) || !yyjson_arr_size(v) || yyjson_arr_size(v) > WORDS_MAX)
		return want(err, "a list of 1 to 10000 texts");
	yyjson_arr_foreach (v, i, n, word) {
		char *text cleanup_with(mem_freep) = NULL;

		if (read_text(word, &text, err) < 0)
			return err_wrap(err, "%zu", i);
		mem_strv_add(words, text);
	}
	return 0;
}

static int read_count(yyjson_val *v, void *to, struct err *err)
{
	if (!yyjson_is_uint(v) || yyjson_get_uint(v) > SOURCE_NODES_MAX)
		return want(err, "a whole number from 0 to 10000");
	*(uint32_t *)to = (uint32_t)yyjson_get_uint(v);
	return 0;
}

static int read_counters(yyjson_val *v, void *to, struct err *err)
{
	yyjson_val *name, *n;
	size_t i, max;

	if (!yyjson_is_obj(v))
		return want(err, "an object of names and numbers");
	yyjson_obj_foreach (v, i, max, name, n) {
		if (!yyjson_is_uint(n))
			return want(err, "an object of names and numbers");
		if (counts_set(to, yyjson_get_str(name), yyjson_get_uint(n), err) < 0)
			return -EINVAL;
	}
	return 0;
}

static int read_order(yyjson_val *v, void *to, struct err *err)
{
	if (!yyjson_is_int(v) || yyjson_get_sint(v) < -1000000 || yyjson_get_sint(v) > 1000000 ||
	    (yyjson_is_uint(v) && yyjson_get_uint(v) > 1000000))
		return want(err, "a whole number from -1000000 to 1000000");
	*(int32_t *)to = (int32_t)yyjson_get_sint(v);
	return 0;
}

static int read_number(yyjson_val *v, void *to, struct err *err)
{
	if (!yyjson_is_num(v) || yyjson_get_num(v) < 0 || yyjson_get_num(v) > 1e9)
		return want(err, "a number from 0 to 1000000000");
	*(double *)to = yyjson_get_num(v);
	return 0;
}

struct unit {
	const char *name;
	uint64_t factor;
};

/* "1.5g", "90s": false when it is none. */
static bool scaled(const char *text, const struct unit *units, double most, uint64_t *ret)
{
	size_t n = strspn(text, "0123456789.");
	char digits[32], *end;
	double x;

	if (n == 0 || n >= sizeof digits)
		return false;
	memcpy(digits, text, n);
	digits[n] = '\0';
	x = strtod(digits, &end);
	while (*end == '\0' && units->name && strcmp(units->name, text + n) != 0)
		units++;
	if (*end || !units->name || x * (double)units->factor > most)
		return false;
	*ret = (uint64_t)(x * (double)units->factor);
	return true;
}

static int read_time(yyjson_val *v, void *to, struct err *err)
{
	static const struct unit units[] = {
	    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600 * 1000}, {"d", 24 * 3600 * 1000}, {NULL, 0}};
	uint64_t ms;

	if (!yyjson_is_str(v) || !scaled(yyjson_get_str(v), units, (double)TIME_MAX_MS, &ms))
		return want(err, "a time of up to 30 days with its unit, like 90s, 5m or 1h,");
	*(int64_t *)to = (int64_t)ms;
	return 0;
}

static int read_size(yyjson_val *v, void *to, struct err *err)
{
	static const struct unit units[] = {{"", 1},	       {"b", 1},	  {"k", 1ull << 10}, {"m", 1ull << 20},
					    {"g", 1ull << 30}, {"t", 1ull << 40}, {NULL, 0}};
	uint64_t n = 0;

	if (yyjson_is_uint(v) && yyjson_get_uint(v) < 1ull << 50)
		n = yyjson_get_uint(v);
	else if (!yyjson_is_str(v) || !scaled(yyjson_get_str(v), units, (double)(1ull << 50), &n))
		return want(err, "a size in bytes, or with its unit, like 512m or 4g,");
	*(uint64_t *)to = n;
	return 0;
}

static int read_word_of(yyjson_val *v, const char *const *words, size_t n, int *ret, struct err *err)
{
	char all[128] = "";

	for (size_t i = 0; i < n; i++) {
		if (yyjson_equals_str(v, words[i])) {
			*ret = (int)i;
			return 0;
		}
		snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "", words[i]);
	}
	return err_set(err, EINVAL, "one of these is needed: %s", all);
}

static int read_kind(yyjson_val *v, void *to, struct err *err)
{
	int k;
	int r = read_word_of(v, source_spec_kinds, SOURCE_N_KINDS, &k, err);

	if (r == 0)
		*(enum source_kind *)to = (enum source_kind)k;
	return r;
}

static int read_policy_kind(yyjson_val *v, void *to, struct err *err)
{
	int k;
	int r = read_word_of(v, source_spec_policies, SOURCE_N_POLICIES, &k, err);

	if (r == 0)
		*(enum source_policy *)to = (enum source_policy)k;
	return r;
}

/* Part of the names of nodes, which are part of paths and of certificates. */
static bool name_ok(const char *name, size_t most)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n > 0 && n < most && !name[n] && name[0] != '-' && name[n - 1] != '-';
}

static int read_name(yyjson_val *v, void *to, struct err *err)
{
	if (!yyjson_is_str(v) || !name_ok(yyjson_get_str(v), SOURCE_NAME_MAX))
		return want(err, "a name of 1 to 47 small letters, digits and inner dashes");
	snprintf(to, SOURCE_NAME_MAX, "%s", yyjson_get_str(v));
	return 0;
}

static int read_zone(yyjson_val *v, void *to, struct err *err)
{
	if (!yyjson_is_str(v) || yyjson_get_len(v) >= SOURCE_ZONE_MAX || strlen(yyjson_get_str(v)) != yyjson_get_len(v))
		return want(err, "a text of at most 63 bytes");
	snprintf(to, SOURCE_ZONE_MAX, "%s", yyjson_get_str(v));
	return 0;
}

/* ---- times of the week ---- */

static const char *const day_names[7] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

static int day_of(const char *text, size_t n)
{
	for (int d = 0; d < 7; d++) {
		if (n == 3 && strncmp(text, day_names[d], 3) == 0)
			return d;
	}
	return -1;
}

/* "mon-fri", "sat,sun", "fri-mon", "mon" */
static int read_days(yyjson_val *v, void *to, struct err *err)
{
	const char *p = yyjson_get_str(v);
	uint8_t days = 0;

	while (p && *p) {
		size_t n = strcspn(p, ",");
		const char *dash = memchr(p, '-', n);
		int first = day_of(p, dash ? (size_t)(dash - p) : n), last = first;

		if (dash)
			last = day_of(dash + 1, n - (size_t)(dash - p) - 1);
		if (first < 0 || last < 0)
			break;
		for (int d = first; d != last; d = (d + 1) % 7)
			days |= (uint8_t)(1u << d);
		days |= (uint8_t)(1u << last);
		p += n + (p[n] == ',');
	}
	if (!p || *p || !days)
		return want(err, "days like mon-fri or sat,sun");
	*(uint8_t *)to = days;
	return 0;
}

static int read_clock(yyjson_val *v, void *to, struct err *err)
{
	const char *t = yyjson_get_str(v);
	int minutes;

	if (!t || strlen(t) != 5 || !isdigit((unsigned char)t[0]) || !isdigit((unsigned char)t[1]) || t[2] != ':' ||
	    !isdigit((unsigned char)t[3]) || !isdigit((unsigned char)t[4]) || t[3] > '5')
		return want(err, "a time of the day like \"08:30\" (in quotes)");
	minutes = ((t[0] - '0') * 10 + (t[1] - '0')) * 60 + (t[3] - '0') * 10 + (t[4] - '0');
	if (minutes > DAY_MINUTES)
		return want(err, "a time from 00:00 to 24:00");
	*(uint16_t *)to = (uint16_t)(minutes % DAY_MINUTES);
	return 0;
}

/* ---- tables ---- */

struct key {
	const char *name;
	read_fn *read;
	size_t offset;
	bool needed;
};

static int read_object(yyjson_val *o, const struct key *keys, void *to, struct err *err)
{
	yyjson_val *name, *value;
	size_t i, n;

	if (!yyjson_is_obj(o))
		return want(err, "a map");
	yyjson_obj_foreach (o, i, n, name, value) {
		const struct key *k = keys;

		while (k->name && !yyjson_equals_str(name, k->name))
			k++;
		if (!k->name)
			return err_set(err, EINVAL, "%.80s: unknown key", yyjson_get_str(name));
		if (k->read(value, (char *)to + k->offset, err) < 0)
			return err_wrap(err, "%s", k->name);
	}
	for (const struct key *k = keys; k->name; k++) {
		if (k->needed && !yyjson_obj_get(o, k->name))
			return err_set(err, EINVAL, "%s: this key is needed", k->name);
	}
	return 0;
}

static int read_times(yyjson_val *v, void *to, struct err *err)
{
	static const struct key keys[] = {{"days", read_days, offsetof(struct source_time, days), false},
					  {"from", read_clock, offsetof(struct source_time, from), true},
					  {"to", read_clock, offsetof(struct source_time, to), true},
					  {"nodes", read_count, offsetof(struct source_time, nodes), true},
					  {NULL}};
	struct source_spec *s = to;
	yyjson_val *item;
	size_t i, n;

	if (!yyjson_is_arr(v) || !yyjson_arr_size(v) || yyjson_arr_size(v) > SOURCE_TIMES_MAX)
		return want(err, "a list of 1 to 100 times");
	free(s->policy.times);
	s->policy.times = mem_new_n(struct source_time, yyjson_arr_size(v));
	s->policy.n_times = yyjson_arr_size(v);
	yyjson_arr_foreach (v, i, n, item) {
		s->policy.times[i].days = 0x7f;
		if (read_object(item, keys, &s->policy.times[i], err) < 0)
			return err_wrap(err, "%zu", i);
	}
	return 0;
}

static int read_cron(yyjson_val *v, void *to, struct err *err)
{
	if (!yyjson_is_str(v))
		return want(err, "a text like \"0 8 * * mon-fri\"");
	return cron_parse(yyjson_get_str(v), to, err);
}

static int read_crons(yyjson_val *v, void *to, struct err *err)
{
	static const struct key keys[] = {{"at", read_cron, offsetof(struct source_cron, at), true},
					  {"nodes", read_count, offsetof(struct source_cron, nodes), true},
					  {NULL}};
	struct source_spec *s = to;
	yyjson_val *item;
	size_t i, n;

	if (!yyjson_is_arr(v) || !yyjson_arr_size(v) || yyjson_arr_size(v) > SOURCE_TIMES_MAX)
		return want(err, "a list of 1 to 100 times");
	free(s->policy.crons);
	s->policy.crons = mem_new_n(struct source_cron, yyjson_arr_size(v));
	s->policy.n_crons = yyjson_arr_size(v);
	yyjson_arr_foreach (v, i, n, item) {
		if (read_object(item, keys, &s->policy.crons[i], err) < 0)
			return err_wrap(err, "%zu", i);
	}
	return 0;
}

static int read_time_zone(yyjson_val *v, void *to, struct err *err)
{
	struct tz **zone = to;

	if (!yyjson_is_str(v))
		return want(err, "the name of a time zone, like Europe/Paris,");
	*zone = tz_free(*zone);
	return tz_open(yyjson_get_str(v), zone, err);
}

static int read_formula(yyjson_val *v, void *to, struct err *err)
{
	int r = read_text(v, to, err);

	return r < 0 ? r : formula_check(*(char **)to, source_spec_formula_names, err);
}

static int read_policy(yyjson_val *v, void *to, struct err *err)
{
	static const struct key keys[] = {
	    {"kind", read_policy_kind, offsetof(struct source_spec, policy.kind), true},
	    {"nodes", read_count, offsetof(struct source_spec, policy.nodes), false},
	    {"idle", read_time, offsetof(struct source_spec, policy.idle_ms), false},
	    {"settle", read_time, offsetof(struct source_spec, policy.settle_ms), false},
	    {"drain", read_time, offsetof(struct source_spec, policy.drain_ms), false},
	    {"low", read_number, offsetof(struct source_spec, policy.low), false},
	    {"high", read_number, offsetof(struct source_spec, policy.high), false},
	    {"times", read_times, 0, false},
	    {"cron", read_crons, 0, false},
	    {"time_zone", read_time_zone, offsetof(struct source_spec, policy.zone), false},
	    {"formula", read_formula, offsetof(struct source_spec, policy.formula), false},
	    {NULL}};

	return read_object(v, keys, to, err);
}

static const struct key spec_keys[] = {{"name", read_name, offsetof(struct source_spec, name), true},
				       {"kind", read_kind, offsetof(struct source_spec, kind), true},
				       {"min", read_count, offsetof(struct source_spec, min), false},
				       {"max", read_count, offsetof(struct source_spec, max), false},
				       {"parallel", read_count, offsetof(struct source_spec, parallel), false},
				       {"order", read_order, offsetof(struct source_spec, order), false},
				       {"price", read_number, offsetof(struct source_spec, price), false},
				       {"zone", read_zone, offsetof(struct source_spec, zone), false},
				       {"slots", read_count, offsetof(struct source_spec, slots), false},
				       {"memory", read_size, offsetof(struct source_spec, memory), false},
				       {"counters", read_counters, offsetof(struct source_spec, counters), false},
				       {"server", read_text, offsetof(struct source_spec, server), false},
				       {"timeout", read_time, offsetof(struct source_spec, timeout_ms), false},
				       {"join_timeout", read_time, offsetof(struct source_spec, join_ms), false},
				       {"lost_after", read_time, offsetof(struct source_spec, lost_ms), false},
				       {"nodes", read_words, offsetof(struct source_spec, nodes), false},
				       {"command", read_words, offsetof(struct source_spec, command), false},
				       {"hosts", read_words, offsetof(struct source_spec, hosts), false},
				       {"identity", read_text, offsetof(struct source_spec, identity), false},
				       {"known_hosts", read_text, offsetof(struct source_spec, known_hosts), false},
				       {"dir", read_text, offsetof(struct source_spec, dir), false},
				       {"ssh", read_text, offsetof(struct source_spec, ssh), false},
				       {"policy", read_policy, 0, false},
				       {NULL}};

/* ---- what depends on the kind ---- */

static const struct {
	const char *key;
	unsigned kinds; /* that have it */
	bool needed;
} kind_keys[] = {
    {"nodes", 1u << SOURCE_STATIC, true},     {"command", 1u << SOURCE_COMMAND, true},
    {"hosts", 1u << SOURCE_SSH, true},	      {"identity", 1u << SOURCE_SSH, false},
    {"known_hosts", 1u << SOURCE_SSH, false}, {"dir", 1u << SOURCE_SSH, false},
    {"ssh", 1u << SOURCE_SSH, false},	      {"policy", ~(1u << SOURCE_STATIC), false},
    {"min", ~(1u << SOURCE_STATIC), false},   {"max", 1u << SOURCE_LOCAL | 1u << SOURCE_COMMAND, true},
};

static const struct {
	const char *key;
	unsigned policies;
	bool needed;
} policy_keys[] = {
    {"nodes", 1u << SOURCE_POLICY_STATIC | 1u << SOURCE_POLICY_TIMES | 1u << SOURCE_POLICY_CRON, false},
    {"idle", 1u << SOURCE_POLICY_IDLE | 1u << SOURCE_POLICY_LOAD | 1u << SOURCE_POLICY_FORMULA, false},
    {"settle", 1u << SOURCE_POLICY_LOAD | 1u << SOURCE_POLICY_FORMULA, false},
    {"drain", 1u << SOURCE_POLICY_STATIC | 1u << SOURCE_POLICY_TIMES | 1u << SOURCE_POLICY_CRON, false},
    {"low", 1u << SOURCE_POLICY_LOAD, false},
    {"high", 1u << SOURCE_POLICY_LOAD, false},
    {"times", 1u << SOURCE_POLICY_TIMES, true},
    {"cron", 1u << SOURCE_POLICY_CRON, true},
    {"formula", 1u << SOURCE_POLICY_FORMULA, true},
    {"time_zone", 1u << SOURCE_POLICY_TIMES | 1u << SOURCE_POLICY_CRON | 1u << SOURCE_POLICY_FORMULA, false},
};

static int check_keys(const struct source_spec *s, yyjson_val *o, struct err *err)
{
	yyjson_val *p = yyjson_obj_get(o, "policy");

	for (size_t i = 0; i < sizeof kind_keys / sizeof *kind_keys; i++) {
		bool there = yyjson_obj_get(o, kind_keys[i].key), may = kind_keys[i].kinds & 1u << s->kind;

		/* "max" of hosts that are listed is their number unless it is given. */
		if (there && !may && !(s->kind == SOURCE_SSH && !strcmp(kind_keys[i].key, "max")))
			return err_set(err, EINVAL, "%s: a source of the kind %s has no such key", kind_keys[i].key,
				       source_spec_kinds[s->kind]);
		if (!there && may && kind_keys[i].needed)
			return err_set(err, EINVAL, "%s: a source of the kind %s needs this key", kind_keys[i].key,
				       source_spec_kinds[s->kind]);
	}
	for (size_t i = 0; i < sizeof policy_keys / sizeof *policy_keys; i++) {
		bool there = yyjson_obj_get(p, policy_keys[i].key),
		     may = policy_keys[i].policies & 1u << s->policy.kind;

		if (there && !may)
			return err_set(err, EINVAL, "policy.%s: the policy %s has no such key", policy_keys[i].key,
				       source_spec_policies[s->policy.kind]);
		if (!there && may && policy_keys[i].needed)
			return err_set(err, EINVAL, "policy.%s: the policy %s needs this key", policy_keys[i].key,
				       source_spec_policies[s->policy.kind]);
	}
	return 0;
}

static int check_names(const struct source_spec *s, struct err *err)
{
	for (size_t i = 0; s->nodes && s->nodes[i]; i++) {
		if (strlen(s->nodes[i]) >= 64)
			return err_set(err, EINVAL, "nodes.%zu: the name of a node has at most 63 bytes", i);
		for (size_t k = 0; k < i; k++) {
			if (!strcmp(s->nodes[i], s->nodes[k]))
				return err_set(err, EINVAL, "nodes.%zu: \"%s\" stands there twice", i, s->nodes[i]);
		}
	}
	/* They become words of ssh: one that begins with a dash would be an option. */
	for (size_t i = 0; s->hosts && s->hosts[i]; i++) {
		if (s->hosts[i][0] == '-' ||
		    strspn(s->hosts[i], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
					"._-@:[]") != strlen(s->hosts[i]))
			return err_set(err, EINVAL, "hosts.%zu: [USER@]HOST[:PORT] is needed", i);
	}
	return 0;
}

static int check_values(const struct source_spec *s, struct err *err)
{
	if (s->min > source_spec_limit(s))
		return err_set(err, EINVAL, "min: %u is more than the %u nodes that there can be", s->min,
			       source_spec_limit(s));
	if (s->parallel == 0)
		return err_set(err, EINVAL, "parallel: at least 1 is needed");
	if (s->timeout_ms < 1000 || s->join_ms < 1000)
		return err_set(err, EINVAL, "%s: at least a second is needed",
			       s->timeout_ms < 1000 ? "timeout" : "join_timeout");
	if (s->policy.kind == SOURCE_POLICY_LOAD && s->policy.low >= s->policy.high)
		return err_set(err, EINVAL, "policy.low: %g is not below policy.high, %g", s->policy.low,
			       s->policy.high);
	if (s->command && s->command[0][0] != '/')
		return err_set(err, EINVAL, "command.0: the absolute path of a program on the server is needed");
	/* It becomes a word of a shell over there. */
	if (s->server && strspn(s->server, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:[]") !=
			     strlen(s->server))
		return err_set(err, EINVAL, "server: HOST[:PORT] is needed");
	if (s->dir && (s->dir[0] != '/' || strchr(s->dir, '\'') || strchr(s->dir, '\n')))
		return err_set(err, EINVAL, "dir: an absolute path without quotes is needed");
	return check_names(s, err);
}

static void set_defaults(struct source_spec *s)
{
	*s = (struct source_spec){.parallel = 4,
				  .max = SOURCE_NODES_MAX,
				  .timeout_ms = 10 * MINUTE_MS,
				  .join_ms = 10 * MINUTE_MS,
				  .lost_ms = 10 * MINUTE_MS,
				  .policy = {.kind = SOURCE_POLICY_STATIC,
					     .nodes = UINT32_MAX,
					     .idle_ms = -1,
					     .settle_ms = MINUTE_MS,
					     .low = 0.5,
					     .high = 1}};
}

/* What a policy takes when nothing is said. */
static void fill_in(struct source_spec *s, yyjson_val *o)
{
	if (s->policy.nodes == UINT32_MAX)
		s->policy.nodes = s->policy.kind == SOURCE_POLICY_STATIC ? source_spec_limit(s) : 0;
	if (s->policy.idle_ms < 0)
		s->policy.idle_ms = s->policy.kind == SOURCE_POLICY_IDLE ? 5 * MINUTE_MS : 0;
	if (s->kind == SOURCE_LOCAL && !yyjson_obj_get(o, "slots"))
		s->slots = 1;
	if (s->kind == SOURCE_SSH && !s->dir)
		s->dir = mem_strdup("/var/lib/berth-node");
	if (s->kind == SOURCE_SSH && !s->ssh)
		s->ssh = mem_strdup("ssh");
	if (!s->policy.zone)
		(void)tz_open("UTC", &s->policy.zone, NULL);
}

int source_spec_parse(const char *json, size_t len, struct source_spec **ret, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = json_parse(json, len, SOURCE_TEXT_MAX, "the source", err);
	yyjson_val *o = yyjson_doc_get_root(doc);
	struct source_spec *s;
	int r;

	if (!doc)
		return -err->code;
	s = mem_new(struct source_spec);
	set_defaults(s);
	r = read_object(o, spec_keys, s, err);
	if (r == 0)
		r = check_keys(s, o, err);
	if (r == 0) {
		fill_in(s, o);
		r = check_values(s, err);
	}
	if (r < 0) {
		source_spec_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

struct source_spec *source_spec_free(struct source_spec *s)
{
	if (!s)
		return NULL;
	free(s->server);
	mem_strv_free(s->nodes);
	mem_strv_free(s->command);
	mem_strv_free(s->hosts);
	free(s->identity);
	free(s->known_hosts);
	free(s->dir);
	free(s->ssh);
	free(s->policy.formula);
	free(s->policy.times);
	free(s->policy.crons);
	tz_free(s->policy.zone);
	free(s);
	return NULL;
}

uint32_t source_spec_limit(const struct source_spec *s)
{
	size_t n = s->kind == SOURCE_SSH      ? mem_strv_len(s->hosts)
		   : s->kind == SOURCE_STATIC ? mem_strv_len(s->nodes)
					      : s->max;

	return n < s->max ? (uint32_t)n : s->max;
}
