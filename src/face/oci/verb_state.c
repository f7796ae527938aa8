/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/buf.h"
#include "base/core/mem.h"
#include "face/oci/verb.h"
#include "node/oci/lifecycle.h"

static int run(const struct oci_runtime *rt, void *values, char **operands, struct err *err)
{
	struct oci_container c = OCI_CONTAINER_NONE;
	mem_cleanup char *text = NULL;
	buf_cleanup struct buf line = BUF_INIT;
	int r = oci_open(rt, operands[0], false, &c, err);

	(void)values;
	if (r == 0) {
		text = oci_state_show(c.state, c.status, true);
		buf_adds(&line, text);
		buf_addc(&line, '\n');
		r = oci_print(buf_str(&line), err);
	}
	oci_close(&c);
	return r;
}

const struct oci_verb verb_state = {.name = "state",
				    .usage = "ID",
				    .summary = "show the state of a container as JSON",
				    .least = 1,
				    .most = 1,
				    .run = run};
