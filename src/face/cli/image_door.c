/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/image_door.h"

#include "base/core/err.h"
#include "face/cli/client.h"
#include "face/cli/command.h"
#include "face/cli/local_store.h"
#include "face/cli/show.h"
#include "node/image/image.h"

#include <stdlib.h>

static bool is_set(const char *variable)
{
	const char *value = getenv(variable);

	return value && *value;
}

/* A cluster's images are those of all its nodes, and those of another node are not in this machine's directories. */
static bool is_elsewhere(struct cli *cli)
{
	json_doc_cleanup yyjson_doc *doc = NULL;

	if (client_node(cli) || client_is_remote(cli))
		return true;
	return client_call(cli, "GET", "/v1/info", NULL, &doc, NULL) >= 0 && doc &&
	       show_bool(yyjson_doc_get_root(doc), "cluster");
}

bool image_door_is_elsewhere(struct cli *cli, const char *given)
{
	return !given && !is_set("BERTH_DATA") && is_elsewhere(cli);
}

int image_door_open(struct cli *cli, const char *given, struct image_store **ret, struct err *err)
{
	bool said = given || is_set("BERTH_DATA");
	int r;

	*ret = NULL;
	if (!said && client_is_remote(cli))
		return 0;
	if (!said && (cli->socket_option || cli->context_option || is_set("BERTH_SOCKET") || is_set("DOCKER_HOST")) &&
	    client_ping(cli, NULL, NULL) < 0)
		return 0;
	if (!said && is_elsewhere(cli))
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
