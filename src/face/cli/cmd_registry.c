/* SPDX-License-Identifier: Apache-2.0
 *
 * registry: the server of images, and what can be done with its data without it. docs/REGISTRY.md is its manual.
 */
#include "face/cli/command.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/log.h"
#include "base/core/mem.h"
#include "base/core/notify.h"
#include "base/wire/json.h"
#include "face/cli/local_store.h"
#include "face/cli/show.h"
#include "face/cli/table.h"
#include "face/cli/text.h"
#include "node/depot/depot.h"
#include "node/depot/serve.h"

#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPOS_MAX 100000u
#define TAGS_MAX 100000u
/* Two of the largest manifests. */
#define MIRROR_LEAST (8ull << 20)

struct serve_values {
	struct serve_options o; /* what needs no conversion is filled in directly */
	const char *data;
	uint64_t uploads_max, connections, upload_ttl_ms, gc_every_ms, gc_grace_ms, mirror_keep_ms, patience_ms, level;
};
#define AT(member) offsetof(struct serve_values, member)
static const struct option_spec serve_specs[] = {
    {"addr", 0, OPTION_TEXT, AT(o.address), "HOST:PORT", "where it listens (default 127.0.0.1:5000)"},
    {"data", 0, OPTION_TEXT, AT(data), "DIR", "directory of its state (default: registry in berth's)"},
    {"tls-cert", 0, OPTION_TEXT, AT(o.tls_cert), "FILE", "PEM certificate, with those that lead to its root"},
    {"tls-key", 0, OPTION_TEXT, AT(o.tls_key), "FILE", "its PEM key"},
    {"tls-client-ca", 0, OPTION_TEXT, AT(o.tls_client_ca), "FILE", "clients need a certificate of it"},
    {"htpasswd", 0, OPTION_TEXT, AT(o.htpasswd), "FILE", "users with bcrypt passwords (htpasswd -B)"},
    {"token-realm", 0, OPTION_TEXT, AT(o.token_realm), "URL", "where clients get tokens"},
    {"token-service", 0, OPTION_TEXT, AT(o.token_service), "NAME", "of this registry, in tokens"},
    {"token-issuer", 0, OPTION_TEXT, AT(o.token_issuer), "NAME", "who signs tokens"},
    {"token-keys", 0, OPTION_TEXT, AT(o.token_keys), "FILE", "his PEM certificates or public keys, or a JWKS"},
    {"anonymous-pull", 0, OPTION_FLAG, AT(o.anonymous_pull), NULL, "reading needs no login"},
    {"mirror", 0, OPTION_TEXT, AT(o.mirror), "REGISTRY",
     "keep what is asked for of another registry, and nothing else"},
    {"mirror-keep", 0, OPTION_TIME, AT(mirror_keep_ms), "TIME",
     "forget what nobody asked for so long (default 7d, 0: never)"},
    {"read-only", 0, OPTION_FLAG, AT(o.read_only), NULL, "nothing can be pushed or deleted"},
    {"delete", 0, OPTION_FLAG, AT(o.deletes), NULL, "tags, manifests and blobs can be deleted"},
    {"max-blob", 0, OPTION_SIZE, AT(o.blob_max), "SIZE", "of one blob (default 32GiB)"},
    {"quota", 0, OPTION_SIZE, AT(o.quota), "SIZE", "of all blobs together (default: as the disk has)"},
    {"max-uploads", 0, OPTION_COUNT, AT(uploads_max), "N", "that are open at a time (default 1000)"},
    {"upload-ttl", 0, OPTION_TIME, AT(upload_ttl_ms), "TIME", "of an upload that nobody goes on with (default 6h)"},
    {"max-connections", 0, OPTION_COUNT, AT(connections), "N", "at a time (default 1024)"},
    {"patience", 0, OPTION_TIME, AT(patience_ms), "TIME", "with a client that says or takes nothing (default 60s)"},
    {"gc-every", 0, OPTION_TIME, AT(gc_every_ms), "TIME", "collect garbage so often (default 6h, 0: never)"},
    {"gc-grace", 0, OPTION_TIME, AT(gc_grace_ms), "TIME", "younger things are no garbage (default 2h)"},
    {"log-level", 0, OPTION_LEVEL, AT(level), "LEVEL", "error, warning, info (default) or debug"},
    {NULL},
};
static const struct serve_values serve_defaults = {
    .o = {.address = "127.0.0.1:5000", .blob_max = 32ull << 30},
    .uploads_max = 1000,
    .connections = 1024,
    .upload_ttl_ms = 6 * 3600 * 1000ull,
    .gc_every_ms = 6 * 3600 * 1000ull,
    .gc_grace_ms = DEPOT_GRACE_MS,
    .patience_ms = 60 * 1000,
    .mirror_keep_ms = 7 * 24 * 3600 * 1000ull,
    .level = LOG_INFO,
};

/* `given`, or `otherwise` in the directory of berth's state. */
static int find_data(struct cli *cli, const char *given, const char *otherwise, char **ret, struct err *err)
{
	mem_cleanup char *base = NULL;
	int r;

	if (given)
		return local_store_data(cli, given, ret, err);
	r = local_store_data(cli, NULL, &base, err);
	if (r == 0)
		*ret = mem_printf("%s/%s", base, otherwise);
	return r;
}

static int check_options(const struct serve_values *v, struct err *err)
{
	const struct serve_options *o = &v->o;
	const char *const token[] = {o->token_realm, o->token_service, o->token_issuer, o->token_keys};
	size_t given = 0;

	for (size_t i = 0; i < sizeof token / sizeof *token; i++)
		given += token[i] != NULL;
	if (given != 0 && given != sizeof token / sizeof *token)
		return err_set(err, EINVAL,
			       "tokens need all four: --token-realm, --token-service, --token-issuer, --token-keys");
	if (given && o->htpasswd)
		return err_set(err, EINVAL, "either --htpasswd or tokens, not both");
	if (!o->tls_cert != !o->tls_key)
		return err_set(err, EINVAL, "TLS needs both --tls-cert and --tls-key");
	if (o->tls_client_ca && !o->tls_cert)
		return err_set(err, EINVAL, "--tls-client-ca needs --tls-cert and --tls-key");
	if (o->mirror && (o->read_only || o->deletes))
		return err_set(err, EINVAL,
			       "a mirror takes nothing and deletes nothing for others: --read-only and --delete do not "
			       "go with --mirror");
	if (o->mirror && o->quota && o->quota < MIRROR_LEAST)
		return err_set(err, EINVAL, "--quota of a mirror is at least %llu MiB", MIRROR_LEAST >> 20);
	if (v->uploads_max < 1 || v->uploads_max > 1000000)
		return err_set(err, EINVAL, "--max-uploads is a number from 1 to 1000000");
	if (v->patience_ms < 1)
		return err_set(err, EINVAL, "--patience is a time, 1ms at the least");
	if (v->connections < 1 || v->connections > 100000)
		return err_set(err, EINVAL, "--max-connections is a number from 1 to 100000");
	return 0;
}

static void is_ready(void *ctx, const char *address)
{
	const struct serve_options *o = ctx;

	text_line(stdout, "berth registry is up: %s://%s, data %s", o->tls_cert ? "https" : "http", address, o->data);
	(void)fflush(stdout);
	notify_manager("READY=1");
}

static int serve_values_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	struct serve_values *v = values;
	struct serve_options *o = &v->o;
	mem_cleanup char *data = NULL;
	int r = check_options(v, err);

	(void)operands;
	if (r == 0)
		r = find_data(cli, v->data, o->mirror ? "mirror" : "registry", &data, err);
	if (r < 0)
		return r;
	o->data = data;
	o->uploads_max = (unsigned)v->uploads_max;
	o->connections = (unsigned)v->connections;
	o->upload_ttl_ms = (int64_t)v->upload_ttl_ms;
	o->gc_every_ms = (int64_t)v->gc_every_ms;
	o->gc_grace_ms = (int64_t)v->gc_grace_ms;
	o->patience_ms = (int64_t)v->patience_ms;
	o->mirror_keep_ms = (int64_t)v->mirror_keep_ms;
	mallopt(M_ARENA_MAX, 2);
	signal(SIGPIPE, SIG_IGN);
	umask(077);
	log_begin();
	log_set_level((enum log_level)v->level);
	r = serve_run(o, is_ready, o, err);
	notify_manager("STOPPING=1");
	return r < 0 ? r : CLI_OK;
}

const struct cli_command command_registry = {
    .name = "registry",
    .usage = "",
    .summary = "Serve images to others (the OCI distribution protocol)",
    .detail =
	"Stays in the foreground until SIGINT or SIGTERM. Without --htpasswd or tokens everybody who reaches the\n"
	"address may do everything. docs/REGISTRY.md tells of settings and limits.",
    .examples = "  berth registry\n"
		"  berth registry --addr :443 --tls-cert reg.crt --tls-key reg.key --htpasswd users --anonymous-pull\n"
		"  berth registry --mirror docker.io --quota 50GiB   # pulls of its images go through a cache\n"
		"  berth registry ls           # what is in it\n  berth registry gc           # collect garbage now",
    .options = serve_specs,
    .values_size = sizeof(struct serve_values),
    .defaults = &serve_defaults,
    .run = serve_values_run,
};

/* ---- ls ---- */

struct ls_values {
	const char *data;
	bool json;
};
static const struct option_spec ls_specs[] = {
    {"data", 0, OPTION_TEXT, offsetof(struct ls_values, data), "DIR",
     "directory of its state (default: registry in berth's)"},
    {"json", 0, OPTION_FLAG, offsetof(struct ls_values, json), NULL, "print JSON"},
    {NULL},
};
static const struct table_column ls_columns[] = {{.title = "REPOSITORY", .least = 16},
						 {.title = "TAG"},
						 {.title = "DIGEST"},
						 {.title = "SIZE", .right = true},
						 {.title = NULL}};

static int open_depot(struct cli *cli, const char *given, struct depot **ret, struct err *err)
{
	mem_cleanup char *data = NULL;
	struct stat st;
	int r = find_data(cli, given, "registry", &data, err);

	if (r < 0 || !data)
		return r;
	if (stat(data, &st) < 0)
		return err_sys(err, errno, "open the registry's data \"%s\"", data);
	return depot_open(data, false, 0, ret, err);
}

static void depot_closep(struct depot **d)
{
	depot_close(*d);
}

static void list_one(struct table *t, const char *repo, yyjson_doc *doc)
{
	char size[TEXT_MAX];
	yyjson_val *image;
	size_t i, n;

	yyjson_arr_foreach (yyjson_doc_get_root(doc), i, n, image) {
		mem_cleanup char *id = text_id(show_str(image, "digest", ""));

		table_cell(t, repo);
		table_cell(t, show_str(image, "tag", ""));
		table_cell(t, id);
		table_cell(t, text_size(size, (uint64_t)show_int(image, "size", 0)));
	}
}

static int ls_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct ls_values *v = values;
	struct depot *d cleanup_with(depot_closep) = NULL;
	struct table *t cleanup_with(table_freep) = table_new(ls_columns);
	struct buf all buf_cleanup = BUF_INIT;
	char **repos cleanup_with(mem_strv_freep) = NULL;
	bool more;
	int r = open_depot(cli, v->data, &d, err);

	if (r == 0)
		r = depot_repos(d, operands[0], NULL, REPOS_MAX, &repos, &more, err);
	for (char **repo = repos; r == 0 && *repo; repo++) {
		struct buf tags buf_cleanup = BUF_INIT;
		mem_cleanup char *list = NULL;
		yyjson_doc *doc json_doc_cleanup = NULL;

		r = depot_images(d, *repo, TAGS_MAX, &tags, err);
		list = mem_printf("[%s]", buf_str(&tags));
		buf_printf(&all, "%s{\"name\":\"%s\",\"tags\":%s}", all.len ? "," : "", *repo, list);
		doc = r == 0 ? json_parse(list, tags.len + 2, tags.len + 2, *repo, err) : NULL;
		if (doc)
			list_one(t, *repo, doc);
	}
	if (r < 0)
		return r;
	if (v->json)
		printf("{\"repositories\":[%s]}\n", buf_str(&all));
	else
		table_print(t);
	return CLI_OK;
}

const struct cli_command command_registry_ls = {
    .name = "registry ls",
    .group = "registry",
    .usage = "[WORD]",
    .summary = "List the images of the registry on this machine",
    .detail =
	"The size is what a pull fetches. WORD is a part of the repository's name. The server itself tells the same\n"
	"under /v1/images.",
    .examples = "  berth registry ls\n  berth registry ls team/ --json",
    .options = ls_specs,
    .values_size = sizeof(struct ls_values),
    .most = 1,
    .run = ls_run,
};

/* ---- gc ---- */

struct gc_values {
	const char *data;
	uint64_t grace_ms;
	bool dry_run;
};
static const struct option_spec gc_specs[] = {
    {"data", 0, OPTION_TEXT, offsetof(struct gc_values, data), "DIR",
     "directory of its state (default: registry in berth's)"},
    {"grace", 0, OPTION_TIME, offsetof(struct gc_values, grace_ms), "TIME",
     "younger things stay (default 2h); 0 only when nobody pushes"},
    {"dry-run", 'n', OPTION_FLAG, offsetof(struct gc_values, dry_run), NULL, "only say what would go"},
    {NULL},
};
static const struct gc_values gc_defaults = {.grace_ms = DEPOT_GRACE_MS};

static int gc_run(struct cli *cli, void *values, char **operands, struct err *err)
{
	const struct gc_values *v = values;
	struct depot_gc gc = {.grace_ms = (int64_t)v->grace_ms, .dry_run = v->dry_run};
	struct depot *d cleanup_with(depot_closep) = NULL;
	char size[TEXT_MAX];
	int r = open_depot(cli, v->data, &d, err);

	(void)operands;
	if (r == 0)
		r = depot_gc(d, &gc, err);
	if (r < 0)
		return r;
	text_line(stdout, "%llu blobs (%s) and %llu links %s", (unsigned long long)gc.blobs, text_size(size, gc.bytes),
		  (unsigned long long)gc.links, v->dry_run ? "would go" : "have gone");
	return CLI_OK;
}

const struct cli_command command_registry_gc = {
    .name = "registry gc",
    .group = "registry",
    .usage = "",
    .summary = "Remove blobs of the registry that no manifest needs",
    .detail = "May run beside the server. What was pushed or asked for within the time of grace stays.",
    .examples = "  berth registry gc\n  berth registry gc --data /srv/registry --grace 0s",
    .options = gc_specs,
    .values_size = sizeof(struct gc_values),
    .defaults = &gc_defaults,
    .run = gc_run,
};
