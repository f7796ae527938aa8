/* SPDX-License-Identifier: Apache-2.0
 *
 * alias: what docker's users type besides.
 */
#include "face/cli/command.h"

const struct cli_alias cli_aliases[] = {
    {"images", NULL, &command_image_ls},	{"rmi", NULL, &command_image_rm},
    {"history", NULL, &command_image_history},	{"import", NULL, &command_image_import},
    {"image", "list", &command_image_ls},	{"image", "remove", &command_image_rm},
    {"image", "build", &command_build},		{"image", "pull", &command_pull},
    {"image", "push", &command_push},		{"container", "ls", &command_ps},
    {"container", "list", &command_ps},		{"container", "ps", &command_ps},
    {"container", "remove", &command_rm},	{"container", "run", &command_run},
    {"container", "create", &command_create},	{"container", "exec", &command_exec},
    {"container", "attach", &command_attach},	{"container", "start", &command_start},
    {"container", "stop", &command_stop},	{"container", "restart", &command_restart},
    {"container", "kill", &command_kill},	{"container", "rm", &command_rm},
    {"container", "pause", &command_pause},	{"container", "unpause", &command_unpause},
    {"container", "rename", &command_rename},	{"container", "update", &command_update},
    {"container", "wait", &command_wait},	{"container", "top", &command_top},
    {"container", "port", &command_port},	{"container", "diff", &command_diff},
    {"container", "commit", &command_commit},	{"container", "export", &command_export},
    {"container", "inspect", &command_inspect}, {"container", "logs", &command_logs},
    {"container", "cp", &command_cp},		{"volume", "list", &command_volume_ls},
    {"volume", "remove", &command_volume_rm},	{"network", "list", &command_network_ls},
    {"network", "remove", &command_network_rm}, {"system", "info", &command_info},
    {"system", "events", &command_events},	{NULL},
};
