/* SPDX-License-Identifier: Apache-2.0
 *
 * git_url: addresses of git repositories as BuildKit writes them: ADDRESS[#REF][:DIR].
 *
 *   https://host/x.git, http://...    the path ends in ".git"
 *   git://host/x, ssh://git@host/x, git@host:x
 *   github.com/owner/x                contexts only: https is meant
 *
 * Strict on purpose, because git reads more into addresses and refs than one thinks (row B4): what git, ssh or a shell could take for an option,
 * another transport, a range of commits or a place outside is refused.
 */
#pragma once

#include <stdbool.h>

struct err;

struct git_url {
	char *remote; /* for git */
	char *ref;    /* a branch, a tag, "refs/..." or a commit; NULL = the default branch */
	char *dir;    /* below the top, clean, without slashes at its ends; NULL = the top */
	bool ssh;
	const char *protocols; /* that git may speak on the way, GIT_ALLOW_PROTOCOL: from https never down */
};

bool git_url_is(const char *s);
/* Also "github.com/...". */
bool git_url_is_context(const char *s);

int git_url_parse(const char *text, struct git_url *ret, struct err *err);
void git_url_free(struct git_url *u);

/* A whole commit: 40 or 64 digits. */
bool git_url_is_commit(const char *s);
