/* SPDX-License-Identifier: Apache-2.0
 *
 * config.json, process.json and resources: the first byte says which (c, p, r), the rest is the text. What is accepted is looked through: the
 * runtime relies on it.
 */
#include "base/core/err.h"
#include "node/oci/config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static size_t sum;

static void need(bool holds)
{
	if (!holds)
		abort();
}

static void see(const char *s)
{
	sum += s ? strlen(s) : 0;
}

static void see_list(const char *const *v)
{
	for (; v && *v; v++)
		see(*v);
}

static void see_path(const char *path)
{
	need(path && *path == '/');
	see(path);
}

static void see_paths(const char *const *v)
{
	for (; v && *v; v++)
		see_path(*v);
}

static void see_named(const struct rt_named_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		need(list->v[i].name && !strchr(list->v[i].name, '/'));
		see(list->v[i].name);
		see(list->v[i].text);
	}
}

static void see_resources(const struct rt_resources *r)
{
	see(r->cpus);
	see(r->mems);
	see_named(&r->hugetlb);
	see_named(&r->rdma);
	see_named(&r->net_priorities);
	see_named(&r->unified);
	for (size_t i = 0; i < r->n_devices; i++)
		need(r->devices[i].type && r->devices[i].major >= -1 && r->devices[i].minor >= -1);
}

static void see_process(const struct oci_process *p)
{
	need(p->args && p->env);
	see_list((const char *const *)p->args);
	for (char *const *e = p->env; *e; e++)
		need(strchr(*e, '=') > *e);
	see(p->attr.apparmor);
	see(p->attr.selinux);
	see(p->attr.cpus_initial);
	see(p->attr.cpus_final);
	need((p->attr.caps.ambient & ~p->attr.caps.permitted) == 0);
}

static void see_mount(const struct rt_fs *fs)
{
	see_path(fs->target);
	see(fs->fs_type);
	see(fs->source);
	need(fs->source_fd == -1 && (fs->type != RT_FS_BIND || (fs->source && !fs->options)));
	for (const struct rt_fs_option *o = fs->options; o && o->key; o++) {
		need(*o->key);
		see(o->key);
		see(o->value);
	}
}

static void see_box(const struct rt_box_attr *box)
{
	for (size_t i = 0; i < box->n_mounts; i++)
		see_mount(&box->mounts[i]);
	for (size_t i = 0; i < box->n_devices; i++)
		see_path(box->devices[i].path);
	for (size_t i = 0; i < box->n_sysctls; i++) {
		need(!strstr(box->sysctls[i].key, "..") && !strstr(box->sysctls[i].key, ".//."));
		see(box->sysctls[i].value);
	}
	see_paths(box->masked);
	see_paths(box->read_only_paths);
	see(box->domainname);
	see(box->mount_label);
}

static void see_seccomp(const struct seccomp_profile *p)
{
	if (!p)
		return;
	see(p->default_action);
	see_list(p->architectures);
	see_list(p->flags);
	for (size_t i = 0; i < p->n_rules; i++) {
		see_list(p->rules[i].names);
		for (size_t k = 0; k < p->rules[i].n_args; k++)
			need(p->rules[i].args[k].index < 6 && p->rules[i].args[k].op);
	}
}

static void see_hooks(const struct rt_hooks *hooks)
{
	for (size_t i = 0; i < hooks->n; i++) {
		see_path(hooks->v[i].path);
		need(hooks->v[i].args[0] != NULL);
		see_list((const char *const *)hooks->v[i].args);
		see_list((const char *const *)hooks->v[i].env);
	}
}

static void see_config(const struct oci_config *c)
{
	need(c->version && c->root && *c->root);
	for (unsigned i = 0; i < RT_NS_TYPES; i++) {
		need(!c->ns_paths[i] || c->box.ns[i].wanted);
		see(c->ns_paths[i]);
	}
	for (unsigned i = 0; i < RT_HOOK_TYPES; i++)
		see_hooks(&c->hooks[i]);
	for (size_t i = 0; i < c->n_annotations; i++)
		see(c->annotations[i].value);
	see(c->cgroups_path);
	see(c->hostname);
	see_box(&c->box);
	see_seccomp(c->seccomp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct oci_config *c = NULL;
	struct err err = ERR_INIT;
	const char *text;
	int r;

	if (n == 0)
		return 0;
	text = (const char *)data + 1;
	if (*data == 'p')
		r = oci_config_parse_process(text, n - 1, &c, &err);
	else if (*data == 'r')
		r = oci_config_parse_resources(text, n - 1, &c, &err);
	else
		r = oci_config_parse(text, n - 1, &c, &err);
	need(r < 0 ? err.code == -r && *err.text && !c : r == 0 && c);
	if (r < 0)
		return 0;
	if (*data != 'p' && *data != 'r')
		see_config(c);
	see_process(&c->process);
	see_resources(&c->resources);
	see_list(c->warnings);
	oci_config_free(c);
	return 0;
}
