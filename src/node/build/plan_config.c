/* SPDX-License-Identifier: Apache-2.0
 *
 * The instructions that change the config, and WORKDIR.
 */
#include "node/build/plan_impl.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/build/build_health.h"
#include "node/build/lint.h"

#include <arpa/inet.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

#define KEEP (&x->p->keep)

static int step_env(struct plan_expand *x)
{
	char *text = keep_str(KEEP, "ENV");
	size_t n = mem_strv_len(x->i->args);
	char **words = keep_new_n(KEEP, char *, n + 1);
	struct keep_list parts = {0};

	for (size_t i = 0; i < n; i++) { /* all with the variables from before this line */
		int r = i % 3 == 2 ? 0 : plan_word(x, x->i->args[i], &words[i]);

		if (r < 0)
			return r;
	}
	keep_list_add(KEEP, &parts, text);
	for (size_t i = 0; i < n; i += 3) {
		if (!*words[i] || strchr(words[i], '='))
			return PLAN_ERR(x->p, x->line, x->err, EINVAL, "ENV: \"%.100s\" cannot be a name", words[i]);
		build_config_set_env(KEEP, x->c, words[i], words[i + 1]);
		keep_list_add(KEEP, &parts, keep_printf(KEEP, "%s=%s", words[i], words[i + 1]));
	}
	plan_history(x, plan_text_join(KEEP, parts.v), true);
	return 0;
}

static int step_label(struct plan_expand *x)
{
	struct keep_list parts = {0};

	keep_list_add(KEEP, &parts, keep_str(KEEP, "LABEL"));
	for (char **v = x->i->args; *v; v += 3) {
		char *name = NULL, *value = NULL;
		int r = plan_word(x, v[0], &name);

		if (r == 0)
			r = plan_word(x, v[1], &value);
		if (r < 0)
			return r;
		build_config_set_pair(KEEP, &x->c->labels, &x->c->n_labels, name, value);
		keep_list_add(KEEP, &parts, keep_printf(KEEP, "%s=%s", name, value));
	}
	plan_history(x, plan_text_join(KEEP, parts.v), true);
	return 0;
}

/* The value that ARG NAME[=DEFAULT] gives: *ret is NULL when there is none. */
static int arg_value(struct plan_expand *x, const char *name, const char *standard, char **ret)
{
	const char *given = plan_vars_get(&x->p->build_args, name, strlen(name));

	*ret = NULL;
	if (!given && standard)
		return plan_word(x, standard, ret);
	if (!given)
		given = plan_vars_get(&x->p->globals, name, strlen(name));
	*ret = keep_str(KEEP, given);
	return 0;
}

static int step_arg(struct plan_expand *x)
{
	struct keep_list parts = {0};

	keep_list_add(KEEP, &parts, keep_str(KEEP, "ARG"));
	for (char **v = x->i->args; *v; v++) {
		size_t n = strcspn(*v, "=");
		char *name = keep_strn(KEEP, *v, n), *value;
		int r = arg_value(x, name, (*v)[n] ? *v + n + 1 : NULL, &value);

		if (r < 0)
			return r;
		plan_vars_set(KEEP, &x->node->args, name, value);
		keep_list_add(KEEP, &parts, value ? keep_printf(KEEP, "%s=%s", name, value) : name);
	}
	plan_history(x, plan_text_join(KEEP, parts.v), true);
	return 0;
}

static char **no_empty(char **v)
{
	return v && v[0] ? v : NULL;
}

static char **command(struct plan_expand *x)
{
	if (x->i->json)
		return keep_strv(KEEP, x->i->args);
	if (!x->c->shell)
		lint_add(x->lint, LINT_JSON_ARGS_RECOMMENDED, x->line,
			 "JSON arguments recommended for %s to prevent unintended behavior related to OS signals",
			 x->i->name);
	return plan_shell(x, x->i->args);
}

static int step_cmd(struct plan_expand *x)
{
	char **argv = command(x);

	x->c->cmd = no_empty(argv);
	x->c->args_escaped = true;
	plan_history(x, plan_text_quoted(KEEP, "CMD", argv), true);
	return 0;
}

/* An ENTRYPOINT makes an inherited CMD void, not one of this stage. */
static int step_entrypoint(struct plan_expand *x)
{
	char **argv = command(x);
	bool own_cmd = false;

	for (const struct plan_step *s = x->node->s.steps; s < x->step; s++)
		own_cmd = own_cmd || !strcmp(s->name, "CMD");
	x->c->entrypoint = no_empty(argv);
	if (!own_cmd)
		x->c->cmd = NULL;
	plan_history(x, plan_text_quoted(KEEP, "ENTRYPOINT", argv), true);
	return 0;
}

static int step_shell(struct plan_expand *x)
{
	x->c->shell = keep_strv(KEEP, x->i->args);
	plan_history(x, plan_text_list(KEEP, "SHELL", x->c->shell), true);
	return 0;
}

static int step_health(struct plan_expand *x)
{
	struct build_health *h = keep_new(KEEP, struct build_health);
	int r = build_health_parse(KEEP, x->i, h, x->err);

	if (r < 0)
		return err_wrap(x->err, "%s:%u", x->p->d->name, x->line);
	x->c->health = h;
	plan_history(x, plan_text_health(KEEP, h), true);
	return 0;
}

static int step_maintainer(struct plan_expand *x)
{
	x->c->author = keep_str(KEEP, x->i->args[0]);
	plan_history(x, keep_printf(KEEP, "MAINTAINER %s", x->c->author), true);
	return 0;
}

static int step_user(struct plan_expand *x)
{
	char *user;
	int r = plan_word(x, x->i->args[0], &user);

	if (r < 0)
		return r;
	x->c->user = user;
	plan_history(x, keep_printf(KEEP, "USER %s", user), true);
	return 0;
}

static int step_volume(struct plan_expand *x)
{
	char **v = keep_strv(KEEP, x->i->args);

	for (size_t i = 0; v[i]; i++) {
		int r = plan_word(x, v[i] + strspn(v[i], " \t"), &v[i]);

		if (r < 0)
			return r;
		if (!*v[i])
			return PLAN_ERR(x->p, x->line, x->err, EINVAL, "%s", "VOLUME: a path is empty");
		build_config_set_pair(KEEP, &x->c->volumes, &x->c->n_volumes, v[i], NULL);
	}
	plan_history(x, plan_text_list(KEEP, "VOLUME", v), true);
	return 0;
}

static const char *const signals[] = {
    [SIGHUP] = "HUP",	    [SIGINT] = "INT",	[SIGQUIT] = "QUIT",   [SIGILL] = "ILL",	  [SIGTRAP] = "TRAP",
    [SIGABRT] = "ABRT",	    [SIGBUS] = "BUS",	[SIGFPE] = "FPE",     [SIGKILL] = "KILL", [SIGUSR1] = "USR1",
    [SIGSEGV] = "SEGV",	    [SIGUSR2] = "USR2", [SIGPIPE] = "PIPE",   [SIGALRM] = "ALRM", [SIGTERM] = "TERM",
    [SIGSTKFLT] = "STKFLT", [SIGCHLD] = "CHLD", [SIGCONT] = "CONT",   [SIGSTOP] = "STOP", [SIGTSTP] = "TSTP",
    [SIGTTIN] = "TTIN",	    [SIGTTOU] = "TTOU", [SIGURG] = "URG",     [SIGXCPU] = "XCPU", [SIGXFSZ] = "XFSZ",
    [SIGVTALRM] = "VTALRM", [SIGPROF] = "PROF", [SIGWINCH] = "WINCH", [SIGIO] = "IO",	  [SIGPWR] = "PWR",
    [SIGSYS] = "SYS",
};

static bool is_signal(const char *s)
{
	static const char *const more[] = {"RTMIN", "RTMAX", "CLD", "POLL", "IOT"};
	size_t n = strspn(s, "0123456789");

	if (n && !s[n])
		return n < 3 && strtol(s, NULL, 10) >= 1 && strtol(s, NULL, 10) <= 64;
	if (!strncasecmp(s, "SIG", 3))
		s += 3;
	if ((!strncasecmp(s, "RTMIN+", 6) || !strncasecmp(s, "RTMAX-", 6)) && s[6])
		return strspn(s + 6, "0123456789") == strlen(s + 6) && strtol(s + 6, NULL, 10) <= 30;
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		if (signals[i] && !strcasecmp(signals[i], s))
			return true;
	for (size_t i = 0; i < sizeof(more) / sizeof(*more); i++)
		if (!strcasecmp(more[i], s))
			return true;
	return false;
}

static int step_stop_signal(struct plan_expand *x)
{
	char *text;
	int r = plan_word(x, x->i->args[0], &text);

	if (r < 0)
		return r;
	if (!is_signal(text))
		return PLAN_ERR(x->p, x->line, x->err, EINVAL, "STOPSIGNAL %.60s: there is no such signal", text);
	x->c->stop_signal = text;
	plan_history(x, keep_printf(KEEP, "STOPSIGNAL %s", text), true);
	return 0;
}

static bool read_port(const char *s, size_t n, long *ret)
{
	*ret = 0;
	if (!n || n > 5 || strspn(s, "0123456789") < n)
		return false;
	for (size_t i = 0; i < n; i++)
		*ret = *ret * 10 + (s[i] - '0');
	return *ret <= 65535;
}

/* "8000-8010": both ends. */
static bool read_range(const char *s, size_t n, long *first, long *last)
{
	const char *dash = memchr(s, '-', n);

	if (!dash) {
		bool good = read_port(s, n, first);

		*last = *first;
		return good;
	}
	return read_port(s, (size_t)(dash - s), first) && read_port(dash + 1, n - (size_t)(dash - s) - 1, last) &&
	       *first <= *last;
}

/* What stands before the container's port: [IP:][HOST:]. Nothing of it has a meaning here. */
static bool check_mapping(struct plan_expand *x, const char *port, size_t n)
{
	const char *host = n ? memrchr(port, ':', n) : NULL;
	size_t ip = host ? (size_t)(host - port) : 0;
	mem_cleanup char *address = mem_strndup(port + (ip && *port == '['), ip >= 2 && *port == '[' ? ip - 2 : ip);
	struct in6_addr a;
	long first, last;

	if (!n)
		return true;
	lint_add(x->lint, LINT_EXPOSE_INVALID_FORMAT, x->line,
		 "EXPOSE instruction should not define an IP address or host-port mapping, found '%s'", port);
	if (ip && inet_pton(AF_INET, address, &a) != 1 && inet_pton(AF_INET6, address, &a) != 1)
		return false;
	host = host ? host + 1 : port;
	n -= (size_t)(host - port);
	return !n || read_range(host, n, &first, &last);
}

static int add_port(struct plan_expand *x, const char *port, struct keep_list *shown)
{
	const char *colon = strrchr(port, ':'), *number = colon ? colon + 1 : port, *slash = strchr(number, '/');
	const char *proto = slash && slash[1] ? slash + 1 : "tcp";
	size_t n = slash ? (size_t)(slash - number) : strlen(number);
	long first, last;

	if (strcasecmp(proto, "tcp") != 0 && strcasecmp(proto, "udp") != 0 && strcasecmp(proto, "sctp") != 0)
		return PLAN_ERR(x->p, x->line, x->err, EINVAL, "EXPOSE %.100s: the protocol is tcp, udp or sctp", port);
	if (!read_range(number, n, &first, &last) || !check_mapping(x, port, colon ? (size_t)(colon - port) : 0))
		return PLAN_ERR(x->p, x->line, x->err, EINVAL,
				"EXPOSE %.100s: write PORT or FIRST-LAST, and /udp for another protocol", port);
	if (proto[strcspn(proto, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")])
		lint_add(x->lint, LINT_EXPOSE_PROTO_CASING, x->line,
			 "Defined protocol '%s' in EXPOSE instruction should be lowercase", port);
	if ((size_t)(last - first) + x->c->n_ports >= BUILD_CONFIG_LIST_MAX)
		return PLAN_ERR(x->p, x->line, x->err, E2BIG, "EXPOSE: more than %u ports", BUILD_CONFIG_LIST_MAX);
	for (long i = first; i <= last; i++) {
		char *name = keep_printf(KEEP, "%ld/%s", i,
					 !strcasecmp(proto, "tcp")   ? "tcp"
					 : !strcasecmp(proto, "udp") ? "udp"
								     : "sctp");

		build_config_set_pair(KEEP, &x->c->ports, &x->c->n_ports, name, NULL);
		keep_list_add(KEEP, shown, name);
	}
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int step_expose(struct plan_expand *x)
{
	struct keep_list ports = {0}, shown = {0};
	char **args = keep_strv(KEEP, x->i->args);
	int r = 0;

	qsort(args, mem_strv_len(args), sizeof(*args), by_text);
	for (char **v = args; r == 0 && *v; v++)
		r = plan_words(x, *v, &ports);
	for (size_t i = 0; r == 0 && i < ports.n; i++)
		r = add_port(x, ports.v[i], &shown);
	if (r == 0)
		plan_history(x, plan_text_list(KEEP, "EXPOSE", keep_list_end(KEEP, &shown)), true);
	return r;
}

static int step_workdir(struct plan_expand *x)
{
	char *path;
	int r = plan_word(x, x->i->args[0], &path);

	if (r < 0)
		return r;
	if (*path != '/' && !x->node->workdir_set)
		lint_add(x->lint, LINT_WORKDIR_RELATIVE_PATH, x->line,
			 "Relative workdir \"%s\" can have unexpected results if the base image changes", path);
	x->node->workdir_set = true;
	path = plan_text_path(KEEP, x->c->working_dir ? x->c->working_dir : "/", path);
	x->c->working_dir = path;
	x->step->workdir = path;
	if (path[1]) {
		x->step->kind = STEP_WORKDIR;
		x->step->dir = keep_new(KEEP, struct step_workdir);
		x->step->dir->path = path;
	}
	plan_history(x, keep_printf(KEEP, "WORKDIR %s", path), !path[1]);
	return 0;
}

/* The text of the trigger with its heredocs, for the config; it has no entry in the history. */
static int step_on_build(struct plan_expand *x)
{
	const char *text = x->i->original + strlen(x->i->name);
	char *whole = keep_str(KEEP, text + strspn(text, " \t\r\v\f"));
	struct keep_list list = {0};

	for (size_t i = 0; i < x->i->n_heredocs; i++)
		whole = keep_printf(KEEP, "%s\n%s%s", whole, x->i->heredocs[i].content, x->i->heredocs[i].name);
	for (char **v = x->c->on_build; v && *v; v++)
		keep_list_add(KEEP, &list, *v);
	keep_list_add(KEEP, &list, whole);
	x->c->on_build = list.v;
	return 0;
}

int plan_config_step(struct plan_expand *x)
{
	static int (*const steps[DOCKERFILE_N_KINDS])(struct plan_expand *) = {
	    [DOCKERFILE_ARG] = step_arg,
	    [DOCKERFILE_CMD] = step_cmd,
	    [DOCKERFILE_ENTRYPOINT] = step_entrypoint,
	    [DOCKERFILE_ENV] = step_env,
	    [DOCKERFILE_EXPOSE] = step_expose,
	    [DOCKERFILE_HEALTHCHECK] = step_health,
	    [DOCKERFILE_LABEL] = step_label,
	    [DOCKERFILE_MAINTAINER] = step_maintainer,
	    [DOCKERFILE_ONBUILD] = step_on_build,
	    [DOCKERFILE_SHELL] = step_shell,
	    [DOCKERFILE_STOPSIGNAL] = step_stop_signal,
	    [DOCKERFILE_USER] = step_user,
	    [DOCKERFILE_VOLUME] = step_volume,
	    [DOCKERFILE_WORKDIR] = step_workdir,
	};

	x->step->kind = STEP_CONFIG;
	return steps[x->i->kind](x);
}
