/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/plan_impl.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/build/shell_word.h"

#include <string.h>
#include <strings.h>

#define KEEP (&x->p->keep)

/* RUN <<EOF alone: the heredoc is the script. 1 when it is so. */
static int lone_heredoc(struct plan_expand *x, struct step_run *run, char **ret)
{
	struct dockerfile_heredoc h = {0};
	const struct dockerfile_heredoc *doc = &x->i->heredocs[0];
	char *text;

	if (dockerfile_heredoc_word(x->i->args[0], &h, NULL) != 1)
		return 0;
	free(h.name);
	text = doc->chomp ? keep_own_str(KEEP, dockerfile_chomp(doc->content)) : doc->content;
	*ret = text;
	if (strncmp(text, "#!", 2) != 0)
		return 1;
	if (strchr(doc->name, '/') || !strcmp(doc->name, ".") || !strcmp(doc->name, ".."))
		return PLAN_ERR(x->p, x->line, x->err, EINVAL, "RUN <<%.100s: a script needs a plain name", doc->name);
	run->script = text;
	run->script_name = doc->name;
	*ret = keep_printf(KEEP, "/dev/pipes/%s", doc->name);
	return 1;
}

/* The command line with its heredocs behind it, for the shell. */
static char *with_heredocs(struct plan_expand *x)
{
	buf_cleanup struct buf text = BUF_INIT;

	buf_adds(&text, x->i->args[0]);
	for (size_t i = 0; i < x->i->n_heredocs; i++)
		buf_printf(&text, "\n%s%s", x->i->heredocs[i].content, x->i->heredocs[i].name);
	return keep_str(KEEP, buf_str(&text));
}

static int set_argv(struct plan_expand *x, struct step_run *run)
{
	struct keep_list args = {0};
	char *text = NULL;
	int r = 0;

	run->shell = !x->i->json;
	if (x->i->json || !x->i->n_heredocs) {
		run->argv = x->i->json ? keep_strv(KEEP, x->i->args) : plan_shell(x, x->i->args);
		return 0;
	}
	if (x->i->n_heredocs == 1)
		r = lone_heredoc(x, run, &text);
	if (r < 0)
		return r;
	keep_list_add(KEEP, &args, r ? text : with_heredocs(x));
	run->argv = plan_shell(x, args.v);
	return 0;
}

static const char *const proxies[] = {"http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"};

/* Both spellings of the proxies that were given without an ARG that names them. */
static char **proxy_env(struct plan_expand *x)
{
	struct keep_list env = {0};

	for (size_t i = 0; i < x->p->build_args.n; i++) {
		const struct build_pair *a = &x->p->build_args.v[i];

		for (size_t k = 0; k < sizeof(proxies) / sizeof(*proxies); k++) {
			mem_cleanup char *upper = mem_strdup(proxies[k]);

			if (strcasecmp(a->name, proxies[k]) != 0)
				continue;
			for (char *c = upper; *c; c++)
				*c = *c >= 'a' ? (char)(*c - 'a' + 'A') : *c;
			for (int j = 0; j < 2; j++) {
				const char *name = j ? upper : proxies[k];

				if (!build_config_env(x->c, name) && !plan_vars_has(&x->node->args, name, strlen(name)))
					keep_list_add(KEEP, &env, keep_printf(KEEP, "%s=%s", name, a->value));
			}
		}
	}
	return keep_list_end(KEEP, &env);
}

static int set_modes(struct plan_expand *x, struct step_run *run)
{
	static const char *const networks[] = {"default", "none", "host"};
	const char *network = dockerfile_flag(x->i, "network"), *security = dockerfile_flag(x->i, "security");
	unsigned i = 0;

	while (network && i < 3 && strcmp(networks[i], network) != 0)
		i++;
	if (i == 3)
		return PLAN_ERR(x->p, x->line, x->err, EINVAL,
				"RUN --network=%.60s: default, none and host are possible", network);
	run->network = (enum step_network)i;
	if (security && strcmp(security, "sandbox") != 0 && strcmp(security, "insecure") != 0)
		return PLAN_ERR(x->p, x->line, x->err, EINVAL,
				"RUN --security=%.60s: sandbox and insecure are possible", security);
	run->insecure = security && *security == 'i';
	return 0;
}

static size_t count_flags(const struct dockerfile_instruction *i, const char *name)
{
	size_t at = 0, n = 0;

	while (dockerfile_flag_next(i, name, &at))
		n++;
	return n;
}

static int set_mounts(struct plan_expand *x, struct step_run *run)
{
	const char *text;
	size_t at = 0;

	run->mounts = keep_new_n(KEEP, struct step_mount, count_flags(x->i, "mount"));
	while ((text = dockerfile_flag_next(x->i, "mount", &at)) != NULL) {
		int r = plan_mount_parse(x, text, &run->mounts[run->n_mounts++]);

		if (r < 0)
			return r;
	}
	run->devices = keep_new_n(KEEP, struct step_device, count_flags(x->i, "device"));
	for (at = 0; (text = dockerfile_flag_next(x->i, "device", &at)) != NULL;) {
		int r = plan_device_parse(x, text, &run->devices[run->n_devices++]);

		if (r < 0)
			return r;
	}
	return 0;
}

/* "RUN |2 A=1 B= /bin/sh -c make # buildkit": the arguments that are declared stand in front, with the value that counts. */
static char *created_by(struct plan_expand *x, const struct step_run *run)
{
	const struct plan_vars *args = &x->node->args;
	struct keep_list parts = {0};

	keep_list_add(KEEP, &parts, keep_str(KEEP, "RUN"));
	if (args->n)
		keep_list_add(KEEP, &parts, keep_printf(KEEP, "|%zu", args->n));
	for (size_t i = 0; i < args->n; i++) {
		const char *value = build_config_env(x->c, args->v[i].name);

		if (!value)
			value = args->v[i].value ? args->v[i].value : "";
		keep_list_add(KEEP, &parts, keep_printf(KEEP, "%s=%s", args->v[i].name, value));
	}
	for (char **v = run->argv; *v; v++)
		keep_list_add(KEEP, &parts, *v);
	keep_list_add(KEEP, &parts, keep_str(KEEP, "# buildkit"));
	return plan_text_join(KEEP, parts.v);
}

int plan_run_step(struct plan_expand *x)
{
	struct step_run *run = keep_new(KEEP, struct step_run);
	int r = set_argv(x, run);

	x->step->kind = STEP_RUN;
	x->step->run = run;
	if (r == 0)
		r = set_modes(x, run);
	if (r == 0)
		r = set_mounts(x, run);
	if (r < 0)
		return r;
	run->env = plan_environment(x);
	run->proxy_env = proxy_env(x);
	plan_history(x, created_by(x, run), false);
	return 0;
}
