/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/image_door.h"

#include "base/core/err.h"
#include "face/cli/client.h"
#include "face/cli/command.h"
#include "face/cli/local_store.h"
#include "node/image/image.h"

#include <stdlib.h>

static bool is_set(const char *variable)
{
	const char *value = getenv(variable);

	return value && *value;
}

int image_door_open(struct cli *cli, const char *given, struct image_store **ret, struct err *err)
{
	bool said = given || is_set("BERTH_DATA");
	int r;

	*ret = NULL;
	if (!said && (cli->socket_option || is_set("BERTH_SOCKET")) && client_ping(cli, NULL, NULL) < 0)
		return 0;
	r = local_store_open(cli, given, ret, err);
	if (!said && (r == -EACCES || r == -EPERM)) {
		err_clear(err);
		return 0;
	}
	return r;
}

void image_door_close(struct image_store **s)
{
	*s = image_store_close(*s);
}
