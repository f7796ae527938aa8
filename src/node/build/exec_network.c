/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/exec_network.h"

#include "base/core/fd.h"
#include "base/core/mem.h"
#include "node/build/build_impl.h"
#include "node/net/guest.h"
#include "node/runtime/rootless.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define RESOLV_CONF "/etc/resolv.conf"
#define RESOLV_MAX 65536

static void tell(int out, const char *why)
{
	mem_cleanup char *text = mem_printf("berth: this step has no network but its loopback: %s\n", why);

	(void)fd_write_all(out, text, strlen(text));
}

static char *machines_resolv_conf(void)
{
	fd_cleanup int fd = open(RESOLV_CONF, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char *text = NULL;

	if (fd < 0 || fd_read_all(fd, RESOLV_MAX, &text, NULL) < 0)
		return mem_strdup("");
	return text;
}

static void make_guest(struct build *b, int out, struct exec_network *n)
{
	struct err why = ERR_INIT;

	if (guest_new(b->data_dir, &n->guest, &why) < 0) {
		tell(out, why.text);
		return;
	}
	n->netns = guest_netns(n->guest);
	free(n->resolv_conf);
	n->resolv_conf = mem_strdup(guest_resolv_conf(n->guest));
}

static void make_uplink(int out, struct exec_network *n)
{
	enum uplink_kind kind;
	char why[UPLINK_WHY_MAX], *text;
	struct err err = ERR_INIT;

	if (uplink_choose("auto", &kind, why, &err) < 0 || kind == UPLINK_NONE) {
		tell(out, err.code ? err.text : why);
		return;
	}
	if (uplink_start(kind, NULL, &n->uplink, &n->uplink_netns, &err) < 0) {
		tell(out, err.text);
		return;
	}
	n->netns = n->uplink_netns;
	text = uplink_resolv_conf(kind, n->resolv_conf);
	free(n->resolv_conf);
	n->resolv_conf = text;
}

static void take_given(const struct build *b, struct exec_network *n)
{
	n->netns = b->o->netns;
	if (!b->o->resolv_conf)
		return;
	free(n->resolv_conf);
	n->resolv_conf = mem_strdup(b->o->resolv_conf);
}

static enum step_network network_of(const struct build *b, const struct step_run *run)
{
	static const enum step_network of_build[] = {[BUILD_NETWORK_DEFAULT] = STEP_NETWORK_DEFAULT,
						     [BUILD_NETWORK_NONE] = STEP_NETWORK_NONE,
						     [BUILD_NETWORK_HOST] = STEP_NETWORK_HOST,
						     [BUILD_NETWORK_GIVEN] = STEP_NETWORK_DEFAULT};

	return run->network == STEP_NETWORK_DEFAULT ? of_build[b->o->network] : run->network;
}

void exec_network_make(struct build *b, const struct step_run *run, int out, struct exec_network *ret)
{
	enum step_network wanted = network_of(b, run);

	*ret = (struct exec_network){.host = wanted == STEP_NETWORK_HOST,
				     .netns = -1,
				     .uplink = UPLINK_NULL,
				     .uplink_netns = -1,
				     .resolv_conf = machines_resolv_conf()};
	if (wanted == STEP_NETWORK_DEFAULT && b->o->network == BUILD_NETWORK_GIVEN)
		take_given(b, ret);
	else if (wanted == STEP_NETWORK_DEFAULT && rootless_inside())
		make_uplink(out, ret);
	else if (wanted == STEP_NETWORK_DEFAULT)
		make_guest(b, out, ret);
}

void exec_network_free(struct exec_network *n)
{
	n->guest = guest_free(n->guest);
	fd_closep(&n->uplink_netns);
	uplink_stop(&n->uplink);
	free(n->resolv_conf);
}
