/* SPDX-License-Identifier: Apache-2.0 */
#include "face/daemon/options.h"

#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/store/store.h"
#include "base/wire/http_server.h"
#include "cluster/agent/agent.h"
#include "cluster/link/dial.h"
#include "cluster/link/join.h"
#include "cluster/link/socket.h"
#include "cluster/server/trust.h"
#include "face/api/api.h"
#include "face/cli/cli.h"
#include "face/docker/policy.h"
#include "node/runtime/rootless.h"
#include "node/runtime/uplink.h"

#include <string.h>

struct api_doors options_doors(const struct cli_up_options *o)
{
	return (struct api_doors){.listen = o->listen,
				  .cert = o->tls_cert,
				  .key = o->tls_key,
				  .client_ca = o->tls_client_ca,
				  .token_file = o->token_file};
}

static int check_network(const struct cli_up_options *o, struct err *err)
{
	enum uplink_kind kind = UPLINK_NONE;
	char why[UPLINK_WHY_MAX];

	if (uplink_choose(o->network, &kind, why, err) < 0)
		return err_wrap(err, "--network");
	if (kind != UPLINK_NONE && strcmp(o->network, "auto") != 0 && !rootless_needed())
		return err_set(err, EINVAL, "--network %s is for the berth of an ordinary user", o->network);
	return 0;
}

static int check_policy(const struct cli_up_options *o, struct err *err)
{
	struct policy *policy = NULL;
	int r = o->policy ? policy_load(o->policy, &policy, err) : 0;

	policy_free(policy);
	return r;
}

static int check_doors(const struct cli_up_options *o, struct err *err)
{
	const struct api_doors doors = options_doors(o);

	return api_doors_check(&doors, err);
}

static int check_store(const struct cli_up_options *o, struct err *err)
{
	if (o->store && store_kind_check(o->store, err) < 0)
		return err_wrap(err, "--store");
	return o->authority_secret ? trust_secret_check(o->authority_secret, err) : 0;
}

static int check_agents(const struct cli_up_options *o, struct err *err)
{
	mem_cleanup char *address = o->agents ? socket_with_port(o->agents) : NULL;

	return address && http_listen_check(address, err) < 0 ? err_wrap(err, "--agents") : 0;
}

static int check_dial(const struct cli_up_options *o, struct err *err)
{
	const struct agent_options agent = {.node = o->node_name};
	mem_cleanup char *dir = mem_printf("%s/cluster", o->data);
	char name[64];
	const struct dial_options dial = {.dir = dir, .server = o->server, .token = o->join_token, .node = name};

	agent_node_name(&agent, name, sizeof name);
	if (o->node_name && join_node_ok(o->node_name, err) < 0)
		return -err->code;
	return o->role == CLI_ROLE_AGENT ? dial_check(&dial, err) : 0;
}

int options_check(const struct cli_up_options *o, struct err *err)
{
	static int (*const parts[])(const struct cli_up_options *o, struct err *err) = {
	    check_network, check_policy, check_doors, check_store, check_agents, check_dial};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof parts / sizeof *parts; i++)
		r = parts[i](o, err);
	return r;
}
