/* SPDX-License-Identifier: Apache-2.0
 *
 * dockerd's configuration file: what is refused says why and names the file; what is taken leaves nothing half done. Needs cli_dep.
 */
#include "base/core/err.h"
#include "face/cli/daemon_json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct daemon_json d = DAEMON_JSON_INIT;
	struct err err = ERR_INIT;
	int r = daemon_json_parse((const char *)data, n, "/d.json", &d, &err);

	if (r < 0 ? !strstr(err.text, "/d.json") : !d.tls_cert != !d.tls_key)
		abort();
	daemon_json_free(&d);
	return 0;
}
