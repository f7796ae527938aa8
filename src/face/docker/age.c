/* SPDX-License-Identifier: Apache-2.0 */
#include "face/docker/age.h"

#include "face/docker/docker_private.h"

static const unsigned changes[] = {
    [DOCKER_SECURITY_NAMED] = 25,  [DOCKER_SOCKET_BINARY] = 28, [DOCKER_NETWORKS_BRIEF] = 28,
    [DOCKER_WAIT_CONDITION] = 30,  [DOCKER_IPC_PRIVATE] = 40,	[DOCKER_FILTERS_ONLY] = 41,
    [DOCKER_STATS_ONE_SHOT] = 41,  [DOCKER_STREAM_TYPES] = 42,	[DOCKER_STOP_SIGNAL] = 42,
    [DOCKER_PRUNE_ANONYMOUS] = 42, [DOCKER_NO_NONE_TAGS] = 43,	[DOCKER_NO_VIRTUAL_SIZE] = 44,
};

/* Members by the version that brought them; `in` is the object that they stand in, NULL = the body itself. */
static const struct {
	unsigned since;
	const char *in, *name;
} members[] = {
    {25, NULL, "StopTimeout"},
    {25, "HostConfig", "Mounts"},
    {25, "HostConfig", "AutoRemove"},
    {25, "HostConfig", "Init"},
    {28, "HostConfig", "DeviceCgroupRules"},
    {29, "Healthcheck", "StartPeriod"},
    {40, "HostConfig", "DeviceRequests"},
    {40, "HostConfig", "Capabilities"},
    {41, "HostConfig", "CgroupnsMode"},
    {42, NULL, "ConsoleSize"},
    {42, "HostConfig", "ConsoleSize"},
    {43, "HostConfig", "Annotations"},
    {44, "Healthcheck", "StartInterval"},
};

bool age_since(unsigned minor, enum docker_change what)
{
	return minor >= changes[what];
}

bool docker_since(const struct docker_call *c, enum docker_change what)
{
	return age_since(c->minor, what);
}

yyjson_doc *age_body(unsigned minor, yyjson_doc *body)
{
	const size_t n = sizeof members / sizeof *members;
	json_mut_cleanup yyjson_mut_doc *d = NULL;
	yyjson_doc *shorter;

	if (!body || minor >= members[n - 1].since)
		return body;
	for (size_t i = 0; i < n; i++) {
		(void)json_member(members[i].in ? json_member(yyjson_doc_get_root(body), members[i].in)
						: yyjson_doc_get_root(body),
				  members[i].name);
	}
	d = yyjson_doc_mut_copy(body, NULL);
	for (size_t i = 0; i < n; i++) {
		yyjson_mut_val *o = yyjson_mut_doc_get_root(d);

		if (members[i].in)
			o = yyjson_mut_obj_get(o, members[i].in);
		if (minor < members[i].since)
			(void)yyjson_mut_obj_remove_key(o, members[i].name);
	}
	shorter = yyjson_mut_doc_imut_copy(d, NULL);
	yyjson_doc_free(body);
	return shorter;
}
