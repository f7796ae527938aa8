/* SPDX-License-Identifier: Apache-2.0 */
/* What clients of Docker's API put into the query and the headers: filters and credentials; and the file that says who may do what. */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/docker/docker_private.h"
#include "face/docker/policy.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char *const keys[] = {"dangling", "label", NULL};
	mem_cleanup char *text = mem_strndup((const char *)data, n);
	struct policy *policy = NULL;
	struct err err = ERR_INIT;
	struct docker_filters f;

	free(docker_image_name(text, text));
	yyjson_doc_free(docker_auth_decode(text));
	(void)policy_parse(text, strlen(text), &policy, &err);
	policy_free(policy);
	if (docker_filters_parse(text, &f, NULL) < 0)
		return 0;
	(void)docker_filters_check(&f, keys, NULL);
	for (size_t k = 0; keys[k]; k++) {
		for (size_t i = 0; docker_filter(&f, keys[k], i); i++)
			;
	}
	docker_filters_free(&f);
	return 0;
}
