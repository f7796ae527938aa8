/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/server/jobspec.h"

#include "cluster/server/jobspec_data.h"
#include "cluster/server/jobspec_probe.h"
#include "cluster/server/jobspec_rules.h"
#include "cluster/server/server.h"

#include "base/core/buf.h"
#include "base/core/counts.h"
#include "base/core/err.h"
#include "base/core/expr.h"
#include "base/core/mem.h"
#include "base/wire/json.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define AS_THE_SERVER (-1)
#define IMAGE_NAME_MAX 512
#define MS_MAX ((int64_t)1000 * 60 * 60 * 24 * 365 * 10)

struct word {
	const char *name;
	int value;
};

static const struct word kinds[] = {{"task", 0}, {"service", 1}, {NULL, 0}};
static const struct word conditions[] = {
    {"started", SCHED_DEP_STARTED}, {"healthy", SCHED_DEP_HEALTHY}, {"completed", SCHED_DEP_COMPLETED}, {NULL, 0}};
static const struct word restarts[] = {{"no", SCHED_RESTART_NO},
				       {"always", SCHED_RESTART_ALWAYS},
				       {"on-failure", SCHED_RESTART_ON_FAILURE},
				       {"unless-stopped", SCHED_RESTART_UNLESS_STOPPED},
				       {NULL, 0}};
static const struct word policies[] = {{"continue", SCHED_ON_ERROR_CONTINUE},
				       {"suspend", SCHED_ON_ERROR_SUSPEND},
				       {"pause", SCHED_ON_ERROR_PAUSE},
				       {"cancel", SCHED_ON_ERROR_CANCEL},
				       {NULL, 0}};

static const struct word topologies[] = {{"any", SCHED_TOPO_ANY},     {"spread", SCHED_TOPO_SPREAD},
					 {"apart", SCHED_TOPO_APART}, {"few", SCHED_TOPO_FEW},
					 {"one", SCHED_TOPO_ONE},     {NULL, 0}};

/* What a service of a canonical job may hold besides the container's own keys, which the engine checks. */
static const char *const service_keys[] = {"name",
					   "line",
					   "column",
					   "where",
					   "kind",
					   "image",
					   "entrypoint",
					   "command",
					   "environment",
					   "working_dir",
					   "user",
					   "hostname",
					   "mounts",
					   "files",
					   "read_only",
					   "depends_on",
					   "restart",
					   "restart_max",
					   "count",
					   "items",
					   "over",
					   "slots",
					   "reserve_memory",
					   "reserve_cpu_milli",
					   "limit_cpu_milli",
					   "limit_memory",
					   "limit_pids",
					   "stop_signal",
					   "stop_grace_ms",
					   "healthcheck",
					   "labels",
					   "attempts",
					   "delay_ms",
					   "backoff",
					   "elsewhere",
					   "on_error",
					   "walltime_ms",
					   "warn",
					   "max_running",
					   "licences",
					   "counters",
					   "gang",
					   "exclusive",
					   "preemptible",
					   "topology",
					   "fencing",
					   "select",
					   "bind",
					   "probe",
					   "per_node",
					   "near",
					   "apart",
					   "spread_over",
					   "stage_in",
					   "stage_out",
					   NULL};
static const char *const job_keys[] = {"name",	      "file",	     "params",	    "spaces",	"exit_with",
				       "priority",    "start_at_ms", "deadline_ms", "services", "project",
				       "max_running", "schedule",    NULL};

static const struct word fencings[] = {{"best-effort", JOBSPEC_BEST_EFFORT}, {"strict", JOBSPEC_STRICT}, {NULL, 0}};

static int one_of(yyjson_val *obj, const char *key, const struct word *words, int *inout, struct err *err)
{
	const char *text = NULL;
	int r = json_opt_str(obj, key, &text, err);

	if (r < 0 || !text)
		return r;
	for (const struct word *w = words; w->name; w++) {
		if (!strcmp(w->name, text)) {
			*inout = w->value;
			return 0;
		}
	}
	return err_set(err, EINVAL, "%s: \"%s\" is not known", key, text);
}

static int known_keys(yyjson_val *obj, const char *const *keys, struct err *err)
{
	yyjson_val *key, *value;
	size_t i, n;

	yyjson_obj_foreach (obj, i, n, key, value) {
		const char *const *k = keys;

		while (*k && strcmp(*k, yyjson_get_str(key)) != 0)
			k++;
		if (!*k)
			return err_set(err, EINVAL, "unknown key \"%s\"", yyjson_get_str(key));
	}
	return 0;
}

static yyjson_val *service_at(const struct jobspec *j, uint32_t task)
{
	return yyjson_arr_get(j->services, task);
}

enum jobspec_fencing jobspec_fencing(const struct jobspec *j, uint32_t task)
{
	int fencing = JOBSPEC_AS_THE_SERVER;

	one_of(service_at(j, task), "fencing", fencings, &fencing, NULL);
	return (enum jobspec_fencing)fencing;
}

void jobspec_where(const struct jobspec *j, uint32_t task, const char *key, char *text, size_t n)
{
	yyjson_val *service = service_at(j, task);
	yyjson_val *place = key ? yyjson_obj_get(yyjson_obj_get(service, "where"), key) : NULL;
	int64_t line = 0, column = 0;
	const char *name = "?";

	json_opt_str(service, "name", &name, NULL);
	if (yyjson_arr_size(place) == 2) {
		line = yyjson_get_sint(yyjson_arr_get(place, 0));
		column = yyjson_get_sint(yyjson_arr_get(place, 1));
	} else {
		json_opt_int(service, "line", 0, INT32_MAX, &line, NULL);
		json_opt_int(service, "column", 0, INT32_MAX, &column, NULL);
	}
	if (line > 0)
		snprintf(text, n, "%s:%lld:%lld: services.%s%s%s", j->file, (long long)line, (long long)column, name,
			 key ? "." : "", key ? key : "");
	else
		snprintf(text, n, "services.%s%s%s", name, key ? "." : "", key ? key : "");
}

/* ---- reading ---- */

static int task_index(const struct jobspec *j, const char *name)
{
	for (size_t i = 0; i < j->sched.n_tasks; i++) {
		if (j->tasks[i].name && !strcmp(j->tasks[i].name, name))
			return (int)i;
	}
	return -1;
}

static int read_deps(struct jobspec *j, uint32_t task, yyjson_val *service, struct err *err)
{
	yyjson_val *list = yyjson_obj_get(service, "depends_on"), *item;
	struct sched_dep *deps = mem_new_n(struct sched_dep, yyjson_arr_size(list) + 1);
	size_t i, n;

	j->deps[task] = deps;
	j->tasks[task].deps = deps;
	yyjson_arr_foreach (list, i, n, item) {
		const char *name;
		int condition = SCHED_DEP_STARTED, on;

		if (!yyjson_is_obj(item))
			return err_set(err, EINVAL, "depends_on: a list of objects is needed");
		deps[i].required = true;
		if (json_get_str(item, "service", &name, err) < 0 ||
		    one_of(item, "condition", conditions, &condition, err) < 0 ||
		    json_opt_bool(item, "required", &deps[i].required, err) < 0)
			return -EINVAL;
		on = task_index(j, name);
		if (on < 0)
			return err_set(err, EINVAL, "depends_on: there is no service \"%s\"", name);
		deps[i].task = (uint32_t)on;
		deps[i].condition = (enum sched_condition)condition;
		j->tasks[task].n_deps++;
	}
	return 0;
}

static int read_copies(struct jobspec *j, uint32_t task, yyjson_val *service, struct err *err)
{
	struct sched_task_spec *t = &j->tasks[task];
	yyjson_val *over = yyjson_obj_get(service, "over");
	int64_t count = 1;

	t->expand = yyjson_is_obj(over);
	if (json_opt_strv(service, "items", &j->items[task], err) < 0)
		return -EINVAL;
	if (j->items[task])
		count = (int64_t)mem_strv_len(j->items[task]);
	else if (json_opt_int(service, "count", 0, SCHED_INSTANCES_MAX, &count, err) < 0)
		return -EINVAL;
	t->count = (uint32_t)count;
	return 0;
}

static int read_retry(struct sched_task_spec *t, yyjson_val *service, struct err *err)
{
	int64_t attempts = 1, restart_max = 0;
	int restart = SCHED_RESTART_NO, policy = SCHED_ON_ERROR_CANCEL;

	t->delay_ms = -1;
	t->backoff = 1.0;
	if (json_opt_int(service, "attempts", 1, 1000000, &attempts, err) < 0 ||
	    json_opt_int(service, "delay_ms", -1, MS_MAX, &t->delay_ms, err) < 0 ||
	    json_opt_num(service, "backoff", &t->backoff, err) < 0 ||
	    json_opt_bool(service, "elsewhere", &t->elsewhere, err) < 0 ||
	    json_opt_int(service, "restart_max", 0, INT32_MAX, &restart_max, err) < 0 ||
	    json_opt_int(service, "walltime_ms", 0, MS_MAX, &t->walltime_ms, err) < 0 ||
	    one_of(service, "restart", restarts, &restart, err) < 0 ||
	    one_of(service, "on_error", policies, &policy, err) < 0)
		return -EINVAL;
	if (t->backoff < 1.0 || t->backoff > 1000.0)
		return err_set(err, EINVAL, "backoff: %g is not within 1 and 1000", t->backoff);
	t->attempts = (uint32_t)attempts;
	t->restart_max = (uint32_t)restart_max;
	t->restart = (enum sched_restart)restart;
	t->on_error = (enum sched_on_error)policy;
	return 0;
}

#define BIND_NUMA 2

static const struct word binds[] = {{"none", 0}, {"cores", 1}, {"numa", BIND_NUMA}, {NULL, 0}};

uint32_t jobspec_cores(const struct jobspec *j, uint32_t task)
{
	int bind = 0;

	one_of(service_at(j, task), "bind", binds, &bind, NULL);
	return bind ? j->tasks[task].slots : 0;
}

bool jobspec_numa(const struct jobspec *j, uint32_t task)
{
	int bind = 0;

	one_of(service_at(j, task), "bind", binds, &bind, NULL);
	return bind == BIND_NUMA;
}

/* Processors of one's own are whole CPUs, so that the scheduler never gives away more of them than a node has. */
static int read_bind(struct sched_task_spec *t, yyjson_val *service, struct err *err)
{
	int bind = 0;

	if (one_of(service, "bind", binds, &bind, err) < 0)
		return -EINVAL;
	if (bind && !t->slots)
		return err_set(err, EINVAL, "bind: at least one slot is needed: each is a processor of its own");
	if (bind && t->cpu_milli < (uint64_t)t->slots * 1000)
		t->cpu_milli = (uint64_t)t->slots * 1000;
	return 0;
}

static int parse_warn(yyjson_val *service, struct jobspec_warn *ret, struct err *err)
{
	yyjson_val *o = yyjson_obj_get(service, "warn");
	int64_t signal = 0;
	int r;

	*ret = (struct jobspec_warn){.signal = 0};
	if (!o)
		return 0;
	if (!yyjson_is_obj(o))
		return err_set(err, EINVAL, "warn: an object is needed");
	r = json_get_int(o, "signal", 1, 64, &signal, err);
	if (r == 0)
		r = json_opt_int(o, "before_ms", 1, MS_MAX, &ret->before_ms, err);
	if (r == 0 && (signal == SIGKILL || signal == SIGSTOP))
		r = err_set(err, EINVAL, "signal: no program can take %s as a warning",
			    signal == SIGKILL ? "SIGKILL" : "SIGSTOP");
	ret->signal = (int)signal;
	return r < 0 ? err_wrap(err, "warn") : 0;
}

struct jobspec_warn jobspec_warn(const struct jobspec *j, uint32_t task)
{
	struct jobspec_warn w;

	parse_warn(service_at(j, task), &w, NULL);
	return w;
}

static int check_warn(const struct sched_task_spec *t, yyjson_val *service, struct err *err)
{
	struct jobspec_warn w;
	int r = parse_warn(service, &w, err);

	if (r < 0 || !w.signal)
		return r;
	if (w.before_ms && w.before_ms >= t->walltime_ms)
		return err_set(err, EINVAL, "warn: before is %g s, and the walltime %g s", (double)w.before_ms / 1000,
			       (double)t->walltime_ms / 1000);
	if (!w.before_ms && !t->preemptible)
		return err_set(err, EINVAL,
			       "warn: there is no end to warn of: neither before nor preemptible is there");
	return 0;
}

static int read_request(struct sched_task_spec *t, yyjson_val *service, struct err *err)
{
	int64_t slots = t->service ? 0 : 1, cpu = 0, memory = 0;

	if (json_opt_int(service, "slots", 0, 1000000, &slots, err) < 0 ||
	    json_opt_int(service, "reserve_cpu_milli", 0, INT32_MAX, &cpu, err) < 0 ||
	    json_opt_int(service, "reserve_memory", 0, INT64_MAX, &memory, err) < 0)
		return -EINVAL;
	t->slots = (uint32_t)slots;
	t->cpu_milli = (uint64_t)cpu;
	t->memory = (uint64_t)memory;
	return read_bind(t, service, err);
}

/* sched_check() looks at it again; here the error gets its place in the file. */
static int check_select(const char *text, struct err *err)
{
	struct expr *e = NULL;

	if (text && expr_parse(text, &e, NULL, err) < 0)
		return err_wrap(err, "select");
	expr_free(e);
	return 0;
}

/* As nodes name it: with a tag. The caller frees. */
static char *image_name(yyjson_val *service)
{
	const char *image = yyjson_get_str(yyjson_obj_get(service, "image"));
	const char *slash = image ? strrchr(image, '/') : NULL;

	if (!image || !*image || strlen(image) > IMAGE_NAME_MAX)
		return NULL;
	return strchr(image, '@') || strchr(slash ? slash : image, ':') ? mem_strdup(image)
									: mem_printf("%s:latest", image);
}

static int read_place(const struct jobspec *j, struct sched_task_spec *t, yyjson_val *service, struct err *err)
{
	int64_t max_running = 0;
	int topology = AS_THE_SERVER;

	if (json_opt_int(service, "max_running", 0, 1000000, &max_running, err) < 0 ||
	    json_opt_bool(service, "gang", &t->gang, err) < 0 ||
	    json_opt_bool(service, "exclusive", &t->exclusive, err) < 0 ||
	    json_opt_bool(service, "preemptible", &t->preemptible, err) < 0 ||
	    one_of(service, "topology", topologies, &topology, err) < 0)
		return -EINVAL;
	if (json_opt_str(service, "select", &t->select, err) < 0 || check_select(t->select, err) < 0 ||
	    jobspec_rules_read(service, t, err) < 0 || jobspec_probe_read(service, t, err) < 0)
		return -EINVAL;
	if (topology == AS_THE_SERVER)
		topology = j->spread && !t->gang ? SCHED_TOPO_SPREAD : SCHED_TOPO_ANY;
	t->max_running = (uint32_t)max_running;
	t->topology = (enum sched_topology)topology;
	return 0;
}

static int read_licences(struct jobspec *j, uint32_t task, yyjson_val *service, struct err *err)
{
	yyjson_val *all = yyjson_obj_get(service, "licences"), *key, *value;
	struct sched_need *needs;
	size_t i, n;

	if (!all)
		return 0;
	if (!yyjson_is_obj(all) || yyjson_obj_size(all) > SCHED_NEEDS_MAX)
		return err_set(err, EINVAL, "licences: an object of names and numbers is needed, at most %d of them",
			       SCHED_NEEDS_MAX);
	needs = mem_new_n(struct sched_need, yyjson_obj_size(all) + 1);
	j->needs[task] = needs;
	j->tasks[task].licences = needs;
	yyjson_obj_foreach (all, i, n, key, value) {
		if (!yyjson_is_uint(value) || !yyjson_get_uint(value) || yyjson_get_uint(value) > 1000000)
			return err_set(err, EINVAL, "licences.%.80s: a whole number from 1 to 1000000 is needed",
				       yyjson_get_str(key));
		needs[j->tasks[task].n_licences++] =
		    (struct sched_need){.name = yyjson_get_str(key), .n = (uint32_t)yyjson_get_uint(value)};
	}
	return 0;
}

static int read_counters(struct sched_task_spec *t, yyjson_val *service, struct err *err)
{
	yyjson_val *all = yyjson_obj_get(service, "counters"), *key, *value;
	struct counts *counters;
	size_t i, n;

	if (!all)
		return 0;
	if (!yyjson_is_obj(all) || yyjson_obj_size(all) > SCHED_WANTS_MAX)
		return err_set(err, EINVAL, "counters: an object of names and numbers is needed, at most %d of them",
			       SCHED_WANTS_MAX);
	if (!yyjson_obj_size(all))
		return 0;
	counters = mem_new(struct counts);
	t->counters = counters;
	yyjson_obj_foreach (all, i, n, key, value) {
		const char *name = yyjson_get_str(key);

		if (!yyjson_is_uint(value) || !yyjson_get_uint(value))
			return err_set(err, EINVAL, "counters.%.80s: a whole number from 1 to %u is needed", name,
				       counts_most(name));
		if (counts_has(counters, name))
			return err_set(err, EINVAL, "counters.%.80s is there twice", name);
		if (counts_set(counters, name, yyjson_get_uint(value), err) < 0)
			return err_wrap(err, "counters");
	}
	return 0;
}

static int read_service(struct jobspec *j, uint32_t task, struct err *err)
{
	yyjson_val *service = service_at(j, task);
	struct sched_task_spec *t = &j->tasks[task];
	yyjson_val *health = yyjson_obj_get(service, "healthcheck");
	int kind = 0, fencing = JOBSPEC_AS_THE_SERVER, r;

	r = known_keys(service, service_keys, err);
	if (r == 0)
		r = one_of(service, "kind", kinds, &kind, err);
	if (r == 0)
		r = one_of(service, "fencing", fencings, &fencing, err);
	if (r < 0)
		return r;
	t->service = kind == 1;
	t->healthcheck = yyjson_is_obj(health);
	t->image = image_name(service);
	r = read_copies(j, task, service, err);
	if (r == 0)
		r = read_retry(t, service, err);
	if (r == 0)
		r = read_request(t, service, err);
	if (r == 0)
		r = read_place(j, t, service, err);
	if (r == 0)
		r = check_warn(t, service, err);
	if (r == 0)
		r = read_licences(j, task, service, err);
	if (r == 0)
		r = read_counters(t, service, err);
	if (r == 0)
		r = read_deps(j, task, service, err);
	return r;
}

static int read_names(struct jobspec *j, struct err *err)
{
	yyjson_val *service;
	size_t i, n;

	yyjson_arr_foreach (j->services, i, n, service) {
		const char *name;
		int r;

		if (!yyjson_is_obj(service))
			return err_set(err, EINVAL, "services: a list of objects is needed");
		r = json_get_str(service, "name", &name, err);
		if (r < 0)
			return r;
		if (task_index(j, name) >= 0)
			return err_set(err, EINVAL, "there are two services \"%s\"", name);
		j->tasks[i].name = name;
	}
	return 0;
}

static int read_exit_with(struct jobspec *j, struct err *err)
{
	const char *name = NULL;

	j->sched.exit_with = -1;
	if (json_opt_str(j->root, "exit_with", &name, err) < 0)
		return -EINVAL;
	if (!name)
		return 0;
	j->sched.exit_with = task_index(j, name);
	return j->sched.exit_with < 0 ? err_set(err, EINVAL, "exit_with: there is no service \"%s\"", name) : 0;
}

static int read_services(struct jobspec *j, struct err *err)
{
	char where[512];
	size_t n = yyjson_arr_size(j->services);
	int r;

	if (n == 0)
		return err_set(err, EINVAL, "the job has no services");
	if (n > SCHED_TASKS_MAX)
		return err_set(err, E2BIG, "the job has %zu services; the limit is %d", n, SCHED_TASKS_MAX);
	j->tasks = mem_new_n(struct sched_task_spec, n);
	j->deps = mem_new_n(struct sched_dep *, n);
	j->needs = mem_new_n(struct sched_need *, n);
	j->items = mem_new_n(char **, n);
	j->told = mem_new_n(bool, n);
	j->sched.n_tasks = n;
	j->sched.tasks = j->tasks;
	r = read_names(j, err);
	for (uint32_t i = 0; r == 0 && i < n; i++) {
		r = read_service(j, i, err);
		if (r < 0) {
			jobspec_where(j, i, NULL, where, sizeof where);
			return err_wrap(err, "%s", where);
		}
	}
	return r < 0 ? r : read_exit_with(j, err);
}

static bool name_ok(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n <= 48 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n && name[0] != '-' &&
	       name[0] != '_';
}

static int read_root(struct jobspec *j, struct err *err)
{
	int64_t priority = 0, max_running = 0;
	int r;

	if (!yyjson_is_obj(j->root))
		return err_set(err, EINVAL, "a job is a JSON object");
	r = known_keys(j->root, job_keys, err);
	if (r == 0)
		r = json_get_str(j->root, "name", &j->name, err);
	if (r == 0 && !name_ok(j->name))
		r = err_set(err, EINVAL,
			    "name: \"%s\" is not a job name (a-z 0-9 _ -, at most 48, starting with a letter or digit)",
			    j->name);
	j->file = "job";
	if (r == 0)
		r = json_opt_str(j->root, "file", &j->file, err);
	if (r == 0)
		r = json_opt_int(j->root, "priority", -1000000, 1000000, &priority, err);
	if (r == 0)
		r = json_opt_int(j->root, "start_at_ms", 0, INT64_MAX / 2, &j->sched.start_at_ms, err);
	if (r == 0)
		r = json_opt_int(j->root, "deadline_ms", 0, INT64_MAX / 2, &j->sched.deadline_ms, err);
	if (r == 0)
		r = json_opt_int(j->root, "max_running", 0, 1000000, &max_running, err);
	if (r == 0)
		r = json_opt_str(j->root, "project", &j->sched.project, err);
	if (r == 0 && j->sched.project && !name_ok(j->sched.project))
		r = err_set(err, EINVAL, "project: \"%.80s\" is not a name (a-z 0-9 _ -, at most 48)",
			    j->sched.project);
	j->sched.max_running = (uint32_t)max_running;
	j->sched.priority = (int32_t)priority;
	j->schedule = yyjson_obj_get(j->root, "schedule");
	if (r == 0)
		r = json_get_arr(j->root, "services", &j->services, err);
	return r;
}

struct jobspec *jobspec_free(struct jobspec *j)
{
	if (!j)
		return NULL;
	jobspec_data_free(j);
	for (size_t i = 0; j->tasks && i < j->sched.n_tasks; i++) {
		free(j->deps[i]);
		jobspec_rules_free(&j->tasks[i]);
		jobspec_probe_free(&j->tasks[i]);
		free((char *)j->tasks[i].image);
		free((struct counts *)j->tasks[i].counters);
		free(j->needs[i]);
		mem_strv_free(j->items[i]);
	}
	free(j->tasks);
	free(j->deps);
	free(j->needs);
	free(j->items);
	free(j->told);
	yyjson_doc_free(j->doc);
	free(j);
	return NULL;
}

static int finish(struct jobspec *j, const char *id, struct jobspec **ret, struct err *err)
{
	int r = read_root(j, err);

	if (r == 0)
		r = read_services(j, err);
	if (r < 0) {
		jobspec_free(j);
		return r;
	}
	if (id)
		snprintf(j->id, sizeof j->id, "%s", id);
	j->sched.tenant = j->owner;
	j->sched.id = j->id;
	j->sched.name = j->name;
	jobspec_data_read(j);
	*ret = j;
	return 0;
}

static void set_owner(struct jobspec *j, uint32_t uid, const char *owner)
{
	j->uid = uid;
	if (owner)
		snprintf(j->owner, sizeof j->owner, "%s", owner);
	else
		owner_text(uid, NULL, false, j->owner);
}

int jobspec_parse(const char *text, size_t len, const char *id, const struct server_user *user, bool spread,
		  struct jobspec **ret, struct err *err)
{
	yyjson_doc *doc = json_parse_kept(text, len, JOBSPEC_MAX, "the job", err);
	struct jobspec *j;

	if (!doc)
		return -err->code;
	j = mem_new(struct jobspec);
	j->doc = doc;
	j->root = yyjson_doc_get_root(doc);
	set_owner(j, user->uid, user->owner);
	j->confined = user->confined;
	j->spread = spread;
	return finish(j, id, ret, err);
}

char *jobspec_stored(const struct jobspec *j, const char *text, size_t len, size_t *ret_len)
{
	struct buf out = BUF_INIT;

	buf_printf(&out, "{\"uid\":%u,\"owner\":", j->uid);
	json_quote(&out, j->owner, strlen(j->owner));
	buf_printf(&out, ",\"spread\":%s,%s\"job\":", j->spread ? "true" : "false",
		   j->confined ? "\"confined\":true," : "");
	buf_add(&out, text, len);
	buf_addc(&out, '}');
	*ret_len = out.len;
	return buf_take(&out);
}

int jobspec_load(const char *stored, size_t len, const char *id, struct jobspec **ret, struct err *err)
{
	yyjson_doc *doc = json_parse_kept(stored, len, JOBSPEC_MAX + 1024, "a stored job", err);
	struct jobspec *j;
	const char *owner = NULL;
	int64_t uid = 0;

	if (!doc)
		return -err->code;
	j = mem_new(struct jobspec);
	j->doc = doc;
	j->root = yyjson_obj_get(yyjson_doc_get_root(doc), "job");
	json_opt_int(yyjson_doc_get_root(doc), "uid", 0, UINT32_MAX, &uid, NULL);
	json_opt_int(yyjson_doc_get_root(doc), "scheduled_ms", 0, INT64_MAX, &j->scheduled_ms, NULL);
	json_opt_bool(yyjson_doc_get_root(doc), "spread", &j->spread, NULL);
	json_opt_bool(yyjson_doc_get_root(doc), "confined", &j->confined, NULL);
	json_opt_str(yyjson_doc_get_root(doc), "owner", &owner, NULL);
	set_owner(j, (uint32_t)uid, owner);
	return finish(j, id, ret, err);
}

int jobspec_count_items(const char *json, uint32_t *ret, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = json_parse(json, strlen(json), JOBSPEC_MAX, "the list of files", err);
	yyjson_val *item;
	size_t i, n;

	if (!doc)
		return -err->code;
	if (!yyjson_is_arr(yyjson_doc_get_root(doc)))
		return err_set(err, EINVAL, "the list of files is none");
	yyjson_arr_foreach (yyjson_doc_get_root(doc), i, n, item) {
		if (!yyjson_is_str(item))
			return err_set(err, EINVAL, "the list of files has something else than names");
	}
	*ret = (uint32_t)n;
	return 0;
}

int jobspec_set_items(struct jobspec *j, uint32_t task, const char *json, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = json_parse(json, strlen(json), JOBSPEC_MAX, "the list of files", err);
	yyjson_val *item;
	size_t i, n;
	char **items;

	if (!doc)
		return -err->code;
	if (task >= j->sched.n_tasks || !yyjson_is_arr(yyjson_doc_get_root(doc)))
		return err_set(err, EINVAL, "a list of files is needed");
	items = mem_new_n(char *, yyjson_arr_size(yyjson_doc_get_root(doc)) + 1);
	yyjson_arr_foreach (yyjson_doc_get_root(doc), i, n, item) {
		items[i] = mem_strdup(yyjson_is_str(item) ? yyjson_get_str(item) : "");
	}
	mem_strv_free(j->items[task]);
	j->items[task] = items;
	j->tasks[task].count = (uint32_t)n;
	return (int)n;
}
