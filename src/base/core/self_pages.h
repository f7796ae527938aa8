/* SPDX-License-Identifier: Apache-2.0
 *
 * self_pages: what the running program is mapped from. Lets a process go on in another view of its own file (a mount with other rights) without running it
 * once more, which costs a new address space, the dynamic loader and a thousand relocated pointers.
 */
#pragma once

/* Maps the program's segments anew from FD, a descriptor (O_PATH will do) of the very same file reached through another mount, and makes it what
 * /proc/<pid>/exe names (PR_SET_MM_MAP). For a process with one thread and without signal handlers. Needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE in its
 * user namespace and a kernel with CONFIG_CHECKPOINT_RESTORE. Returns 0, or a negative errno: then /proc/<pid>/exe is what it was, and the process goes on unharmed. */
int self_pages_move(int fd);
