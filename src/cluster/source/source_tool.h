/* SPDX-License-Identifier: Apache-2.0
 *
 * source_tool: this program as the maker of nodes of the kinds local and ssh: the same verbs, JSON in and JSON out, that a user's own program has
 * (docs/SOURCES.md). It runs in a process of its own, where it may wait.
 */
#pragma once

/* The exit code of a create that has failed and has left nothing: nothing is destroyed after it. */
#define SOURCE_TOOL_NOTHING 3

/* argv[0] of such a process; the words after it are the kind and the verb. */
#define SOURCE_TOOL_NAME "berth-source"

int source_tool_main(int argc, char **argv);
