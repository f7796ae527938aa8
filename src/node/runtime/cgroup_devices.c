/* SPDX-License-Identifier: Apache-2.0
 *
 * Which rules there are, and version 1.
 */
#include "node/runtime/cgroup_devices.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/runtime/cgroup_box_impl.h"
#include "node/runtime/cgroup_file.h"

#include <stdio.h>
#include <string.h>

enum { READ = 1, WRITE = 2, MKNOD = 4, ALL = 7 };

#define RULE(t, ma, mi, rw)                                                                                            \
	{                                                                                                              \
		.allow = true, .type = (t), .major = (ma), .minor = (mi), .read = (rw), .write = (rw), .mknod = true   \
	}
/* runc's list: what every container may have. mknod alone opens nothing. */
static const struct rt_device_rule defaults[] = {
    RULE('c', -1, -1, false), RULE('b', -1, -1, false), RULE('c', 1, 3, true), /* null */
    RULE('c', 1, 5, true),    RULE('c', 1, 7, true),			       /* zero, full */
    RULE('c', 1, 8, true),    RULE('c', 1, 9, true),			       /* random, urandom */
    RULE('c', 5, 0, true),    RULE('c', 5, 2, true),			       /* tty, ptmx */
    RULE('c', 136, -1, true), RULE('c', 10, 200, true),			       /* pts, net/tun */
};

static int check_rule(const struct rt_device_rule *r, struct err *err)
{
	if (!r->type || !strchr("abc", r->type))
		return err_set(err, EINVAL, "linux.resources.devices: a rule cannot be about devices of type '%c'",
			       r->type);
	if (r->major < -1 || r->major > UINT32_MAX || r->minor < -1 || r->minor > UINT32_MAX)
		return err_set(err, EINVAL, "linux.resources.devices: %lld:%lld is not the number of a device",
			       (long long)r->major, (long long)r->minor);
	return 0;
}

int cgroup_devices_rules(const struct rt_resources *r, struct rt_device_rule **ret, size_t *ret_n, struct err *err)
{
	const size_t n_defaults = sizeof defaults / sizeof *defaults;

	if (r->n_devices > CGROUP_DEVICE_RULES_MAX)
		return err_set(err, E2BIG, "linux.resources.devices has more than %d rules", CGROUP_DEVICE_RULES_MAX);
	for (size_t i = 0; i < r->n_devices; i++) {
		int s = check_rule(&r->devices[i], err);

		if (s < 0)
			return s;
	}
	*ret = mem_new_n(struct rt_device_rule, r->n_devices + n_defaults);
	if (r->n_devices > 0)
		memcpy(*ret, r->devices, r->n_devices * sizeof **ret);
	memcpy(*ret + r->n_devices, defaults, sizeof defaults);
	*ret_n = r->n_devices + n_defaults;
	return 0;
}

/* ---- version 1 ---- */

static int access_of(const struct rt_device_rule *r)
{
	return (r->read ? READ : 0) | (r->write ? WRITE : 0) | (r->mknod ? MKNOD : 0);
}

static void set_access(struct rt_device_rule *r, int access)
{
	r->read = access & READ;
	r->write = access & WRITE;
	r->mknod = access & MKNOD;
}

static bool same(const struct rt_device_rule *a, const struct rt_device_rule *b)
{
	return a->type == b->type && a->major == b->major && a->minor == b->minor;
}

/* Whether all devices of b are devices of a. */
static bool covers(const struct rt_device_rule *a, const struct rt_device_rule *b)
{
	return a->type == b->type && (a->major == -1 || a->major == b->major) &&
	       (a->minor == -1 || a->minor == b->minor);
}

static bool meets(const struct rt_device_rule *a, const struct rt_device_rule *b)
{
	return a->type == b->type && (a->major == -1 || b->major == -1 || a->major == b->major) &&
	       (a->minor == -1 || b->minor == -1 || a->minor == b->minor);
}

void cgroup_devices_free(struct cgroup_device_list *l)
{
	free(l->v);
	*l = (struct cgroup_device_list){.v = NULL};
}

void cgroup_devices_text(const struct rt_device_rule *r, char text[static CGROUP_DEVICE_TEXT])
{
	char major[24] = "*", minor[24] = "*";

	if (r->major >= 0)
		snprintf(major, sizeof major, "%lld", (long long)r->major);
	if (r->minor >= 0)
		snprintf(minor, sizeof minor, "%lld", (long long)r->minor);
	snprintf(text, CGROUP_DEVICE_TEXT, "%c %s:%s %s%s%s", r->type, major, minor, r->read ? "r" : "",
		 r->write ? "w" : "", r->mknod ? "m" : "");
}

static void add_exception(struct cgroup_device_list *l, const struct rt_device_rule *r)
{
	for (size_t i = 0; i < l->n; i++) {
		if (same(&l->v[i], r)) {
			set_access(&l->v[i], access_of(&l->v[i]) | access_of(r));
			return;
		}
	}
	mem_grow(&l->v, &l->cap, l->n);
	l->v[l->n] = *r;
	l->v[l->n++].allow = !l->allow;
}

/* Takes away what an exception has in common with a rule that agrees with the default. */
static int cut_exceptions(struct cgroup_device_list *l, const struct rt_device_rule *r, struct err *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++) {
		const int common = access_of(&l->v[i]) & access_of(r);

		if (meets(&l->v[i], r) && common && !covers(r, &l->v[i])) {
			char rule[CGROUP_DEVICE_TEXT], wide[CGROUP_DEVICE_TEXT];

			cgroup_devices_text(r, rule);
			cgroup_devices_text(&l->v[i], wide);
			return err_set(
			    err, ENOTSUP,
			    "linux.resources.devices: cgroup version 1 cannot %s \"%s\" as an exception of \"%s\"",
			    r->allow ? "allow" : "deny", rule, wide);
		}
	}
	for (size_t i = 0; i < l->n; i++) {
		struct rt_device_rule e = l->v[i];

		if (covers(r, &e))
			set_access(&e, access_of(&e) & ~access_of(r));
		if (access_of(&e))
			l->v[kept++] = e;
	}
	l->n = kept;
	return 0;
}

static int reduce_one(struct cgroup_device_list *l, struct rt_device_rule r, struct err *err)
{
	static const char both[] = {'c', 'b'};
	int s = 0;

	if (r.type == 'a' && r.major == -1 && r.minor == -1 && access_of(&r) == ALL) {
		l->allow = r.allow;
		l->n = 0;
		return 0;
	}
	for (size_t i = 0; i < 2 && s == 0; i++) {
		struct rt_device_rule one = r;

		if (r.type != 'a' && r.type != both[i])
			continue;
		one.type = both[i];
		if (r.allow == l->allow)
			s = cut_exceptions(l, &one, err);
		else if (access_of(&one))
			add_exception(l, &one);
	}
	return s;
}

int cgroup_devices_reduce(const struct rt_device_rule *rules, size_t n, struct cgroup_device_list *ret, struct err *err)
{
	struct cgroup_device_list l = {.allow = false};

	for (size_t i = 0; i < n; i++) {
		int r = reduce_one(&l, rules[i], err);

		if (r < 0) {
			cgroup_devices_free(&l);
			return r;
		}
	}
	*ret = l;
	return 0;
}

static bool parse_number(const char *text, int64_t *ret)
{
	unsigned n;

	*ret = -1;
	if (!strcmp(text, "*"))
		return true;
	if (sscanf(text, "%9u", &n) != 1)
		return false;
	*ret = n;
	return true;
}

/* "a *:* rwm" is all that the kernel shows when the default is to allow: its exceptions are not listed. */
void cgroup_devices_parse(const char *list, struct cgroup_device_list *ret)
{
	*ret = (struct cgroup_device_list){.allow = false};
	for (const char *p = list; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		struct rt_device_rule r = {.allow = true};
		char major[12], minor[12], access[8];

		if (sscanf(p, "%c %11[0-9*]:%11[0-9*] %7[rwm]", &r.type, major, minor, access) != 4)
			continue;
		if (r.type == 'a') {
			cgroup_devices_free(ret);
			ret->allow = true;
			return;
		}
		if (!strchr("bc", r.type) || !parse_number(major, &r.major) || !parse_number(minor, &r.minor))
			continue;
		set_access(&r, (strchr(access, 'r') ? READ : 0) | (strchr(access, 'w') ? WRITE : 0) |
				   (strchr(access, 'm') ? MKNOD : 0));
		add_exception(ret, &r);
	}
}

static int write_rule(const struct cgroup_dir *d, const struct rt_device_rule *r, bool allow, struct err *err)
{
	char text[CGROUP_DEVICE_TEXT];
	const char *file = allow ? "devices.allow" : "devices.deny";
	int s;

	cgroup_devices_text(r, text);
	s = cgroup_file_write(d->fd, file, r->type == 'a' ? "a" : text);
	return s < 0 ? err_sys(err, -s, "linux.resources.devices: write \"%s\" to %s/%s", text, d->where, file) : 0;
}

/* What `l` has beyond `other`: {1:3 rwm} beyond {1:3 r} is {1:3 wm}. */
static int write_beyond(const struct cgroup_dir *d, const struct cgroup_device_list *l,
			const struct cgroup_device_list *other, bool allow, struct err *err)
{
	int s = 0;

	for (size_t i = 0; i < l->n && s == 0; i++) {
		struct rt_device_rule r = l->v[i];

		for (size_t j = 0; j < other->n; j++) {
			if (same(&r, &other->v[j]))
				set_access(&r, access_of(&r) & ~access_of(&other->v[j]));
		}
		if (access_of(&r))
			s = write_rule(d, &r, allow, err);
	}
	return s;
}

/* From what is in force to what is wanted with the fewest writes: an update does not disturb devices in use, and a directory with others below it
 * does not let its default be changed. */
static int apply_v1(const struct cgroup_dir *d, const struct rt_device_rule *rules, size_t n, struct err *err)
{
	cleanup_with(cgroup_devices_free) struct cgroup_device_list now = {.v = NULL}, want = {.v = NULL};
	const struct rt_device_rule all = {
	    .type = 'a', .major = -1, .minor = -1, .read = true, .write = true, .mknod = true};
	mem_cleanup char *list = NULL;
	int s = cgroup_devices_reduce(rules, n, &want, err);

	if (s < 0)
		return s;
	s = cgroup_file_read_all(d->fd, "devices.list", &list);
	if (s < 0)
		return err_sys(err, -s, "read %s/devices.list", d->where);
	cgroup_devices_parse(list, &now);
	if (now.allow && want.allow && want.n == 0)
		return 0;
	if (now.allow || want.allow) {
		s = write_rule(d, &all, want.allow, err);
		cgroup_devices_free(&now);
	}
	if (s == 0)
		s = write_beyond(d, &now, &want, want.allow, err);
	return s == 0 ? write_beyond(d, &want, &now, !want.allow, err) : s;
}

/* ---- both ---- */

static int apply_v2(const struct cgroup_dir *d, const struct rt_device_rule *rules, size_t n, struct err *err)
{
	size_t len;
	mem_cleanup struct bpf_insn *program = cgroup_devices_program(rules, n, &len);

	return cgroup_devices_attach(d->fd, program, len, err);
}

int cgroup_devices_apply(const struct cgroup_box *b, const struct rt_resources *r, struct err *err)
{
	const struct cgroup_dir *v1 = cgroup_box_v1(b, "devices"), *v2 = cgroup_box_v2(b);
	mem_cleanup struct rt_device_rule *rules = NULL;
	size_t n;
	int s;

	if (!cgroup_box_real_root())
		return 0;
	s = cgroup_devices_rules(r, &rules, &n, err);
	if (s < 0)
		return s;
	if (v1)
		return apply_v1(v1, rules, n, err);
	if (v2)
		return apply_v2(v2, rules, n, err);
	/* Nobody asked: the rules that everybody gets are left out as the whole cgroup is. */
	if (r->n_devices == 0)
		return 0;
	return err_set(err, ENOTSUP,
		       "linux.resources.devices: this machine has no cgroup that could filter devices%s%s",
		       *b->denied ? ": " : "", b->denied);
}
