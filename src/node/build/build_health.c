/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/build_health.h"

#include "base/core/err.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NANOSECONDS_MAX (INT64_C(365) * 24 * 3600 * 1000000000) /* a year: more is a slip */

static const struct {
	const char *name;
	double nanoseconds;
} units[] = {{"ns", 1},	  {"us", 1e3}, {"\xc2\xb5s", 1e3}, {"\xce\xbcs", 1e3},
	     {"ms", 1e6}, {"s", 1e9},  {"m", 60e9},	   {"h", 3600e9}};

/* "1.5s" at p: what stands behind it, or NULL. */
static const char *read_part(const char *p, double *ret)
{
	double value = 0, digit = 1;
	const char *start = p;
	size_t n;

	for (; *p >= '0' && *p <= '9'; p++)
		value = value * 10 + (*p - '0');
	if (*p == '.')
		for (p++; *p >= '0' && *p <= '9'; p++)
			value += (*p - '0') * (digit /= 10);
	n = strcspn(p, "0123456789.");
	for (size_t i = 0; p > start && i < sizeof(units) / sizeof(*units); i++)
		if (strlen(units[i].name) == n && !memcmp(units[i].name, p, n)) {
			*ret = value * units[i].nanoseconds;
			return p + n;
		}
	return NULL;
}

int build_health_duration(const char *text, int64_t *ret, struct err *err)
{
	const char *p = text;
	double sum = 0, part = 0;

	if (!strcmp(text, "0")) {
		*ret = 0;
		return 0;
	}
	while (p && *p && sum <= (double)NANOSECONDS_MAX) {
		p = read_part(p, &part);
		sum += part;
	}
	if (!*text || !p || *p || sum > (double)NANOSECONDS_MAX)
		return err_set(err, EINVAL, "\"%.60s\" is no duration: write it as 300ms, 1.5s, 2m or 1h30m", text);
	*ret = (int64_t)(sum + 0.5);
	return 0;
}

static int read_times(const struct dockerfile_instruction *i, struct build_health *h, struct err *err)
{
	const struct {
		const char *flag;
		int64_t *to;
	} rows[] = {{"interval", &h->interval},
		    {"timeout", &h->timeout},
		    {"start-period", &h->start_period},
		    {"start-interval", &h->start_interval}};

	for (size_t k = 0; k < sizeof(rows) / sizeof(*rows); k++) {
		const char *value = dockerfile_flag(i, rows[k].flag);
		int r = value ? build_health_duration(value, rows[k].to, err) : 0;

		if (r < 0)
			return err_wrap(err, "HEALTHCHECK --%s", rows[k].flag);
		if (*rows[k].to && *rows[k].to < 1000000)
			return err_set(err, EINVAL, "HEALTHCHECK --%s=%s: at least 1ms, or 0 for the default",
				       rows[k].flag, value);
	}
	return 0;
}

static int read_retries(const struct dockerfile_instruction *i, struct build_health *h, struct err *err)
{
	const char *value = dockerfile_flag(i, "retries");
	long n;
	char *end;

	if (!value)
		return 0;
	errno = 0;
	n = strtol(value, &end, 10);
	if (errno || *end || end == value || n < 0 || n > 1000000)
		return err_set(err, EINVAL, "HEALTHCHECK --retries=%.60s: a number from 0 to 1000000 is needed", value);
	h->retries = (int)n;
	return 0;
}

int build_health_parse(struct keep *k, const struct dockerfile_instruction *i, struct build_health *ret,
		       struct err *err)
{
	struct build_health h = {.test = NULL};
	struct keep_list test = {0};
	const char *type = i->args[0];
	bool none;
	int r;

	if (!type)
		return err_set(err, EINVAL, "HEALTHCHECK needs CMD and a command, or NONE");
	none = !strcasecmp(type, "NONE");
	if (!none && strcasecmp(type, "CMD") != 0)
		return err_set(err, EINVAL, "HEALTHCHECK %.60s: only CMD and NONE are known", type);
	if (none && i->args[1])
		return err_set(err, EINVAL, "HEALTHCHECK NONE takes no arguments");
	if (!none && !i->args[1])
		return err_set(err, EINVAL, "HEALTHCHECK CMD needs a command");
	r = read_times(i, &h, err);
	if (r == 0)
		r = read_retries(i, &h, err);
	if (r < 0)
		return r;
	keep_list_add(k, &test, keep_str(k, none ? "NONE" : i->json ? "CMD" : "CMD-SHELL"));
	for (size_t n = 1; i->args[n]; n++)
		keep_list_add(k, &test, keep_str(k, i->args[n]));
	h.test = test.v;
	*ret = h;
	return 0;
}
