/* SPDX-License-Identifier: Apache-2.0
 *
 * network create|ls|inspect|rm|connect|disconnect|prune
 */
#include "face/cli/command.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "face/cli/client.h"
#include "face/cli/create_parts.h"
#include "face/cli/docker_list.h"
#include "face/cli/prune.h"
#include "face/cli/show.h"
#include "face/cli/table.h"
#include "face/cli/text.h"
#include "face/cli/things.h"

#include <string.h>

#define NETWORKS CLIENT_DOCKER "/networks"

/* ---- create ---- */

struct create_values {
	bool internal, attachable, ipv6;
	const char *driver, *ipam_driver;
	char **subnets, **gateways, **ranges, **aux, **options, **ipam_options, **labels;
};
static const struct option_spec create_options[] = {
    {"driver", 'd', OPTION_TEXT, offsetof(struct create_values, driver), "NAME", "bridge"},
    {"subnet", 0, OPTION_LIST, offsetof(struct create_values, subnets), "CIDR",
     "its addresses, for example 10.1.0.0/24"},
    {"gateway", 0, OPTION_LIST, offsetof(struct create_values, gateways), "IP", "of the subnet before it"},
    {"ip-range", 0, OPTION_LIST, offsetof(struct create_values, ranges), "CIDR", "the part that containers get"},
    {"aux-address", 0, OPTION_LIST, offsetof(struct create_values, aux), "NAME=IP", "an address that they do not get"},
    {"internal", 0, OPTION_FLAG, offsetof(struct create_values, internal), NULL, "without a way out"},
    {"attachable", 0, OPTION_FLAG, offsetof(struct create_values, attachable), NULL, "kept for Docker's clients"},
    {"ipv6", 0, OPTION_FLAG, offsetof(struct create_values, ipv6), NULL,
     "with IPv6 (default where the machine has it)"},
    {"opt", 'o', OPTION_LIST, offsetof(struct create_values, options), "K=V", "option of the driver"},
    {"ipam-driver", 0, OPTION_TEXT, offsetof(struct create_values, ipam_driver), "NAME", "default"},
    {"ipam-opt", 0, OPTION_LIST, offsetof(struct create_values, ipam_options), "K=V", "option of that"},
    {"label", 'l', OPTION_LIST, offsetof(struct create_values, labels), "K[=V]", "label"},
    {NULL},
};

/* The nth of one option belongs to the nth subnet. */
static int add_pools(yyjson_mut_doc *d, yyjson_mut_val *ipam, const struct create_values *v, struct err *err)
{
	const struct {
		const char *option, *key;
		char **values;
	} parts[] = {{"gateway", "Gateway", v->gateways}, {"ip-range", "IPRange", v->ranges}};
	size_t subnets = mem_strv_len(v->subnets);
	yyjson_mut_val *list, *pool;

	if (!v->subnets && !v->gateways && !v->ranges && !v->aux)
		return 0;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		if (mem_strv_len(parts[i].values) > subnets)
			return err_set(err, EINVAL, "--%s %s: say --subnet for it, too", parts[i].option,
				       parts[i].values[subnets]);
	}
	if (v->aux && subnets == 0)
		return err_set(err, EINVAL, "--aux-address %s: say --subnet for it, too", v->aux[0]);
	list = yyjson_mut_obj_add_arr(d, ipam, "Config");
	for (size_t i = 0; i < subnets; i++) {
		pool = yyjson_mut_arr_add_obj(d, list);
		yyjson_mut_obj_add_str(d, pool, "Subnet", v->subnets[i]);
		for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
			if (i < mem_strv_len(parts[k].values))
				yyjson_mut_obj_add_str(d, pool, parts[k].key, parts[k].values[i]);
		}
	}
	return create_parts_pairs(d, yyjson_mut_arr_get_first(list), "AuxiliaryAddresses", "aux-address", v->aux, err);
}

static int create_body(yyjson_mut_doc *d, const struct create_values *v, const char *name, struct err *err)
{
	yyjson_mut_val *root = yyjson_mut_obj(d), *ipam;
	int r;

	yyjson_mut_doc_set_root(d, root);
	yyjson_mut_obj_add_str(d, root, "Name", name);
	yyjson_mut_obj_add_bool(d, root, "CheckDuplicate", true);
	yyjson_mut_obj_add_str(d, root, "Driver", v->driver ? v->driver : "bridge");
	if (v->internal)
		yyjson_mut_obj_add_bool(d, root, "Internal", true);
	if (v->attachable)
		yyjson_mut_obj_add_bool(d, root, "Attachable", true);
	if (v->ipv6)
		yyjson_mut_obj_add_bool(d, root, "EnableIPv6", true);
	ipam = yyjson_mut_obj_add_obj(d, root, "IPAM");
	if (v->ipam_driver)
		yyjson_mut_obj_add_str(d, ipam, "Driver", v->ipam_driver);
	r = add_pools(d, ipam, v, err);
	if (r == 0)
		r = create_parts_pairs(d, ipam, "Options", "ipam-opt", v->ipam_options, err);
	if (r == 0)
		r = create_parts_pairs(d, root, "Options", "opt", v->options, err);
	return r < 0 ? r : create_parts_pairs(d, root, "Labels", "label", v->labels, err);
}

static int create_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	yyjson_mut_doc *d json_mut_cleanup = yyjson_mut_doc_new(NULL);
	yyjson_doc *doc json_doc_cleanup = NULL;
	mem_cleanup char *body = NULL;
	int r = create_body(d, values, operands[0], err);

	if (r < 0)
		return r;
	body = json_text(d, false, NULL);
	r = client_call(cli, "POST", NETWORKS "/create", body, &doc, err);
	if (r < 0)
		return r;
	text_line(stdout, "%s", show_str(yyjson_doc_get_root(doc), "Id", ""));
	if (*show_str(yyjson_doc_get_root(doc), "Warning", ""))
		text_error("warning: %s", show_str(yyjson_doc_get_root(doc), "Warning", ""));
	return CLI_OK;
}

const struct cli_command command_network_create = {
    .name = "network create",
    .group = "network",
    .usage = "NAME",
    .summary = "Make a network",
    .examples =
	"  berth network create shop\n  berth network create --subnet 10.1.0.0/24 --gateway 10.1.0.1 --internal back",
    .options = create_options,
    .values_size = sizeof(struct create_values),
    .least = 1,
    .most = 1,
    .run = create_run,
};

/* ---- ls ---- */

static const struct table_column ls_columns[] = {{.title = "ID"},
						 {.title = "NAME", .least = 12},
						 {.title = "DRIVER"},
						 {.title = "SUBNETS", .least = 12},
						 {.title = NULL}};

static void row(struct table *t, yyjson_val *network)
{
	mem_cleanup char *id = text_id(show_str(network, "Id", ""));
	struct buf subnets buf_cleanup = BUF_INIT;
	yyjson_val *pool;
	size_t i, n;

	yyjson_arr_foreach (yyjson_obj_get(yyjson_obj_get(network, "IPAM"), "Config"), i, n, pool) {
		buf_printf(&subnets, "%s%s", i ? ", " : "", show_str(pool, "Subnet", ""));
	}
	table_cell(t, id);
	table_cell(t, show_str(network, "Name", ""));
	table_cell(t, show_str(network, "Driver", ""));
	table_cell(t, buf_str(&subnets));
}

static int ls_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	static const struct docker_list list = {.path = NETWORKS, .name = "Id", .columns = ls_columns, .row = row};

	(void)operands;
	return docker_list_run(cli, &list, values, err);
}

const struct cli_command command_network_ls = {
    .name = "network ls",
    .group = "network",
    .usage = "",
    .summary = "List networks",
    .examples = "  berth network ls\n  berth network ls -q -f driver=bridge",
    .options = docker_list_options,
    .values_size = sizeof(struct docker_list_choice),
    .run = ls_run,
};

/* ---- inspect, rm ---- */

static const struct things networks = {.path = NETWORKS};
static const struct things_wish network_rm = {&networks, "DELETE", NULL, NULL, false};

const struct cli_command command_network_inspect = {
    .name = "network inspect",
    .group = "network",
    .usage = "NAME...",
    .summary = "Show all that is known of networks",
    .examples = "  berth network inspect bridge | jq '.[0].Containers'",
    .least = 1,
    .most = CLI_MANY,
    .about = &networks,
    .run = things_inspect,
};

const struct cli_command command_network_rm = {
    .name = "network rm",
    .group = "network",
    .usage = "NAME...",
    .summary = "Remove networks that no running container is on",
    .examples = "  berth network rm shop",
    .least = 1,
    .most = CLI_MANY,
    .about = &network_rm,
    .run = things_each,
};

/* ---- connect, disconnect ---- */

struct connect_values {
	bool force;
	const char *ip, *ip6;
	char **aliases, **links, **options, **link_local;
};
static const struct option_spec connect_options[] = {
    {"ip", 0, OPTION_TEXT, offsetof(struct connect_values, ip), "ADDRESS", "its IPv4 address there"},
    {"ip6", 0, OPTION_TEXT, offsetof(struct connect_values, ip6), "ADDRESS", "its IPv6 address there"},
    {"alias", 0, OPTION_LIST, offsetof(struct connect_values, aliases), "NAME", "one more name of it there"},
    {"link", 0, OPTION_LIST, offsetof(struct connect_values, links), "NAME[:ALIAS]",
     "know another container by a name"},
    {"link-local-ip", 0, OPTION_LIST, offsetof(struct connect_values, link_local), "ADDRESS",
     "one more address of it there, link-local"},
    {"driver-opt", 0, OPTION_LIST, offsetof(struct connect_values, options), "K=V", "option of the driver"},
    {NULL},
};

static int connect_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct connect_values *v = values;
	mem_cleanup char *target = client_target(NETWORKS "/", operands[0], "/connect"), *body = NULL;
	yyjson_mut_doc *d json_mut_cleanup = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(d), *endpoint, *ipam;
	int r;

	yyjson_mut_doc_set_root(d, root);
	yyjson_mut_obj_add_str(d, root, "Container", operands[1]);
	endpoint = yyjson_mut_obj_add_obj(d, root, "EndpointConfig");
	json_add_strv(d, endpoint, "Aliases", v->aliases);
	json_add_strv(d, endpoint, "Links", v->links);
	ipam = yyjson_mut_obj_add_obj(d, endpoint, "IPAMConfig");
	if (v->ip)
		yyjson_mut_obj_add_str(d, ipam, "IPv4Address", v->ip);
	if (v->ip6)
		yyjson_mut_obj_add_str(d, ipam, "IPv6Address", v->ip6);
	if (v->link_local)
		json_add_strv(d, ipam, "LinkLocalIPs", v->link_local);
	r = create_parts_pairs(d, endpoint, "DriverOpts", "driver-opt", v->options, err);
	if (r < 0)
		return r;
	body = json_text(d, false, NULL);
	return client_call(cli, "POST", target, body, NULL, err);
}

const struct cli_command command_network_connect = {
    .name = "network connect",
    .group = "network",
    .usage = "NETWORK CONTAINER",
    .summary = "Bring a container to one more network",
    .examples = "  berth network connect shop web\n  berth network connect --alias db --ip 10.1.0.9 shop postgres",
    .options = connect_options,
    .values_size = sizeof(struct connect_values),
    .least = 2,
    .most = 2,
    .run = connect_run,
};

static const struct option_spec disconnect_options[] = {
    {"force", 'f', OPTION_FLAG, offsetof(struct connect_values, force), NULL, "also when it does not answer"},
    {NULL},
};

static int disconnect_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct connect_values *v = values;
	mem_cleanup char *target = client_target(NETWORKS "/", operands[0], "/disconnect"), *body = NULL;
	yyjson_mut_doc *d json_mut_cleanup = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(d);

	yyjson_mut_doc_set_root(d, root);
	yyjson_mut_obj_add_str(d, root, "Container", operands[1]);
	yyjson_mut_obj_add_bool(d, root, "Force", v->force);
	body = json_text(d, false, NULL);
	return client_call(cli, "POST", target, body, NULL, err);
}

const struct cli_command command_network_disconnect = {
    .name = "network disconnect",
    .group = "network",
    .usage = "NETWORK CONTAINER",
    .summary = "Take a container from a network",
    .examples = "  berth network disconnect shop web",
    .options = disconnect_options,
    .values_size = sizeof(struct connect_values),
    .least = 2,
    .most = 2,
    .run = disconnect_run,
};

/* ---- prune ---- */

static int network_prune_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	int r = prune_ask(values, "all networks that no container is on", err);

	(void)operands;
	return r < 0 ? r : prune_call(cli, &prune_networks, values, err);
}

const struct cli_command command_network_prune = {
    .name = "network prune",
    .group = "network",
    .usage = "",
    .summary = "Remove networks that no container is on",
    .examples = "  berth network prune -f",
    .options = prune_options,
    .values_size = sizeof(struct prune_choice),
    .run = network_prune_run,
};

/* ---- all of it ---- */

static const struct option_spec system_prune_options[] = {
    {"all", 'a', OPTION_FLAG, offsetof(struct prune_choice, all), NULL, "images that have a name, too"},
    {"volumes", 0, OPTION_FLAG, offsetof(struct prune_choice, volumes), NULL, "volumes without a name, too"},
    {"force", 'f', OPTION_FLAG, offsetof(struct prune_choice, force), NULL, "do not ask"},
    {"filter", 0, OPTION_LIST, offsetof(struct prune_choice, filters), "NAME=VALUE",
     "only those that fit: label=, label!=, until="},
    {NULL},
};

static int system_prune_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	struct prune_choice *v = values;
	char size[TEXT_MAX];
	uint64_t total = 0;
	int r = prune_ask(v,
			  v->volumes ? "ended containers, unused networks, volumes and images"
				     : "ended containers, unused networks and images",
			  err);

	(void)operands;
	if (r == 0)
		r = prune_add(cli, &prune_containers, v, &total, err);
	if (r == 0)
		r = prune_add(cli, &prune_networks, v, &total, err);
	if (r == 0 && v->volumes)
		r = prune_add(cli, &prune_volumes, v, &total, err);
	if (r == 0 && v->all)
		mem_strv_add(&v->filters, "dangling=false");
	if (r == 0)
		r = prune_add(cli, &prune_images, v, &total, err);
	if (r == 0)
		text_line(stderr, "%s came free", text_size(size, total));
	return r;
}

const struct cli_command command_system_prune = {
    .name = "system prune",
    .group = "system",
    .usage = "",
    .summary = "Remove what nobody uses: ended containers, networks, images",
    .examples = "  berth system prune\n  berth system prune -af --volumes",
    .options = system_prune_options,
    .values_size = sizeof(struct prune_choice),
    .run = system_prune_run,
};
