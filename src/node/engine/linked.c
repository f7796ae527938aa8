/* SPDX-License-Identifier: Apache-2.0 */
#include "node/engine/linked.h"

#include "base/core/err.h"
#include "base/core/fs.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/net/net.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROTO_LEN 8

/* ---- ports ---- */

struct port {
	unsigned number;
	char proto[PROTO_LEN]; /* "tcp" */
	char upper[PROTO_LEN]; /* "TCP" */
};

struct ports {
	struct port *v;
	size_t n;
};

static bool port_parse(const char *text, struct port *ret)
{
	char *end;
	unsigned long number = isdigit((unsigned char)*text) ? strtoul(text, &end, 10) : 0;
	size_t n;

	if (number < 1 || number > 65535 || *end != '/')
		return false;
	n = strlen(end + 1);
	if (n == 0 || n >= PROTO_LEN)
		return false;
	*ret = (struct port){.number = (unsigned)number};
	for (size_t i = 0; i < n; i++) {
		ret->proto[i] = (char)tolower((unsigned char)end[1 + i]);
		ret->upper[i] = (char)toupper((unsigned char)end[1 + i]);
	}
	return true;
}

/* tcp before all others, then by protocol, then by number. */
static int port_compare(const void *a, const void *b)
{
	const struct port *x = a, *y = b;
	int proto = strcmp(x->proto, y->proto);

	if (proto == 0)
		return (x->number > y->number) - (x->number < y->number);
	if (!strcmp(x->proto, "tcp"))
		return -1;
	return !strcmp(y->proto, "tcp") ? 1 : proto;
}

static struct ports ports_of(char *const *texts)
{
	struct ports p = {.v = mem_new_n(struct port, mem_strv_len(texts) + 1)};

	for (; texts && *texts; texts++) {
		if (port_parse(*texts, &p.v[p.n]))
			p.n++;
	}
	qsort(p.v, p.n, sizeof *p.v, port_compare);
	return p;
}

/* How many, from this one on, follow each other. */
static size_t run_length(const struct ports *p, size_t at)
{
	size_t n = 1;

	while (at + n < p->n && p->v[at + n].number == p->v[at].number + n &&
	       !strcmp(p->v[at + n].proto, p->v[at].proto))
		n++;
	return n;
}

/* ---- variables ---- */

__attribute__((format(printf, 2, 3))) static void add(char ***env, const char *format, ...)
{
	mem_cleanup char *text = NULL;
	va_list args;

	va_start(args, format);
	text = mem_vprintf(format, args);
	va_end(args);
	mem_strv_add(env, text);
}

static void add_port(char ***env, const char *alias, const char *ip, const struct port *p)
{
	mem_cleanup char *prefix = mem_printf("%s_PORT_%u_%s", alias, p->number, p->upper);

	add(env, "%s=%s://%s:%u", prefix, p->proto, ip, p->number);
	add(env, "%s_ADDR=%s", prefix, ip);
	add(env, "%s_PORT=%u", prefix, p->number);
	add(env, "%s_PROTO=%s", prefix, p->proto);
}

static void add_run(char ***env, const char *alias, const char *ip, const struct port *first, const struct port *last)
{
	mem_cleanup char *prefix = mem_printf("%s_PORT_%u_%s", alias, first->number, first->upper);

	add(env, "%s_START=%s://%s:%u", prefix, first->proto, ip, first->number);
	add(env, "%s_PORT_START=%u", prefix, first->number);
	add(env, "%s_END=%s://%s:%u", prefix, last->proto, ip, last->number);
	add(env, "%s_PORT_END=%u", prefix, last->number);
}

static void add_ports(char ***env, const char *alias, const struct linked *l)
{
	struct ports p = ports_of(l->ports);

	if (p.n > 0)
		add(env, "%s_PORT=%s://%s:%u", alias, p.v[0].proto, l->ip, p.v[0].number);
	for (size_t i = 0, n; i < p.n; i += n) {
		n = run_length(&p, i);
		for (size_t k = i; k < i + n; k++)
			add_port(env, alias, l->ip, &p.v[k]);
		if (n > 1)
			add_run(env, alias, l->ip, &p.v[i], &p.v[i + n - 1]);
	}
	free(p.v);
}

void linked_environment(const struct linked *l, char ***env)
{
	mem_cleanup char *alias = mem_strdup(l->alias);

	for (char *p = alias; *p; p++)
		*p = (char)(*p == '-' ? '_' : toupper((unsigned char)*p));
	add_ports(env, alias, l);
	add(env, "%s_NAME=/%s/%s", alias, l->name, l->alias);
	for (char *const *v = l->env; v && *v; v++) {
		if (strchr(*v, '=') && strncmp(*v, "HOME=", 5) != 0 && strncmp(*v, "PATH=", 5) != 0)
			add(env, "%s_ENV_%s", alias, *v);
	}
}

/* ---- whom a link means ---- */

static bool is_called(const struct net_endpoint *e, const char *name)
{
	for (char *const *v = e->dns_names; v && *v; v++) {
		if (!strcmp(*v, name))
			return true;
	}
	return !strcmp(e->container, name);
}

const struct net_endpoint *linked_find(struct net *net, const struct net_endpoint *own, const char *text,
				       char **ret_target, char **ret_alias)
{
	const char *from = text + (*text == '/'), *colon = strchr(from, ':');
	const struct net_endpoint *e;

	*ret_target = colon ? mem_strndup(from, (size_t)(colon - from)) : mem_strdup(from);
	*ret_alias = mem_strdup(colon ? colon + 1 : *ret_target);
	for (size_t i = 0; (e = net_endpoint_at(net, own->network, i)); i++) {
		if (is_called(e, *ret_target))
			return e;
	}
	return NULL;
}

/* ---- the file ---- */

int linked_write(int dir, char *const *env, struct err *err)
{
	json_mut_cleanup yyjson_mut_doc *doc = NULL;
	mem_cleanup char *text = NULL;
	size_t n;

	if (mem_strv_len(env) == 0) {
		if (unlinkat(dir, LINKED_NAME, 0) < 0 && errno != ENOENT)
			return err_sys(err, errno, "remove %s in a container's directory", LINKED_NAME);
		return 0;
	}
	doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_doc_set_root(doc, yyjson_mut_obj(doc));
	json_add_strv(doc, yyjson_mut_doc_get_root(doc), "env", env);
	text = json_text(doc, false, &n);
	if (n > LINKED_TEXT_MAX)
		return err_set(err, E2BIG, "the variables of a container's links are longer than %u bytes",
			       LINKED_TEXT_MAX);
	return fs_write_atomic(dir, LINKED_NAME, text, n, 0600, false, err);
}

static bool has_variable(char *const *env, const char *entry)
{
	size_t n = strcspn(entry, "=") + 1;

	for (; env && *env; env++) {
		if (!strncmp(*env, entry, n))
			return true;
	}
	return false;
}

int linked_merge(int dir, char ***env, struct err *err)
{
	cleanup_with(mem_strv_freep) char **more = NULL;
	json_doc_cleanup yyjson_doc *doc = NULL;
	mem_cleanup char *text = NULL;
	size_t n;
	int r;

	if (faccessat(dir, LINKED_NAME, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return 0;
	r = fs_read(dir, LINKED_NAME, LINKED_TEXT_MAX, &text, &n, err);
	if (r < 0)
		return r;
	doc = json_parse(text, n, LINKED_TEXT_MAX, LINKED_NAME, err);
	if (!doc)
		return -EINVAL;
	r = json_get_strv(yyjson_doc_get_root(doc), "env", &more, err);
	for (char **v = more; r == 0 && v && *v; v++) {
		if (!has_variable(*env, *v))
			mem_strv_add(env, *v);
	}
	return r < 0 ? err_wrap(err, LINKED_NAME) : 0;
}
