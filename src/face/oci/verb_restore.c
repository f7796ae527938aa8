/* SPDX-License-Identifier: Apache-2.0 */
#include "face/oci/criu_options.h"
#include "face/oci/verb.h"

struct values {
	struct criu_image image;
	const char *bundle, *config, *console_socket, *pid_file;
	bool detach, keep, no_subreaper, no_pivot;
};

static const struct values defaults = {.bundle = ".", .config = "config.json"};

static const struct option_spec options[] = {
    CRIU_COMMON,
    {"bundle", 'b', OPTION_TEXT, offsetof(struct values, bundle), "DIR", "the bundle (default: this folder)"},
    {"config", 'f', OPTION_TEXT, offsetof(struct values, config), "FILE", "its configuration (default: config.json)"},
    {"detach", 'd', OPTION_FLAG, offsetof(struct values, detach), NULL, "do not wait for the container"},
    CRIU_TEXT("console-socket", console_socket, "PATH", "the socket that takes the terminal"),
    CRIU_TEXT("pid-file", pid_file, "FILE", "where to write the number of the first process"),
    CRIU_TEXT("lsm-profile", image.lsm_profile, "TYPE:NAME", "another profile of AppArmor or SELinux"),
    CRIU_TEXT("lsm-mount-context", image.lsm_mount_context, "CONTEXT", "another context of mounts"),
    CRIU_FLAG("tcp-close", image.tcp_close, "connections come back closed"),
    CRIU_FLAG("keep", keep, "do not delete the container when it has ended"),
    CRIU_FLAG("no-subreaper", no_subreaper, "do not become the parent of orphans"),
    CRIU_FLAG("no-pivot", no_pivot, "has no effect: criu decides how the root is entered"),
    {NULL},
};

static int run(const struct oci_runtime *rt, void *values, char **operands, struct err *err)
{
	const struct values *v = values;
	const struct oci_request o = {.id = operands[0],
				      .bundle = v->bundle,
				      .config = v->config,
				      .console_socket = v->console_socket,
				      .pid_file = v->pid_file,
				      .detach = v->detach,
				      .keep = v->keep,
				      .no_subreaper = v->no_subreaper,
				      .image = &v->image};

	return oci_restore(rt, &o, err);
}

const struct oci_verb verb_restore = {.name = "restore",
				      .usage = "[OPTIONS] ID",
				      .summary = "make a container of the files of a checkpoint, with criu",
				      .options = options,
				      .values_size = sizeof(struct values),
				      .defaults = &defaults,
				      .least = 1,
				      .most = 1,
				      .run = run};
