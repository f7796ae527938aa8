/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parser takes holds no option, no other transport and no way out. Needs build_dep.
 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/build/git_url.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is)
{
	if (!is)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	mem_cleanup char *text = mem_strndup((const char *)data, size);
	struct git_url u = {.remote = NULL};
	struct err err = ERR_INIT;

	if (git_url_parse(text, &u, &err) < 0) {
		must(*err.text && !u.remote && !u.ref && !u.dir);
		return 0;
	}
	must(*u.remote != '-' && !strpbrk(u.remote, " \t\n;|&$`'\"\\()<>*?#"));
	must(!strstr(u.remote, "://-") && !strstr(u.remote, "@-") && !strstr(u.remote, "::"));
	must(!u.ref ||
	     (*u.ref && *u.ref != '-' && *u.ref != '+' && !strstr(u.ref, "..") && !strpbrk(u.ref, " :*?[\\^~\n")));
	must(!u.dir || (*u.dir && *u.dir != '/' && strcmp(u.dir, "..") != 0 && strncmp(u.dir, "../", 3) != 0 &&
			!strstr(u.dir, "/../")));
	git_url_free(&u);
	return 0;
}
