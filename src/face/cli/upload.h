/* SPDX-License-Identifier: Apache-2.0
 *
 * upload: one line on the terminal that says how far a file has been sent.
 *
 * The request blocks in the HTTP client, so a thread looks at the offset of the descriptor, which it shares. What has
 * no offset (a pipe) shows nothing.
 */
#pragma once

struct upload;

/* NULL when stderr is no terminal or `fd` no regular file. */
struct upload *upload_watch(int fd);
/* Ends the thread and wipes the line. Takes NULL. */
void upload_end(struct upload *u);
