/* SPDX-License-Identifier: Apache-2.0 */
#include "face/cli/daemon_json.h"

#include "base/core/err.h"
#include "base/core/fs.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/wire/json.h"

#include <fcntl.h>
#include <string.h>

#define FILE_MAX (1u << 20)

enum what {
	DONE, /* read elsewhere in here */
	SAME, /* nothing is to do: it is so, or there is nothing that it could change */
	TOLD,
	REFUSED,
};

/* `but`: the value, as JSON, that needs nothing. */
static const struct key {
	const char *name;
	enum what what;
	const char *why, *but;
} keys[] = {
    {"hosts", DONE, NULL, NULL},
    {"tls", DONE, NULL, NULL},
    {"tlsverify", DONE, NULL, NULL},
    {"tlscacert", DONE, NULL, NULL},
    {"tlscert", DONE, NULL, NULL},
    {"tlskey", DONE, NULL, NULL},
    {"debug", DONE, NULL, NULL},
    {"log-level", DONE, NULL, NULL},
    {"log-driver", DONE, NULL, NULL},
    {"log-opts", DONE, NULL, NULL},
    {"builder", SAME, NULL, NULL},
    {"cluster-advertise", SAME, NULL, NULL},
    {"cluster-store", SAME, NULL, NULL},
    {"cluster-store-opts", SAME, NULL, NULL},
    {"containerd", SAME, NULL, NULL},
    {"containerd-namespace", SAME, NULL, NULL},
    {"containerd-plugin-namespace", SAME, NULL, NULL},
    {"cpu-rt-period", TOLD, "real-time scheduling is not set up", "0"},
    {"cpu-rt-runtime", TOLD, "real-time scheduling is not set up", "0"},
    {"default-runtime", TOLD, "berth runs containers itself", "\"runc\""},
    {"exec-opts", SAME, NULL, NULL},
    {"exec-root", SAME, NULL, NULL},
    {"experimental", SAME, NULL, NULL},
    {"features", SAME, NULL, NULL},
    {"ip-forward", TOLD, "forwarding is switched on with the first network that needs it", "true"},
    {"live-restore", TOLD, "containers always outlive the daemon", "true"},
    {"log-format", TOLD, "berth's log is text", "\"text\""},
    {"max-concurrent-uploads", SAME, NULL, NULL},
    {"max-download-attempts", TOLD, "say \"attempts\" in /etc/berth/registries.json", NULL},
    {"max-concurrent-downloads", TOLD, "say \"downloads\" in /etc/berth/registries.json", NULL},
    {"oom-score-adjust", TOLD, "the service manager sets it (OOMScoreAdjust=)", "0"},
    {"pidfile", SAME, NULL, NULL},
    {"raw-logs", SAME, NULL, NULL},
    {"runtimes", TOLD, "berth runs containers itself", "{}"},
    {"shutdown-timeout", TOLD, "each container's own grace counts (packaging/systemd/berth-containers.service)", NULL},
    {"storage-driver", TOLD, "berth has overlayfs alone", "\"overlay2\""},
    {"storage-opts", TOLD, "berth has overlayfs alone", "[]"},
    {"swarm-default-advertise-addr", SAME, NULL, NULL},
    {"userland-proxy", SAME, NULL, NULL},
    {"userland-proxy-path", SAME, NULL, NULL},
    {"allow-nondistributable-artifacts", TOLD, "such layers are neither fetched nor pushed", "[]"},
    {"bip", TOLD, "the subnet is one that the machine does not use; make networks with --subnet to choose", NULL},
    {"data-root", TOLD, "berth keeps its state in --data and takes nothing from there (docs/DOCKER.md)", NULL},
    {"default-address-pools", TOLD,
     "subnets are chosen that the machine does not use; make networks with --subnet to choose", "[]"},
    {"default-cgroupns-mode", TOLD, "a container has a cgroup namespace of its own unless it says otherwise",
     "\"private\""},
    {"default-gateway", TOLD, "make networks with --gateway to choose", NULL},
    {"default-gateway-v6", TOLD, "make networks with --gateway to choose", NULL},
    {"default-ipc-mode", TOLD, "it is private unless a container says otherwise", "\"private\""},
    {"default-network-opts", TOLD, "give them when networks are made", "{}"},
    {"default-shm-size", TOLD, "it is 64 MiB unless a container says otherwise (shm_size)", "\"64M\""},
    {"default-ulimits", TOLD, "give them to containers (--ulimit)", "{}"},
    {"dns", TOLD, "the machine's servers are asked; give others to containers (--dns)", "[]"},
    {"dns-opts", TOLD, "give them to containers (--dns-option)", "[]"},
    {"dns-search", TOLD, "give them to containers (--dns-search)", "[]"},
    {"fixed-cidr", TOLD, "make networks with --ip-range to choose", NULL},
    {"fixed-cidr-v6", TOLD, "networks have an IPv6 subnet by themselves where the machine has IPv6", NULL},
    {"bridge", TOLD, "the interface of the network bridge is berth0", "\"\""},
    {"group", TOLD, "the group of sockets is berth, or what the unit berth.socket says (SocketGroup=)", "\"docker\""},
    {"host-gateway-ip", TOLD, "it is the network's gateway", NULL},
    {"http-proxy", TOLD, "set it in the environment of berth", "\"\""},
    {"https-proxy", TOLD, "set it in the environment of berth", "\"\""},
    {"no-proxy", TOLD, "set it in the environment of berth", "\"\""},
    {"proxies", TOLD, "set them in the environment of berth", "{}"},
    {"init", TOLD, "say --init with the container", "false"},
    {"init-path", TOLD, "berth has an init of its own", "\"\""},
    {"insecure-registries", TOLD,
     "say {\"registries\": {\"HOST\": {\"insecure\": true}}} in /etc/berth/registries.json", "[]"},
    {"ip6tables", TOLD, "berth has rules for IPv6 in its own nft table", "true"},
    {"ip-masq", TOLD, "say com.docker.network.bridge.enable_ip_masquerade=false with a network", "true"},
    {"ipv6", TOLD, "networks have IPv6 where the machine has it", "true"},
    {"labels", TOLD, "nodes have labels (berth node label)", "[]"},
    {"metrics-addr", TOLD, "berth has no metrics of that form", "\"\""},
    {"mtu", TOLD, "it is that of the default route; say com.docker.network.driver.mtu with a network", "0"},
    {"network-control-plane-mtu", SAME, NULL, NULL},
    {"node-generic-resources", TOLD, "say --counter NAME=N", "[]"},
    {"registry-mirrors", TOLD,
     "say {\"registries\": {\"docker.io\": {\"mirrors\": [URL]}}} in /etc/berth/registries.json", "[]"},
    {"authorization-plugins", REFUSED, "berth has --policy FILE for that (docs/API.md)", "[]"},
    {"cgroup-parent", REFUSED,
     "containers are below berth's own cgroup; a container may name another (--cgroup-parent)", "\"\""},
    {"icc", REFUSED, "make a network with com.docker.network.bridge.enable_icc=false", "true"},
    {"ip", REFUSED,
     "publish ports with an address (-p 127.0.0.1:80:80), or make a network with "
     "com.docker.network.bridge.host_binding_ipv4",
     "\"0.0.0.0\""},
    {"iptables", REFUSED, "berth has rules of its own, in an nft table of its own", "true"},
    {"no-new-privileges", REFUSED, "say --security-opt no-new-privileges with the container", "false"},
    {"seccomp-profile", REFUSED, "say --security-opt seccomp=FILE with the container", "\"\""},
    {"selinux-enabled", REFUSED, "berth sets no SELinux labels", "false"},
    {"userns-remap", REFUSED, "say --userns private with the container", "\"\""},
};

static const struct key *find(const char *name)
{
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		if (!strcmp(keys[i].name, name))
			return &keys[i];
	}
	return NULL;
}

static bool needs_nothing(const struct key *k, yyjson_val *value)
{
	json_doc_cleanup yyjson_doc *but = k->but ? yyjson_read(k->but, strlen(k->but), 0) : NULL;

	return yyjson_is_null(value) || (but && yyjson_equals(yyjson_doc_get_root(but), value));
}

static int judge(const char *path, const char *name, yyjson_val *value, struct daemon_json *ret, struct err *err)
{
	const struct key *k = find(name);
	mem_cleanup char *line = NULL;

	if (!k)
		return err_set(err, EINVAL, "%s: \"%.100s\" is no key that dockerd has", path, name);
	if (k->what == DONE || k->what == SAME || needs_nothing(k, value))
		return 0;
	if (k->what == REFUSED)
		return err_set(err, EINVAL, "%s: \"%s\" is not done for all containers: %s; take it out", path, name,
			       k->why);
	line = mem_printf("%s: \"%s\" has no effect: %s", path, name, k->why);
	mem_strv_add(&ret->told, line);
	return 0;
}

static int read_level(yyjson_val *root, struct daemon_json *ret, struct err *err)
{
	static const struct {
		const char *name;
		int level;
	} levels[] = {{"debug", LOG_DEBUG},
		      {"info", LOG_INFO},
		      {"warn", LOG_WARNING},
		      {"error", LOG_ERROR},
		      {"fatal", LOG_ERROR}};
	const char *level = NULL;
	bool debug = false;
	int r = json_opt_bool(root, "debug", &debug, err);

	if (r == 0)
		r = json_opt_str(root, "log-level", &level, err);
	if (r < 0)
		return r;
	for (size_t i = 0; level && i < sizeof levels / sizeof *levels; i++)
		ret->level = !strcmp(level, levels[i].name) ? levels[i].level : ret->level;
	if (level && ret->level < 0)
		return err_set(err, EINVAL, "log-level: \"%.40s\" is not debug, info, warn, error or fatal", level);
	ret->level = debug ? LOG_DEBUG : ret->level;
	return 0;
}

static int read_log(yyjson_val *root, struct daemon_json *ret, struct err *err)
{
	const char *driver = "json-file";
	yyjson_val *options = NULL;
	json_mut_cleanup yyjson_mut_doc *d = NULL;
	yyjson_mut_val *log;
	int r = json_opt_str(root, "log-driver", &driver, err);

	if (r == 0)
		r = json_get_obj(root, "log-opts", &options, err);
	if (r == -EINVAL)
		return r;
	if (!options && !yyjson_obj_get(root, "log-driver"))
		return 0;
	d = yyjson_mut_doc_new(NULL);
	log = yyjson_mut_obj(d);
	yyjson_mut_doc_set_root(d, log);
	yyjson_mut_obj_add_str(d, log, "Type", driver);
	yyjson_mut_obj_add_val(d, log, "Config", options ? yyjson_val_mut_copy(d, options) : yyjson_mut_obj(d));
	ret->log = json_text(d, false, NULL);
	return 0;
}

/* The files have names even where nothing says them. */
static int read_tls(yyjson_val *root, struct daemon_json *ret, struct err *err)
{
	const char *ca = "/etc/docker/ca.pem", *cert = "/etc/docker/cert.pem", *key = "/etc/docker/key.pem";
	bool tls = false, verify = false;
	int r = json_opt_bool(root, "tls", &tls, err);

	if (r == 0)
		r = json_opt_bool(root, "tlsverify", &verify, err);
	if (r == 0)
		r = json_opt_str(root, "tlscacert", &ca, err);
	if (r == 0)
		r = json_opt_str(root, "tlscert", &cert, err);
	if (r == 0)
		r = json_opt_str(root, "tlskey", &key, err);
	if (r < 0 || (!tls && !verify))
		return r;
	ret->tls_cert = mem_strdup(cert);
	ret->tls_key = mem_strdup(key);
	ret->ca = verify ? mem_strdup(ca) : NULL;
	return 0;
}

int daemon_json_parse(const char *text, size_t n, const char *path, struct daemon_json *ret, struct err *err)
{
	json_doc_cleanup yyjson_doc *doc = json_parse(text, n, FILE_MAX, path, err);
	yyjson_val *root = yyjson_doc_get_root(doc), *key, *value;
	size_t i, max;
	int r = 0;

	if (!doc)
		return -EINVAL;
	if (!yyjson_is_obj(root))
		return err_set(err, EINVAL, "%s: an object is needed", path);
	yyjson_obj_foreach (root, i, max, key, value) {
		r = judge(path, yyjson_get_str(key), value, ret, err);
		if (r < 0)
			return r;
	}
	r = json_opt_strv(root, "hosts", &ret->hosts, err);
	if (r == 0)
		r = read_tls(root, ret, err);
	if (r == 0)
		r = read_level(root, ret, err);
	if (r == 0)
		r = read_log(root, ret, err);
	return r < 0 ? err_wrap(err, "%s", path) : 0;
}

int daemon_json_read(const char *path, struct daemon_json *ret, struct err *err)
{
	mem_cleanup char *text = NULL;
	size_t n;
	int r = fs_read(AT_FDCWD, path, FILE_MAX, &text, &n, err);

	return r < 0 ? r : daemon_json_parse(text, n, path, ret, err);
}

void daemon_json_free(struct daemon_json *d)
{
	mem_strv_free(d->hosts);
	mem_strv_free(d->told);
	free(d->tls_cert);
	free(d->tls_key);
	free(d->ca);
	free(d->log);
	*d = (struct daemon_json)DAEMON_JSON_INIT;
}
