/* SPDX-License-Identifier: Apache-2.0 */
#include "face/oci/verb.h"
#include "node/oci/process.h"

#include <stdint.h>

struct values {
	const char *process, *cwd, *user, *selinux, *apparmor, *console_socket, *pidfd_socket, *pid_file;
	char **env, **caps, **gids, **cgroups;
	uint64_t preserve_fds;
	bool tty, detach, no_new_privs, ignore_paused;
};

static const struct option_spec options[] = {
    {"console-socket", 0, OPTION_TEXT, offsetof(struct values, console_socket), "PATH",
     "the socket that takes the terminal"},
    {"pidfd-socket", 0, OPTION_TEXT, offsetof(struct values, pidfd_socket), "PATH",
     "a socket that takes a pidfd of the process"},
    {"cwd", 0, OPTION_TEXT, offsetof(struct values, cwd), "DIR", "its working directory in the container"},
    {"env", 'e', OPTION_LIST, offsetof(struct values, env), "NAME=VALUE", "one more variable of its environment"},
    {"tty", 't', OPTION_FLAG, offsetof(struct values, tty), NULL, "give it a terminal"},
    {"user", 'u', OPTION_TEXT, offsetof(struct values, user), "UID[:GID]", "its user and group, as numbers"},
    {"additional-gids", 'g', OPTION_LIST, offsetof(struct values, gids), "GID", "one more of its groups"},
    {"process", 'p', OPTION_TEXT, offsetof(struct values, process), "FILE", "a file with all of it, as in config.json"},
    {"detach", 'd', OPTION_FLAG, offsetof(struct values, detach), NULL, "do not wait for it"},
    {"pid-file", 0, OPTION_TEXT, offsetof(struct values, pid_file), "FILE", "where to write its number"},
    {"process-label", 0, OPTION_TEXT, offsetof(struct values, selinux), "LABEL", "its SELinux label"},
    {"apparmor", 0, OPTION_TEXT, offsetof(struct values, apparmor), "PROFILE", "its AppArmor profile"},
    {"no-new-privs", 0, OPTION_FLAG, offsetof(struct values, no_new_privs), NULL, "it cannot gain rights by exec"},
    {"cap", 'c', OPTION_LIST, offsetof(struct values, caps), "CAP", "one more capability"},
    {"preserve-fds", 0, OPTION_COUNT, offsetof(struct values, preserve_fds), "N", "give it N descriptors from 3 on"},
    {"cgroup", 0, OPTION_LIST, offsetof(struct values, cgroups), "[CONTROLLER:]PATH",
     "a cgroup below the container's that exists"},
    {"ignore-paused", 0, OPTION_FLAG, offsetof(struct values, ignore_paused), NULL, "in a paused container too"},
    {NULL},
};

static int run(const struct oci_runtime *rt, void *values, char **operands, struct err *err)
{
	const struct values *v = values;
	const struct oci_exec o = {.id = operands[0],
				   .process = v->process,
				   .args = operands + 1,
				   .cwd = v->cwd,
				   .user = v->user,
				   .env = v->env,
				   .caps = v->caps,
				   .gids = v->gids,
				   .selinux = v->selinux,
				   .apparmor = v->apparmor,
				   .cgroups = v->cgroups,
				   .tty = v->tty,
				   .no_new_privs = v->no_new_privs,
				   .detach = v->detach,
				   .ignore_paused = v->ignore_paused,
				   .console_socket = v->console_socket,
				   .pidfd_socket = v->pidfd_socket,
				   .pid_file = v->pid_file,
				   .preserve_fds = (unsigned)v->preserve_fds};

	return oci_exec(rt, &o, err);
}

const struct oci_verb verb_exec = {.name = "exec",
				   .usage = "[OPTIONS] ID COMMAND [ARGUMENTS] | --process FILE ID",
				   .summary = "run one more process in a container",
				   .options = options,
				   .values_size = sizeof(struct values),
				   .preserve_offset = offsetof(struct values, preserve_fds),
				   .least = 1,
				   .most = SIZE_MAX,
				   .stop = true,
				   .guarded = true,
				   .failed = OCI_EXEC_FAILED,
				   .run = run};
