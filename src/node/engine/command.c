/* SPDX-License-Identifier: Apache-2.0
 *
 * The small pure helpers of spec.h: the merge with an image's configuration, signal names, names, base64.
 */
#include "node/engine/spec.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/core/signal_name.h"
#include "node/image/image.h"

#include <ctype.h>
#include <signal.h>
#include <string.h>

#define PATH_DEFAULT "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static void add_all(char ***v, char *const *more)
{
	for (; more && *more; more++)
		mem_strv_add(v, *more);
}

/* The later of two variables with the same name wins, in the place of the first. */
static void env_set(char ***env, const char *entry)
{
	size_t n = strcspn(entry, "=") + 1;

	for (char **p = *env; p && *p; p++) {
		if (!strncmp(*p, entry, n)) {
			free(*p);
			*p = mem_strdup(entry);
			return;
		}
	}
	mem_strv_add(env, entry);
}

static void env_unset(char **env, const char *name)
{
	size_t n = strlen(name);

	for (; env && *env; env++) {
		if (strncmp(*env, name, n) != 0 || (*env)[n] != '=')
			continue;
		free(*env);
		memmove(env, env + 1, (mem_strv_len(env + 1) + 1) * sizeof *env);
		return;
	}
}

void spec_env_merge(char ***env, char *const *more)
{
	for (; more && *more; more++) {
		const char *eq = strchr(*more, '=');

		/* An image's variables were not checked by us. */
		if (eq && eq != *more)
			env_set(env, *more);
	}
}

static char **merged_argv(const struct spec *s, const struct image_info *image)
{
	char **argv = NULL;

	add_all(&argv, s->entrypoint ? s->entrypoint : image->entrypoint);
	/* Docker: who sets the entrypoint does not want the image's command. */
	if (s->command)
		add_all(&argv, s->command);
	else if (!s->entrypoint)
		add_all(&argv, image->cmd);
	return argv;
}

static char **merged_env(const struct spec *s, const struct image_info *image, const char *hostname)
{
	mem_cleanup char *host = mem_printf("HOSTNAME=%s", hostname);
	char **env = NULL;

	env_set(&env, PATH_DEFAULT);
	env_set(&env, host);
	if (s->tty)
		env_set(&env, "TERM=xterm");
	spec_env_merge(&env, image->env);
	for (char **own = s->environment; own && *own; own++) {
		if (strchr(*own, '='))
			env_set(&env, *own);
		else
			env_unset(env, *own);
	}
	return env;
}

int spec_merge(const struct spec *s, const struct image_info *image, const char *hostname, struct spec_command *ret,
	       struct err *err)
{
	const char *stop = s->stop_signal ? s->stop_signal : image->stop_signal;
	const char *dir = s->working_dir ? s->working_dir : image->working_dir;

	*ret = (struct spec_command){.stop_signal = stop && *stop ? spec_signal(stop, err) : SIGTERM};
	if (ret->stop_signal < 0)
		return err_wrap(err, "stop signal of image \"%s\"", s->image);
	if (dir && *dir && *dir != '/')
		return err_set(err, EINVAL, "working directory \"%.200s\" of image \"%s\" is not an absolute path", dir,
			       s->image);
	if (!s->working_dir && (s->n_stage_in || s->n_stage_out))
		dir = SPEC_TASK_DIR;
	ret->working_dir = dir && *dir ? dir : NULL;
	ret->user = s->user ? s->user : image->user;
	ret->argv = merged_argv(s, image);
	if (!ret->argv || !ret->argv[0][0]) {
		spec_command_free(ret);
		return err_set(err, EINVAL, "no command was given and image \"%s\" has none", s->image);
	}
	ret->env = merged_env(s, image, hostname);
	return 0;
}

void spec_command_free(struct spec_command *c)
{
	mem_strv_free(c->argv);
	mem_strv_free(c->env);
	*c = (struct spec_command){.argv = NULL};
}

int spec_signal(const char *text, struct err *err)
{
	int n = signal_number(text, NULL);

	return n > 0 ? n : err_set(err, EINVAL, "\"%.100s\" is not a signal", text);
}

bool spec_name_ok(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > 128 || !isalnum((unsigned char)*name))
		return false;
	for (const char *p = name; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("_.-", *p))
			return false;
	}
	return true;
}

static int base64_digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = c ? strchr(digits, c) : NULL;

	return p ? (int)(p - digits) : -1;
}

int spec_base64(const char *text, unsigned char **ret, size_t *ret_len, struct err *err)
{
	size_t n = strlen(text), pad = 0, out = 0;
	mem_cleanup unsigned char *data = NULL;

	if (n % 4 != 0)
		return err_set(err, EINVAL, "base64: the length %zu is not a multiple of 4", n);
	while (pad < 2 && pad < n && text[n - 1 - pad] == '=')
		pad++;
	data = mem_new_n(unsigned char, n / 4 * 3 + 1);
	for (size_t i = 0; i < n; i += 4) {
		unsigned bits = 0;

		for (size_t j = i; j < i + 4; j++) {
			int digit = j >= n - pad ? 0 : base64_digit(text[j]);

			if (digit < 0)
				return err_set(err, EINVAL, "base64: wrong character at %zu", j);
			bits = bits << 6 | (unsigned)digit;
		}
		data[out++] = (unsigned char)(bits >> 16);
		data[out++] = (unsigned char)(bits >> 8);
		data[out++] = (unsigned char)bits;
	}
	*ret_len = out - pad;
	*ret = mem_take(data);
	return 0;
}
