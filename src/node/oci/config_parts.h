/* SPDX-License-Identifier: Apache-2.0
 *
 * config_parts: what the files of config.h's parser know of each other. Each table or function reads one part of config.json into the
 * struct named beside it; config_check() comes last, when all is read.
 */
#pragma once

#include "node/oci/reader.h"

#define CONFIG_LIST_MAX 1024   /* mounts, devices, rules, limits */
#define CONFIG_STRV_MAX 131072 /* args, env */
#define CONFIG_MAP_MAX 16384   /* annotations */
#define CONFIG_ID_MAPS_MAX 340 /* user_namespaces(7) */

/* "name" of struct type `t` as the arguments of a list or a map in a reader_member row. */
#define CONFIG_ITEMS(t, list, count)                                                                                   \
	.at = offsetof(t, list), .n_at = offsetof(t, count), .size = sizeof(*((t *)0)->list)

extern const struct reader_member config_linux_members[];		      /* struct oci_config */
extern const char *const config_ns_names[];				      /* by enum rt_ns, then NULL */
extern const char *const config_memory_modes[], *const config_memory_flags[]; /* then NULL */

int config_read_process(struct reader *rd, yyjson_val *v, void *to);	   /* struct oci_process */
int config_read_resources(struct reader *rd, yyjson_val *v, void *to);	   /* struct rt_resources */
int config_read_mount(struct reader *rd, yyjson_val *v, void *to);	   /* struct rt_fs */
int config_read_seccomp(struct reader *rd, yyjson_val *v, void *to);	   /* const struct seccomp_profile * */
int config_read_memory_policy(struct reader *rd, yyjson_val *v, void *to); /* struct rt_process_attr */
int config_read_id_map(struct reader *rd, yyjson_val *v, void *to);	   /* struct rt_id_map */
int config_read_cpu_list(struct reader *rd, yyjson_val *v,
			 void *to); /* const char *, "0-3,7" without blanks, NULL for "" */

/* The rules between members: what needs which namespace, which sysctl stays inside the container. */
int config_check(struct reader *rd);

void config_warn(struct reader *rd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
