/* SPDX-License-Identifier: Apache-2.0
 *
 * system dial-stdio: a connection to berth's socket on the standard streams. Docker's clients run `docker system dial-stdio` on the other machine
 * for DOCKER_HOST=ssh://HOST; where berth is called docker there, this is what they get.
 */
#include "face/cli/command.h"

#include "base/core/err.h"
#include "base/wire/http_client.h"
#include "face/cli/client.h"
#include "face/cli/stream_client.h"

static int dial_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	/* As of a terminal: bytes without frames. */
	const struct stream_client_how how = {.cli = cli, .tty = true, .in = true};
	struct stream_client s = STREAM_CLIENT_NONE;
	struct http_client *c = NULL;
	int r;

	(void)values;
	(void)operands;
	if (client_node(cli))
		return err_set(err, EINVAL, "--node: what comes on the standard streams says itself whom it asks");
	r = client_open(cli, &c, err);
	if (r == 0) {
		s.fd = http_client_take(c, &s.early);
		r = stream_client_pump(&s, &how, err);
	}
	http_client_close(c);
	stream_client_close(&s);
	return r;
}

const struct cli_command command_system_dial = {
    .name = "system dial-stdio",
    .group = "system",
    .usage = "",
    .summary = "Connect the standard streams with berth's socket, for clients that come by ssh",
    .detail = "Docker's clients run `docker system dial-stdio` on the machine of DOCKER_HOST=ssh://USER@HOST. On a "
	      "machine without\n"
	      "docker's own client a link does: ln -s berth /usr/local/bin/docker.",
    .examples = "  DOCKER_HOST=ssh://root@rack1 docker ps   # on another machine",
    .run = dial_run,
};
