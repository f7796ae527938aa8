/* SPDX-License-Identifier: Apache-2.0 */
#include "node/runtime/setup.h"

#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int setup_run(struct setup *s, const struct step *steps, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		int r = steps[i].run(s, err);

		if (r < 0)
			return steps[i].what ? err_wrap(err, "%s", steps[i].what) : r;
	}
	return 0;
}

struct setup *setup_new(const struct rt_spec *spec)
{
	struct setup *s = mem_new(struct setup);

	s->spec = spec;
	s->idmap = s->root = s->talk = s->talk_parent = s->status[0] = s->status[1] = -1;
	s->proc = s->sys = s->dev = s->cgroup = s->cwd = -1;
	s->volumes = spec->n_mounts ? mem_new_n(int, spec->n_mounts) : NULL;
	for (size_t i = 0; i < spec->n_mounts; i++)
		s->volumes[i] = -1;
	return s;
}

struct setup *setup_free(struct setup *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; i < s->spec->n_mounts; i++)
		fd_closep(&s->volumes[i]);
	for (size_t i = 0; i < 2; i++)
		fd_closep(&s->status[i]);
	fd_closep(&s->idmap);
	fd_closep(&s->root);
	fd_closep(&s->talk);
	fd_closep(&s->talk_parent);
	fd_closep(&s->proc);
	fd_closep(&s->sys);
	fd_closep(&s->dev);
	fd_closep(&s->cgroup);
	fd_closep(&s->cwd);
	free(s->volumes);
	free(s);
	return NULL;
}

void setup_tell_failure(int talk, enum rt_fault fault, const struct err *err)
{
	struct setup_failure f = {.fault = (int32_t)fault, .code = err->code ? err->code : EIO};

	snprintf(f.text, sizeof f.text, "%.*s", (int)sizeof f.text - 1, err->text);
	(void)send(talk, &f, sizeof f, MSG_NOSIGNAL);
}

int setup_hear(int talk, enum rt_fault *ret_fault, struct err *err)
{
	struct setup_failure f = {0};
	ssize_t n;

	do {
		n = recv(talk, &f, sizeof f, 0);
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		return 0;
	*ret_fault = RT_FAULT_OURS;
	if (n < 0)
		return err_sys(err, errno, "hear from the new process");
	if (n != sizeof f || f.code <= 0)
		return err_set(err, EPROTO, "the new process said something that is not an error");
	*ret_fault = (enum rt_fault)f.fault;
	f.text[sizeof f.text - 1] = '\0';
	return err_set(err, f.code, "%s", f.text);
}
