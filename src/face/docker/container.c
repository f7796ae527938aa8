/* SPDX-License-Identifier: Apache-2.0 */
#include "face/docker/container.h"

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/http_server.h"
#include "face/docker/policy.h"
#include "node/engine/spec.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

void docker_message(struct http_req *r, int status, const char *fmt, ...)
{
	buf_cleanup struct buf json = BUF_INIT;
	mem_cleanup char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = mem_vprintf(fmt, ap);
	va_end(ap);
	buf_adds(&json, "{\"message\":");
	json_quote(&json, text, strlen(text));
	buf_addc(&json, '}');
	http_reply_json(r, status, buf_str(&json));
}

const struct engine_container *docker_container(const struct docker_call *c)
{
	const char *name = c->arg + (*c->arg == '/');
	const struct engine_container *found, *owner;
	struct err err = ERR_INIT;
	int r = engine_find(c->d->engine, name, &found, &err);

	if (r == -ENOENT && (found = container_link_find(c->d, name, &owner)))
		r = 0;
	if (r == 0 && policy_check_container(c->d->engine, c->r, found->id, &err) == 0)
		return found;
	if (err.code == ENOENT)
		docker_message(c->r, 404, "No such container: %.300s", name);
	else
		docker_fail(c->r, &err);
	return NULL;
}

void docker_name_taken(const struct docker_call *c, const char *name)
{
	const struct engine_container *other = NULL;

	(void)engine_find(c->d->engine, name, &other, NULL);
	docker_message(c->r, 409,
		       "Conflict. The container name \"/%s\" is already in use by container \"%s\". You have to remove "
		       "(or rename) that container to be able to reuse that name.",
		       name, other ? other->id : "");
}

int64_t docker_number(const struct http_req *r, const char *name, int64_t otherwise)
{
	const char *text = http_req_query(r, name);
	char *end;
	long long n;

	if (!text || !*text)
		return otherwise;
	errno = 0;
	n = strtoll(text, &end, 10);
	return errno || *end ? otherwise : n;
}

/* Up to nine digits after the point. */
static int64_t fraction(const char *text, const char **ret_end)
{
	int64_t ns = 0, unit = 100000000;

	for (; *text >= '0' && *text <= '9'; text++) {
		ns += unit * (*text - '0');
		unit /= 10;
	}
	*ret_end = text;
	return ns;
}

static int64_t parse_date(const char *text)
{
	struct tm tm = {.tm_sec = 0};
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	int64_t ns = 0;
	int hours, minutes;
	char sign;

	if (!rest || tm.tm_year < 70)
		return -1;
	if (tm.tm_year > 350) /* farther than ns reach */
		return INT64_MAX;
	ns = (int64_t)timegm(&tm) * 1000000000;
	if (*rest == '.')
		ns += fraction(rest + 1, &rest);
	if (sscanf(rest, "%c%2d:%2d", &sign, &hours, &minutes) == 3 && (sign == '+' || sign == '-'))
		return ns + (sign == '+' ? -1 : 1) * (hours * 3600ll + minutes * 60ll) * 1000000000;
	return !strcmp(rest, "Z") || !*rest ? ns : -1;
}

int64_t docker_moment_of(const char *text)
{
	const char *rest;
	char *end;
	long long s;
	int64_t ns;

	errno = 0;
	s = strtoll(text, &end, 10);
	if (errno || end == text || (*end && *end != '.') || s < 0 || s > INT64_MAX / 1000000000 - 1)
		return parse_date(text);
	ns = s * 1000000000;
	if (*end != '.')
		return ns;
	ns += fraction(end + 1, &rest);
	return *rest ? -1 : ns;
}

int64_t docker_moment(const struct http_req *r, const char *name, int64_t otherwise)
{
	const char *text = http_req_query(r, name);

	return text && *text ? docker_moment_of(text) : otherwise;
}

/* "1h30m": as Go writes a duration. */
static int64_t moment_or_back(const char *text)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {{"ms", 1e6}, {"h", 3600e9}, {"m", 60e9}, {"s", 1e9}};
	int64_t now = clock_wall_ns();
	double back = 0;

	for (const char *p = text; *p;) {
		char *end;
		double v = strtod(p, &end);
		size_t i = 0;

		while (i < 4 && strncmp(end, units[i].unit, strlen(units[i].unit)) != 0)
			i++;
		if (end == p || i == 4 || !(v >= 0))
			return docker_moment_of(text);
		back += v * units[i].ns;
		p = end + strlen(units[i].unit);
	}
	if (!*text)
		return -1;
	return back < (double)now ? now - (int64_t)back : 0;
}

int docker_until(const struct docker_filters *f, int64_t *ret_ns, struct err *err)
{
	const char *text = docker_filter(f, "until", 0);

	*ret_ns = INT64_MAX;
	if (!text)
		return 0;
	if (docker_filter(f, "until", 1))
		return err_set(err, EINVAL, "more than one until filter specified");
	*ret_ns = moment_or_back(text);
	return *ret_ns < 0 ? err_set(err, EINVAL, "invalid filter 'until=[%.100s]'", text) : 0;
}

int docker_signal(const char *text, struct err *err)
{
	int n = spec_signal(text, NULL);

	return n < 0 ? err_set(err, EINVAL, "invalid signal: %.100s", text) : n;
}

/* ---- state ---- */

const char *container_state(const struct engine_container *c)
{
	if (c->dead)
		return "dead";
	if (c->removing)
		return "removing";
	if (c->paused)
		return "paused";
	if (c->restarting)
		return "restarting";
	if (c->state == ENGINE_RUNNING || c->state == ENGINE_STOPPING)
		return "running";
	/* What could not be started was not started, in Docker's words. Before a later life begins it is as the one before has left it. */
	if (c->exit.never_started || (c->state == ENGINE_CREATED && !(c->starting && c->run > 1)))
		return "created";
	return "exited";
}

bool container_runs(const struct engine_container *c)
{
	return c->state == ENGINE_RUNNING || c->state == ENGINE_STOPPING || (c->restarting && !c->removing);
}

int container_exit_code(const struct engine_container *c)
{
	bool ours = c->exit.never_started && c->exit.code == 125;

	return c->refused || ours ? 128 : c->exit.code;
}

const char *container_health(const struct engine_container *c)
{
	static const char *const names[] = {[ENGINE_HEALTH_NONE] = "none",
					    [ENGINE_HEALTH_STARTING] = "starting",
					    [ENGINE_HEALTHY] = "healthy",
					    [ENGINE_UNHEALTHY] = "unhealthy"};
	bool ended = c->state == ENGINE_EXITED || c->state == ENGINE_LOST;

	/* Docker's is unhealthy as soon as nobody looks any more. Who waits for one that ends again and again would wait for ever. */
	return names[ended && c->health != ENGINE_HEALTH_NONE ? ENGINE_UNHEALTHY : c->health];
}

/* A duration as Docker says it. */
static void human(int64_t ms, char *text, size_t size)
{
	static const struct {
		int64_t below, unit; /* seconds */
		const char *name;
	} steps[] = {{60, 1, "seconds"},
		     {3600, 60, "minutes"},
		     {48 * 3600, 3600, "hours"},
		     {14 * 86400, 86400, "days"},
		     {60 * 86400, 7 * 86400, "weeks"},
		     {2 * 365 * 86400, 30 * 86400, "months"},
		     {INT64_MAX, 365 * 86400, "years"}};
	int64_t s = ms < 0 ? 0 : ms / 1000;
	size_t i = 0;

	while (s >= steps[i].below)
		i++;
	if (s == 0)
		snprintf(text, size, "Less than a second");
	else if (s == 1)
		snprintf(text, size, "1 second");
	else if (s >= 60 && s < 120)
		snprintf(text, size, "About a minute");
	else if (s >= 3600 && s < 5400)
		snprintf(text, size, "About an hour");
	else
		snprintf(text, size, "%lld %s", (long long)((s + (i == 2 ? steps[i].unit / 2 : 0)) / steps[i].unit),
			 steps[i].name);
}

static void status_up(const struct engine_container *c, int64_t now_ms, char *text, size_t size)
{
	char time[40];

	human(now_ms - c->started_ms, time, sizeof time);
	if (c->paused)
		snprintf(text, size, "Up %s (Paused)", time);
	else if (c->health == ENGINE_HEALTH_STARTING)
		snprintf(text, size, "Up %s (health: starting)", time);
	else if (c->health != ENGINE_HEALTH_NONE)
		snprintf(text, size, "Up %s (%s)", time, container_health(c));
	else
		snprintf(text, size, "Up %s", time);
}

const char *container_status(const struct engine_container *c, int64_t now_ms, char text[static CONTAINER_STATUS_MAX])
{
	const char *state = container_state(c);
	char time[40];

	human(now_ms - (c->ended_ms ? c->ended_ms : c->last_ended_ms), time, sizeof time);
	if (!strcmp(state, "running") || !strcmp(state, "paused"))
		status_up(c, now_ms, text, CONTAINER_STATUS_MAX);
	else if (!strcmp(state, "restarting"))
		snprintf(text, CONTAINER_STATUS_MAX, "Restarting (%d) %s ago", c->exit.code, time);
	else if (!strcmp(state, "exited"))
		snprintf(text, CONTAINER_STATUS_MAX, "Exited (%d) %s ago", c->exit.code, time);
	else if (!strcmp(state, "removing"))
		snprintf(text, CONTAINER_STATUS_MAX, "Removal In Progress");
	else
		snprintf(text, CONTAINER_STATUS_MAX, "%s", c->dead ? "Dead" : "Created");
	return text;
}

/* "key" or "key=value" */
bool container_label_fits(const struct engine_container *c, const char *wanted)
{
	size_t n = strlen(wanted);

	for (char **l = c->labels; l && *l; l++) {
		if (!strcmp(*l, wanted) || (!strchr(wanted, '=') && !strncmp(*l, wanted, n) && (*l)[n] == '='))
			return true;
	}
	return false;
}
