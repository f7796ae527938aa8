/* SPDX-License-Identifier: Apache-2.0
 *
 * compose_project: Compose files become the project in canonical form, as `berth compose` needs it: merged, with
 * includes and extends done, interpolated, checked, every short form written out, paths absolute, names made. The
 * shape is that of `docker compose config --format json`:
 *
 *	{"name": "web", "services": {"db": {"command": null, "entrypoint": null, "environment": {"A": "1", "B": null},
 *	  "image": "redis", "networks": {"default": null}, "ports": [{"mode": "ingress", "target": 80, "published": "8080",
 *	  "protocol": "tcp"}], "volumes": [{"type": "volume", "source": "data", "target": "/data", "volume": {}}], ...}},
 *	 "networks": {"default": {"name": "web_default", "ipam": {}}}, "volumes": {"data": {"name": "web_data"}},
 *	 "secrets": {...}, "configs": {...}, "x-...": ...}
 *
 * Sizes are texts of bytes ("67108864"), durations as "1m30s", modes as "0440", booleans and numbers as such; empty
 * values are left out. Keys stand in one fixed order (services and other names sorted), so equal projects have equal
 * text. Keys that start with "x-" are kept everywhere.
 *
 * It runs in the client, and touches no file but the Compose files, the .env files and what these name (include,
 * extends, env_file, label_file). Files of secrets, configs and build contexts are only named. It talks to nobody.
 *
 * Limits: those of compose.h for each file; 64 files, 16 levels of include and extends, 10,000 services and 200,000
 * values in all, 32 MiB for the JSON text.
 */
#pragma once

#include "face/compose/compose.h"

#include <stdbool.h>
#include <stddef.h>

struct err;

/* What the user said; all of it may be left empty. Lists are NULL-terminated, or NULL. */
struct compose_project_options {
	char **files; /* -f; "-" is standard input. Else COMPOSE_FILE, else the first compose.yaml, compose.yml,
				  docker-compose.yml, docker-compose.yaml of the directory or one above, with its
				  override file */
	const char *const *texts; /* of `files`, which are not read then; NULL = read them */
	char **env_files;	  /* --env-file; else COMPOSE_ENV_FILES, else .env of the project's directory */
	const char *directory;	  /* --project-directory; else that of the first file */
	const char *project;	  /* -p; else COMPOSE_PROJECT_NAME, `name:`, the name of the directory */
	char **profiles;	  /* --profile; else COMPOSE_PROFILES; "*" = all */
	char **env;		  /* "NAME=value", normally environ */
	char **services;	  /* services of the command line: their profiles are active, too */
	bool only_services;	  /* keep these and what they depend on; the others become inactive */
	bool all_resources;	  /* networks, volumes, secrets, configs that no active service uses are kept, too */
	bool contents;		  /* secrets and configs with `environment` have its value as `content` */
	bool no_interpolate, no_normalize, no_paths, no_consistency, no_env_files;
};

struct compose_project {
	char *name;	    /* as in the JSON */
	char *directory;    /* absolute: of relative paths, and the label com.docker.compose.project.working_dir */
	char **files;	    /* absolute, "-" for standard input: com.docker.compose.project.config_files */
	char **env_files;   /* --env-file as given, or NULL: com.docker.compose.project.environment_file */
	char **environment; /* "NAME=value": o->env, then what only the .env files set */
	char **inactive;    /* services that are not in the JSON: no active profile, or not selected */
	char **profiles;    /* every profile that a service names, sorted */
	char *json;	    /* NUL-terminated, without white space */
	size_t len;
};

#define COMPOSE_PROJECT_INIT                                                                                           \
	{                                                                                                              \
		.name = NULL                                                                                           \
	}
#define compose_project_cleanup __attribute__((cleanup(compose_project_free)))
void compose_project_free(struct compose_project *p); /* back to empty */

/* Returns 0 with *ret (initialised; the caller frees it), or a negative errno with *err set as compose_load() does:
 * -EINVAL with all messages in ret_messages, -ENOENT when there is no Compose file, -E2BIG ... ret_messages must be
 * initialised; it is filled (warnings too) in each case. */
int compose_project_load(const struct compose_project_options *o, struct compose_project *ret,
			 struct compose_messages *ret_messages, struct err *err);

/* What is known without any Compose file: name and directory (the others stay empty). For commands that only look
 * for containers, as `down -p NAME`. -EINVAL when there is no name. */
int compose_project_name(const struct compose_project_options *o, struct compose_project *ret, struct err *err);

/* The hash that Compose v2 stores in the label com.docker.compose.config-hash: SHA-256, in hex, of a service of the
 * JSON without build, depends_on, profiles, pull_policy, scale and deploy.replicas. `service` is its object in the
 * parsed JSON. */
#define COMPOSE_PROJECT_HASH_MAX 65
struct yyjson_val;
void compose_project_hash(const struct yyjson_val *service, char ret[static COMPOSE_PROJECT_HASH_MAX]);
