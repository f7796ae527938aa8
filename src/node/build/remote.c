/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/remote.h"

#include "base/core/err.h"

#include <string.h>

bool remote_is(const char *source)
{
	return !strncmp(source, "http://", 7) || !strncmp(source, "https://", 8) || !strncmp(source, "git@", 4) ||
	       !strncmp(source, "git://", 6) || !strncmp(source, "ssh://", 6);
}

int remote_digest(const char *source, const char *checksum, char ret[static SHA256_HEX_MAX], struct err *err)
{
	(void)checksum;
	ret[0] = '\0';
	return err_set(err, ENOTSUP,
		       "ADD \"%s\": this berth does not fetch from addresses; fetch it into the build context first",
		       source);
}
