/* SPDX-License-Identifier: Apache-2.0 */
/* spec and features: texts about what is possible. */
#include "base/core/err.h"
#include "base/core/fd.h"
#include "base/core/mem.h"
#include "face/oci/verb.h"
#include "node/oci/config.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct values {
	const char *bundle;
	bool rootless;
};

static const struct values defaults = {.bundle = "."};

static const struct option_spec options[] = {
    {"bundle", 'b', OPTION_TEXT, offsetof(struct values, bundle), "DIR", "where to write it (default: this folder)"},
    {"rootless", 0, OPTION_FLAG, offsetof(struct values, rootless), NULL, "for an ordinary user"},
    {NULL},
};

static int run_spec(const struct oci_runtime *rt, void *values, char **operands, struct err *err)
{
	const struct values *v = values;
	mem_cleanup char *text = oci_config_default(v->rootless, geteuid(), getegid());
	fd_cleanup int dir = open(v->bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;
	int r;

	(void)rt;
	(void)operands;
	if (dir < 0)
		return err_sys(err, errno, "open the bundle \"%s\"", v->bundle);
	fd = openat(dir, "config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0 && errno == EEXIST)
		return err_set(err, EEXIST, "File %s/config.json exists. Remove it first", v->bundle);
	r = fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
	return r < 0 ? err_sys(err, -r, "write config.json in \"%s\"", v->bundle) : 0;
}

static int run_features(const struct oci_runtime *rt, void *values, char **operands, struct err *err)
{
	mem_cleanup char *text = oci_features();
	int r = oci_print(text, err);

	(void)rt;
	(void)values;
	(void)operands;
	return r == 0 && *text && text[strlen(text) - 1] != '\n' ? oci_print("\n", err) : r;
}

const struct oci_verb verb_spec = {.name = "spec",
				   .usage = "[OPTIONS]",
				   .summary = "write a config.json to begin with",
				   .options = options,
				   .values_size = sizeof(struct values),
				   .defaults = &defaults,
				   .no_root = true,
				   .run = run_spec};

const struct oci_verb verb_features = {.name = "features",
				       .usage = "",
				       .summary = "show what this runtime can do as JSON",
				       .no_root = true,
				       .run = run_features};
