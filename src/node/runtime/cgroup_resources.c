/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes what cgroup_plan says. Each topic goes to the version 1 hierarchy that has its controller, else to the version 2 directory; what nobody
 * takes is an error that names the member of linux.resources.
 */
#include "node/runtime/cgroup_box_impl.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/runtime/cgroup_file.h"
#include "node/runtime/cgroup_plan.h"

#include <stdio.h>
#include <string.h>

static int cannot(const struct cgroup_box *b, const struct cgroup_write *w, const char *controller, struct err *err)
{
	const char *why = *b->denied ? b->denied : b->blocked;

	return err_set(err, ENOTSUP,
		       "linux.resources.%s: this machine cannot set it, there is no cgroup controller \"%s\"%s%s%s",
		       w->member, controller, *why ? " (" : "", why, *why ? ")" : "");
}

/* The container may be using more than the new limit already: the kernel would kill it rather than refuse. */
static int check_use(const struct cgroup_dir *d, const struct cgroup_write *w, struct err *err)
{
	long long used;

	if (cgroup_file_number(d->fd, "memory.current", NULL, &used) && used > strtoll(w->text, NULL, 10))
		return err_set(err, EBUSY,
			       "linux.resources.%s: %s bytes are less than the %lld in use (checkBeforeUpdate)",
			       w->member, w->text, used);
	return 0;
}

static int write_kept(const struct cgroup_dir *d, const struct cgroup_write *w)
{
	char now[64], text[128];
	int r = cgroup_file_read(d->fd, w->file, now, sizeof now);

	if (r < 0)
		return r;
	snprintf(text, sizeof text, "%.*s %s", (int)strcspn(now, " \n"), now, w->text);
	return cgroup_file_write(d->fd, w->file, text);
}

static int write_one(const struct cgroup_dir *d, const struct cgroup_write *w)
{
	int r = w->flags & CGROUP_KEEP_QUOTA ? write_kept(d, w) : cgroup_file_write(d->fd, w->file, w->text);

	if (r == -ENOENT && w->alt_file)
		r = cgroup_file_write(d->fd, w->alt_file, w->alt_text);
	if ((r == -ENOENT || r == -EOPNOTSUPP) && (w->flags & CGROUP_MAY_MISS))
		r = 0;
	return r;
}

static int failed(const struct cgroup_box *b, const struct cgroup_dir *d, const struct cgroup_write *w, int r,
		  struct err *err)
{
	if (r == -ENOENT)
		return err_set(err, ENOTSUP, "linux.resources.%s: this machine cannot set it, %s has no %s%s%s",
			       w->member, d->where, w->file, *b->blocked ? ": " : "", b->blocked);
	return err_sys(err, -r, "linux.resources.%s: write \"%s\" to %s/%s", w->member, w->text, d->where, w->file);
}

static int execute(const struct cgroup_box *b, const struct cgroup_dir *d, const struct cgroup_plan *p, struct err *err)
{
	mem_cleanup size_t *again = mem_new_n(size_t, p->n + 1);
	size_t n_again = 0;

	for (size_t i = 0; i < p->n; i++) {
		int r = p->v[i].flags & CGROUP_CHECK_USE ? check_use(d, &p->v[i], err) : 0;

		if (r < 0)
			return r;
		r = write_one(d, &p->v[i]);
		if (r == -EINVAL && (p->v[i].flags & CGROUP_RETRY))
			again[n_again++] = i;
		else if (r < 0)
			return failed(b, d, &p->v[i], r, err);
	}
	for (size_t i = 0; i < n_again; i++) {
		int r = write_one(d, &p->v[again[i]]);

		if (r < 0)
			return failed(b, d, &p->v[again[i]], r, err);
	}
	return 0;
}

static int apply_plan(const struct cgroup_box *b, const struct cgroup_dir *d, const char *controller,
		      const struct cgroup_plan *p, struct err *err)
{
	if (p->n > CGROUP_PLAN_MAX)
		return err_set(err, E2BIG, "linux.resources.%s has more than %d settings", p->v[0].member,
			       CGROUP_PLAN_MAX);
	if (d)
		return execute(b, d, p, err);
	for (size_t i = 0; i < p->n; i++) {
		if (!(p->v[i].flags & CGROUP_MAY_MISS))
			return cannot(b, &p->v[i], controller, err);
	}
	return 0;
}

static int apply_topic(const struct cgroup_box *b, const struct cgroup_topic *t, const struct rt_resources *r,
		       struct err *err)
{
	cgroup_plan_cleanup struct cgroup_plan plan = {.v = NULL};
	const struct cgroup_dir *d = cgroup_box_v1(b, t->v1);
	const bool v2 = !d && (b->v2_only || (t->v2 && cgroup_box_v2_has(b, t->v2)));
	int s = v2 ? t->plan_v2(r, &plan, err) : t->plan_v1(r, &plan, err);

	if (s < 0 || plan.n == 0)
		return s;
	return apply_plan(b, v2 ? cgroup_box_v2(b) : d, v2 && t->v2 ? t->v2 : t->v1, &plan, err);
}

static int apply_unified(const struct cgroup_box *b, const struct rt_resources *r, struct err *err)
{
	cgroup_plan_cleanup struct cgroup_plan plan = {.v = NULL};
	int s = r->unified.n > 0 ? cgroup_plan_unified(r, &plan, err) : 0;

	if (s < 0 || plan.n == 0)
		return s;
	return apply_plan(b, cgroup_box_v2(b), "unified", &plan, err);
}

int cgroup_resources_apply(const struct cgroup_box *b, const struct rt_resources *r, struct err *err)
{
	int s = 0;

	for (size_t i = 0; i < CGROUP_TOPICS && s == 0; i++)
		s = apply_topic(b, &cgroup_topics[i], r, err);
	return s < 0 ? s : apply_unified(b, r, err);
}
