/* SPDX-License-Identifier: Apache-2.0 */
#include "face/compose/compose_project.h"
#include "face/project/converge.h"

#include "base/core/err.h"
#include "base/core/map.h"
#include "base/core/mem.h"
#include "face/cli/show.h"
#include "face/project/ensure.h"
#include "face/project/hooks.h"
#include "face/project/steps.h"
#include "face/project/spec.h"
#include "face/project/step_calls.h"
#include "face/project/view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct converge *converge_free(struct converge *c)
{
	if (!c)
		return NULL;
	for (size_t i = 0; i < c->n; i++) {
		free(c->slots[i].name);
		free(c->slots[i].id);
		yyjson_doc_free(c->slots[i].inspected);
	}
	free(c->slots);
	for (struct map_slot *s = NULL; (s = map_next(c->images, s));)
		free(s->value);
	map_free(c->images);
	free(c->images);
	members_free(&c->members);
	free(c);
	return NULL;
}

/* ---- what should be ---- */

static int64_t wanted_scale(const struct converge *c, const char *service, yyjson_val *def)
{
	size_t n = strlen(service);

	for (char *const *s = c->how.scales; s && *s; s++) {
		if (!strncmp(*s, service, n) && (*s)[n] == '=')
			return strtoll(*s + n + 1, NULL, 10);
	}
	return show_int(def, "scale", show_int(yyjson_obj_get(def, "deploy"), "replicas", 1));
}

static int check_scale(struct project *p, const char *text, struct err *err)
{
	const char *sign = strchr(text, '=');
	mem_cleanup char *name = sign ? mem_strndup(text, (size_t)(sign - text)) : NULL;
	char *end = NULL;
	long long n = sign ? strtoll(sign + 1, &end, 10) : -1;

	if (!sign || n < 0 || n > 10000 || !sign[1] || *end)
		return err_set(err, EINVAL, "\"%s\": a scale looks like web=3", text);
	if (!project_service(p, name))
		return err_set(err, ENOENT, "--scale: no such service: %s", name);
	return 0;
}

static enum converge_recreate policy(const struct converge *c, const char *service)
{
	return project_in(c->how.wanted, service) ? c->how.recreate : c->how.recreate_deps;
}

static bool shares_recreated(struct converge *c, yyjson_val *def)
{
	static const char *const keys[] = {"network_mode", "ipc", "pid"};

	for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
		const char *mode = show_str(def, keys[k], "");

		for (size_t i = 0; !strncmp(mode, "service:", 8) && i < c->n; i++) {
			if (!strcmp(c->slots[i].service, mode + 8) && (c->slots[i].recreate || !c->slots[i].id))
				return true;
		}
	}
	return false;
}

/* The file calls another network or volume by the same key now. */
static bool has_moved(struct converge *c, const struct member *m, yyjson_val *def)
{
	yyjson_val *networks = yyjson_obj_get(yyjson_obj_get(m->json, "NetworkSettings"), "Networks"), *key, *v, *mount;
	size_t i, n, k, n_mounts;

	yyjson_obj_foreach (yyjson_obj_get(def, "networks"), i, n, key, v) {
		if (!strcmp(m->state, "running") && !*show_str(def, "network_mode", "") &&
		    !yyjson_obj_get(networks, project_real_name(c->p, "networks", yyjson_get_str(key))))
			return true;
	}
	yyjson_arr_foreach (yyjson_obj_get(def, "volumes"), i, n, v) {
		const char *source = show_str(v, "source", "");
		bool found = !*source || strcmp(show_str(v, "type", ""), "volume") != 0;

		yyjson_arr_foreach (yyjson_obj_get(m->json, "Mounts"), k, n_mounts, mount) {
			found |= !strcmp(show_str(mount, "Name", ""), project_real_name(c->p, "volumes", source));
		}
		if (!found)
			return true;
	}
	return false;
}

static bool has_changed(struct converge *c, const struct member *m, const char *service, yyjson_val *def)
{
	const char *image = map_get(c->images, service);
	char hash[COMPOSE_PROJECT_HASH_MAX];

	compose_project_hash(def, hash);
	return strcmp(hash, m->hash) != 0 || (image && strcmp(image, m->image_id) != 0) || shares_recreated(c, def) ||
	       has_moved(c, m, def);
}

static struct slot *add_slot(struct converge *c, const char *service, yyjson_val *def)
{
	struct slot *s;

	mem_grow(&c->slots, &c->cap, c->n);
	s = &c->slots[c->n++];
	*s = (struct slot){.c = c, .service = service, .def = def};
	return s;
}

static void keep(struct converge *c, const struct member *m, const char *service, yyjson_val *def)
{
	enum converge_recreate how = policy(c, service);
	bool recreate = how == CONVERGE_ALWAYS || (how == CONVERGE_CHANGED && has_changed(c, m, service, def));
	struct slot *s = add_slot(c, service, def);

	s->old = m;
	s->number = m->number;
	s->id = mem_strdup(m->id);
	s->name = mem_strdup(m->name);
	s->running = member_runs(m);
	s->recreate = recreate;
	if (recreate) {
		free(s->name);
		s->name = spec_name(c->p, def, service, m->number);
	}
}

static bool number_taken(const struct converge *c, const char *service, int64_t number)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->slots[i].number == number && !strcmp(c->slots[i].service, service))
			return true;
	}
	return false;
}

/* What an `up` that was cut short has left has still the name that it had until the old one was gone: "0123456789ab_NAME". */
static bool is_leftover(const struct converge *c, const struct member *m)
{
	mem_cleanup char *name = spec_name(c->p, project_service(c->p, m->service), m->service, m->number);

	return strspn(m->name, "0123456789abcdef") >= 12 && m->name[12] == '_' && !strcmp(m->name + 13, name);
}

static bool has_twin(const struct converge *c, const struct member *m)
{
	for (size_t i = 0; i < c->members.n; i++) {
		const struct member *other = &c->members.v[i];

		if (other != m && other->number == m->number && !other->oneoff && !strcmp(other->service, m->service) &&
		    !is_leftover(c, other))
			return true;
	}
	return false;
}

/* The lowest numbers stay. */
static int plan_service(struct converge *c, const char *service, struct err *err)
{
	yyjson_val *def = project_service(c->p, service);
	int64_t scale = wanted_scale(c, service, def), have = 0;

	if (scale > 1 && *show_str(def, "container_name", ""))
		return err_set(err, EINVAL,
			       "service %s has a container_name, so there can be only one of it, not %" PRId64, service,
			       scale);
	for (size_t i = 0; i < c->members.n; i++) {
		struct member *m = &c->members.v[i];

		if (strcmp(m->service, service) != 0 || m->oneoff || (is_leftover(c, m) && has_twin(c, m)))
			continue;
		if (have < scale) {
			keep(c, m, service, def);
			have++;
		}
	}
	for (int64_t number = 1; have < scale; number++) {
		struct slot *s;

		if (number_taken(c, service, number))
			continue;
		s = add_slot(c, service, def);
		s->number = number;
		s->name = spec_name(c->p, def, service, number);
		have++;
	}
	return 0;
}

static int find_images(struct converge *c, struct err *err)
{
	for (char *const *s = c->how.services; *s; s++) {
		mem_cleanup char *image = spec_image(c->p, project_service(c->p, *s), *s);
		char *id = NULL;
		int r = ensure_image_id(c->p, image, &id, err);

		if (r < 0)
			return err_wrap(err, "service %s", *s);
		free(map_put(c->images, *s, id));
	}
	return 0;
}

int converge_new(struct project *p, const struct converge_how *how, struct converge **ret, struct err *err)
{
	struct converge *c = mem_new(struct converge);
	int r = 0;

	c->p = p;
	c->how = *how;
	c->images = mem_new(struct map);
	for (char *const *s = how->scales; r == 0 && s && *s; s++)
		r = check_scale(p, *s, err);
	if (r == 0)
		r = members_read(p, &c->members, err);
	if (r == 0)
		r = find_images(c, err);
	for (char *const *s = how->services; r == 0 && *s; s++)
		r = plan_service(c, *s, err);
	if (r == 0)
		*ret = c;
	else
		converge_free(c);
	return r;
}

int converge_existing(struct project *p, char *const *services, struct converge **ret, struct err *err)
{
	struct converge *c = mem_new(struct converge);
	int r;

	c->p = p;
	c->how =
	    (struct converge_how){.services = services, .recreate = CONVERGE_NEVER, .recreate_deps = CONVERGE_NEVER};
	c->images = mem_new(struct map);
	r = members_read(p, &c->members, err);
	for (char *const *s = services; r == 0 && *s; s++) {
		for (size_t i = 0; i < c->members.n; i++) {
			if (!c->members.v[i].oneoff && !strcmp(c->members.v[i].service, *s))
				keep(c, &c->members.v[i], *s, project_service(p, *s));
		}
	}
	if (r == 0)
		*ret = c;
	else
		converge_free(c);
	return r;
}

/* ---- creating ---- */

static const char *id_of(void *ctx, const char *service)
{
	struct converge *c = ctx;

	for (size_t i = 0; i < c->n; i++) {
		if (!strcmp(c->slots[i].service, service) && c->slots[i].id)
			return c->slots[i].id;
	}
	for (size_t i = 0; i < c->members.n; i++) {
		if (!strcmp(c->members.v[i].service, service) && !c->members.v[i].oneoff)
			return c->members.v[i].id;
	}
	return NULL;
}

static int removed(struct step *s, yyjson_val *reply, const struct err *failed, struct err *err)
{
	struct slot *slot = s->ctx;
	mem_cleanup char *target = mem_printf("/containers/%s/rename?name=%s", slot->id, slot->name);

	(void)reply;
	if (failed && failed->code != ENOENT)
		return err_set(err, failed->code, "%s: remove the old one: %s", s->subject, failed->text);
	return step_call(s, "POST", target, NULL, step_done, err);
}

static int stopped(struct step *s, yyjson_val *reply, const struct err *failed, struct err *err)
{
	struct slot *slot = s->ctx;
	mem_cleanup char *target = mem_printf("/containers/%s", slot->old->id);

	(void)reply;
	if (failed && failed->code != ENOENT)
		return err_set(err, failed->code, "%s: stop the old one: %s", s->subject, failed->text);
	return step_call(s, "DELETE", target, NULL, removed, err);
}

static int stop_old(struct step *s, yyjson_val *reply, const struct err *failed, struct err *err)
{
	struct slot *slot = s->ctx;
	mem_cleanup char *target = step_stop_target(slot->c->p, slot->old->id);

	(void)reply;
	(void)failed;
	return step_call(s, "POST", target, NULL, stopped, err);
}

static int filled(struct step *s, yyjson_val *reply, const struct err *failed, struct err *err)
{
	struct slot *slot = s->ctx;

	if (failed || !slot->old)
		return step_done(s, reply, failed, err);
	return hooks_before_stop(s, slot->c->p, slot->old, stop_old, err);
}

static int created(struct step *s, yyjson_val *reply, const struct err *failed, struct err *err)
{
	struct slot *slot = s->ctx;

	if (failed)
		return err_set(err, failed->code, "%s: %s", s->subject, failed->text);
	free(slot->id);
	slot->id = mem_strdup(show_str(reply, "Id", ""));
	slot->running = false;
	return step_contents(s, slot->c->p, slot->def, slot->id, filled, err);
}

static int create(struct step *s, struct err *err)
{
	struct slot *slot = s->ctx;
	struct converge *c = slot->c;
	char hash[COMPOSE_PROJECT_HASH_MAX];
	struct spec_how how = {.name = slot->name,
			       .service = slot->service,
			       .number = slot->number,
			       .image_id = map_get(c->images, slot->service),
			       .hash = hash,
			       .before = slot->old,
			       .id_of = id_of,
			       .ctx = c};
	mem_cleanup char *name = slot->old ? mem_printf("%.12s_%s", slot->old->id, slot->name) : mem_strdup(slot->name);
	mem_cleanup char *target = step_create_target(slot->def, name), *body = NULL;

	compose_project_hash(slot->def, hash);
	if (slot->inspected && !c->how.renew_volumes)
		how.mounts_before = yyjson_obj_get(yyjson_doc_get_root(slot->inspected), "Mounts");
	body = spec_body(c->p, slot->def, &how, err);
	return body ? step_call(s, "POST", target, body, created, err) : -EINVAL;
}

/* The reply goes with its request: what is needed of it is copied. */
static int inspected(struct step *s, yyjson_val *reply, const struct err *failed, struct err *err)
{
	struct slot *slot = s->ctx;
	mem_cleanup char *text = NULL;
	size_t n = 0;

	if (failed)
		return err_set(err, failed->code, "%s: %s", s->subject, failed->text);
	text = yyjson_val_write(reply, 0, &n);
	slot->inspected = text ? yyjson_read(text, n, 0) : NULL;
	return create(s, err);
}

static int recreate(struct step *s, struct err *err)
{
	struct slot *slot = s->ctx;
	mem_cleanup char *target = mem_printf("/containers/%s/json", slot->old->id);

	return step_call(s, "GET", target, NULL, inspected, err);
}

static bool is_kept(const struct converge *c, const struct member *m)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->slots[i].old == m)
			return true;
	}
	return false;
}

static bool is_planned(const struct converge *c, const char *service)
{
	for (char *const *s = c->how.services; *s; s++) {
		if (!strcmp(*s, service))
			return true;
	}
	return false;
}

struct created_after {
	struct steps *plan;
	struct map *barriers;
	struct step *barrier;
};

static void after_dep(void *ctx, const char *name, const char *condition, bool required, bool restart)
{
	struct created_after *a = ctx;

	(void)condition;
	(void)required;
	(void)restart;
	steps_after(a->barrier, map_get(a->barriers, name));
}

/* ---- those that depend on what is made anew ---- */

struct depends {
	const struct converge *c;
	bool stops;
};

static void on_dep(void *ctx, const char *name, const char *condition, bool required, bool restart)
{
	struct depends *d = ctx;

	(void)condition;
	(void)required;
	for (size_t i = 0; restart && i < d->c->n; i++) {
		const struct slot *slot = &d->c->slots[i];

		if (!strcmp(slot->service, name) && (slot->restart || (slot->recreate && slot->old)))
			d->stops = true;
	}
}

static int has_stopped(struct step *s, yyjson_val *reply, const struct err *failed, struct err *err)
{
	struct slot *slot = s->ctx;

	slot->running = false;
	return step_gone(s, reply, failed, err);
}

static int stop_dependent(struct step *s, yyjson_val *reply, const struct err *failed, struct err *err)
{
	struct slot *slot = s->ctx;
	mem_cleanup char *target = step_stop_target(slot->c->p, slot->id);

	(void)reply;
	(void)failed;
	return step_call(s, "POST", target, NULL, has_stopped, err);
}

static int begin_stop_dependent(struct step *s, struct err *err)
{
	struct slot *slot = s->ctx;

	return hooks_before_stop(s, slot->c->p, slot->old, stop_dependent, err);
}

/* `restart: true` of depends_on: they stop before it goes, and are started again after it. Services stand in order, so that one pass reaches those that
 * depend on them. */
static struct step *stop_dependents(struct converge *c, struct steps *plan)
{
	struct step *all = steps_add(plan, NULL, NULL, NULL, step_nothing, NULL);

	for (size_t i = 0; i < c->n; i++) {
		struct slot *slot = &c->slots[i];
		struct depends d = {.c = c};
		mem_cleanup char *subject = mem_printf("Container %s", slot->name);

		if (!slot->old || slot->recreate || !slot->running)
			continue;
		project_deps(c->p, NULL, slot->service, on_dep, &d);
		slot->restart = d.stops;
		if (d.stops)
			steps_after(all, steps_add(plan, subject, "Stopping", "Stopped", begin_stop_dependent, slot));
	}
	return all;
}

/* What has a name that a new one will need goes before all else. */
static void remove_surplus(struct converge *c, struct steps *plan, struct step *begin)
{
	for (size_t i = 0; i < c->members.n; i++) {
		const struct member *m = &c->members.v[i];
		struct step *s;

		if (m->oneoff || !is_planned(c, m->service) || is_kept(c, m))
			continue;
		s = step_remove(plan, c->p, m, false, true);
		if (is_leftover(c, m))
			steps_after(begin, s);
	}
}

static int rename_leftover(struct step *s, struct err *err)
{
	struct slot *slot = s->ctx;

	free(slot->name);
	slot->name = spec_name(slot->c->p, slot->def, slot->service, slot->number);
	return removed(s, NULL, NULL, err);
}

/* A service's containers come after those of what it depends on: it may share their namespaces. */
static void create_steps(struct converge *c, struct steps *plan)
{
	struct map barriers = MAP_INIT;
	struct step *begin = stop_dependents(c, plan);

	remove_surplus(c, plan, begin);
	for (char *const *name = c->how.services; *name; name++) {
		struct step *first = steps_add(plan, NULL, NULL, NULL, step_nothing, NULL);
		struct step *last = steps_add(plan, NULL, NULL, NULL, step_nothing, NULL);
		struct created_after a = {.plan = plan, .barriers = &barriers, .barrier = first};

		project_deps(c->p, NULL, *name, after_dep, &a);
		steps_after(first, begin);
		steps_after(last, first);
		for (size_t i = 0; i < c->n; i++) {
			struct slot *slot = &c->slots[i];
			mem_cleanup char *subject = mem_printf("Container %s", slot->name);
			struct step *s;

			if (slot->service != *name && strcmp(slot->service, *name) != 0)
				continue;
			if (slot->restart)
				continue;
			if (slot->id && !slot->recreate && is_leftover(c, slot->old)) {
				steps_after(last,
					    steps_add(plan, subject, "Renaming", "Renamed", rename_leftover, slot));
				continue;
			}
			if (slot->id && !slot->recreate) {
				view_line(c->p->view, subject, slot->running ? "Running" : "Exists", VIEW_DONE);
				continue;
			}
			s = steps_add(plan, subject, slot->old ? "Recreate" : "Creating",
				      slot->old ? "Recreated" : "Created", slot->old ? recreate : create, slot);
			steps_after(s, first);
			steps_after(last, s);
		}
		map_put(&barriers, *name, last);
	}
	map_free(&barriers);
}

int converge_create(struct converge *c, struct err *err)
{
	struct steps *plan = steps_new(c->p);
	int r;

	create_steps(c, plan);
	r = steps_run(plan, err);
	steps_free(plan);
	return r;
}

int converge_orphans(struct project *p, const struct members *m, bool remove, struct err *err)
{
	struct steps *plan = steps_new(p);
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < m->n; i++) {
		if (m->v[i].oneoff || project_service(p, m->v[i].service) || project_is_inactive(p, m->v[i].service))
			continue;
		n++;
		if (remove) {
			step_remove(plan, p, &m->v[i], false, true);
		} else {
			mem_cleanup char *text = mem_printf(
			    "the container %s belongs to no service of this project; --remove-orphans removes it",
			    m->v[i].name);

			view_warn(p->view, text);
		}
	}
	if (remove && n)
		r = steps_run(plan, err);
	steps_free(plan);
	return r;
}
