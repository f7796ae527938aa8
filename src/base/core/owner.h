/* SPDX-License-Identifier: Apache-2.0
 *
 * owner: whose a job is, as a word: what the server writes down, what its share and its quotas go by, and what stands on its containers.
 *
 *   1000       the user of that number, who came by a Unix socket
 *   cert:ci    whoever showed a certificate of that name
 *   token      whoever knew the token
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define OWNER_MAX 64 /* bytes with the NUL */
/* The label of a job's containers that says so. Only the server writes it: what a job file says there is not taken. */
#define OWNER_LABEL "io.berth.owner"

/* cert: NULL without one; it stands before the token, and both before the number. A name of a certificate that is too long, or has control bytes, becomes
 * the beginning of its SHA-256. */
void owner_text(uint32_t uid, const char *cert, bool token, char ret[static OWNER_MAX]);
/* Could be the word of somebody: digits, "cert:...", "token". */
bool owner_ok(const char *text);
