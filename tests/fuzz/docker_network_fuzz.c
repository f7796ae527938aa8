/* SPDX-License-Identifier: Apache-2.0 */
/* The bodies of POST /networks/create and /networks/NAME/connect. */
#include "face/docker/network.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	yyjson_doc *doc = json_parse((const char *)data, n, 1u << 20, "the body", NULL);
	struct network_endpoint_body endpoint;
	struct network_body wish;

	if (!doc)
		return 0;
	(void)network_parse(yyjson_doc_get_root(doc), &wish, NULL);
	network_body_free(&wish);
	(void)network_parse_endpoint(yyjson_doc_get_root(doc), &endpoint, NULL);
	network_endpoint_body_free(&endpoint);
	yyjson_doc_free(doc);
	return 0;
}
