/* SPDX-License-Identifier: Apache-2.0
 *
 * rows: answers of Docker's API as rows for --format (template.h), with the names that docker's users know. Pure. The caller frees the document, whose root is
 * the list of rows.
 */
#pragma once

#include <stdbool.h>
#include <yyjson.h>

/* GET /containers/json: ID, Names, Image, Command, CreatedAt, RunningFor, State, Status, Ports, Size, Labels, Mounts, Networks. `whole`: nothing is cut. */
yyjson_doc *rows_containers(yyjson_val *list, bool whole);
/* GET /images/json: a row for each name: Repository, Tag, ID, Digest, CreatedAt, CreatedSince, Size. */
yyjson_doc *rows_images(yyjson_val *list, bool whole);
