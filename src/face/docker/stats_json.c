/* SPDX-License-Identifier: Apache-2.0
 *
 * Figures in the words of Docker's API. Clients compute percentages from two of them, so the second holds the first.
 */
#include "face/docker/stats_json.h"

#include "base/core/clock.h"
#include "base/core/mem.h"
#include "node/engine/engine.h"
#include "node/engine/stats.h"

#include <string.h>

#define NEVER "0001-01-01T00:00:00Z"

void stats_keep(struct stats_before *b, const struct stats *s)
{
	free(b->per_cpu_ns);
	*b = (struct stats_before){
	    .read_ns = s->read_ns,
	    .total_ns = s->cpu_total_ns,
	    .user_ns = s->cpu_user_ns,
	    .kernel_ns = s->cpu_kernel_ns,
	    .system_ns = s->cpu_system_ns,
	    .n_cpus = s->n_cpus,
	    .periods = s->periods,
	    .throttled_periods = s->throttled_periods,
	    .throttled_ns = s->throttled_ns,
	    .per_cpu_ns = s->n_per_cpu ? mem_dup(s->per_cpu_ns, s->n_per_cpu * sizeof *s->per_cpu_ns) : NULL,
	    .n_per_cpu = s->n_per_cpu,
	};
}

void stats_before_free(struct stats_before *b)
{
	free(b->per_cpu_ns);
	*b = (struct stats_before){.read_ns = 0};
}

static void add_time(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, int64_t ns)
{
	char text[CLOCK_TEXT_NS_MAX];

	if (ns)
		yyjson_mut_obj_add_strcpy(d, o, key,
					  clock_format_ns(ns / 1000000000, (unsigned)(ns % 1000000000), text));
	else
		yyjson_mut_obj_add_str(d, o, key, NEVER);
}

static void add_cpu(yyjson_mut_doc *d, yyjson_mut_val *root, const char *key, const struct stats_before *b)
{
	yyjson_mut_val *o = yyjson_mut_obj_add_obj(d, root, key), *usage = yyjson_mut_obj_add_obj(d, o, "cpu_usage"),
		       *list;

	yyjson_mut_obj_add_uint(d, usage, "total_usage", b->total_ns);
	if (b->n_per_cpu) {
		list = yyjson_mut_obj_add_arr(d, usage, "percpu_usage");
		for (size_t i = 0; i < b->n_per_cpu; i++)
			yyjson_mut_arr_add_uint(d, list, b->per_cpu_ns[i]);
	}
	yyjson_mut_obj_add_uint(d, usage, "usage_in_kernelmode", b->kernel_ns);
	yyjson_mut_obj_add_uint(d, usage, "usage_in_usermode", b->user_ns);
	if (b->system_ns)
		yyjson_mut_obj_add_uint(d, o, "system_cpu_usage", b->system_ns);
	if (b->n_cpus)
		yyjson_mut_obj_add_uint(d, o, "online_cpus", b->n_cpus);
	list = yyjson_mut_obj_add_obj(d, o, "throttling_data");
	yyjson_mut_obj_add_uint(d, list, "periods", b->periods);
	yyjson_mut_obj_add_uint(d, list, "throttled_periods", b->throttled_periods);
	yyjson_mut_obj_add_uint(d, list, "throttled_time", b->throttled_ns);
}

static void add_memory(yyjson_mut_doc *d, yyjson_mut_val *root, const struct stats *s)
{
	yyjson_mut_val *o = yyjson_mut_obj_add_obj(d, root, "memory_stats"), *all;

	if (!s->running)
		return;
	yyjson_mut_obj_add_uint(d, o, "usage", s->memory_usage);
	if (!s->v2 && s->memory_peak)
		yyjson_mut_obj_add_uint(d, o, "max_usage", s->memory_peak);
	all = yyjson_mut_obj_add_obj(d, o, "stats");
	for (size_t i = 0; i < s->n_memory; i++)
		yyjson_mut_obj_add(all, yyjson_mut_strcpy(d, s->memory[i].name),
				   yyjson_mut_uint(d, s->memory[i].value));
	if (s->memory_failures && s->memory_failures != UINT64_MAX)
		yyjson_mut_obj_add_uint(d, o, "failcnt", s->memory_failures);
	yyjson_mut_obj_add_uint(d, o, "limit", s->memory_limit);
}

static void add_list(yyjson_mut_doc *d, yyjson_mut_val *o, const char *key, const struct stats *s,
		     enum stats_block_list list)
{
	yyjson_mut_val *to = NULL;

	for (size_t i = 0; i < s->n_block; i++) {
		const struct stats_block *b = &s->block[i];
		yyjson_mut_val *one;

		if (b->list != list)
			continue;
		to = to ? to : yyjson_mut_obj_add_arr(d, o, key);
		one = yyjson_mut_arr_add_obj(d, to);
		yyjson_mut_obj_add_uint(d, one, "major", b->major);
		yyjson_mut_obj_add_uint(d, one, "minor", b->minor);
		yyjson_mut_obj_add_str(d, one, "op", b->op);
		yyjson_mut_obj_add_uint(d, one, "value", b->value);
	}
	if (!to)
		yyjson_mut_obj_add_null(d, o, key);
}

static void add_block(yyjson_mut_doc *d, yyjson_mut_val *root, const struct stats *s)
{
	static const char *const nothing[] = {"io_queue_recursive",	"io_service_time_recursive",
					      "io_wait_time_recursive", "io_merged_recursive",
					      "io_time_recursive",	"sectors_recursive"};
	yyjson_mut_val *o = yyjson_mut_obj_add_obj(d, root, "blkio_stats");

	add_list(d, o, "io_service_bytes_recursive", s, STATS_BLOCK_BYTES);
	add_list(d, o, "io_serviced_recursive", s, STATS_BLOCK_COUNT);
	for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
		yyjson_mut_obj_add_null(d, o, nothing[i]);
}

static void add_pids(yyjson_mut_doc *d, yyjson_mut_val *root, const struct stats *s)
{
	yyjson_mut_val *o = yyjson_mut_obj_add_obj(d, root, "pids_stats");

	if (!s->running)
		return;
	yyjson_mut_obj_add_uint(d, o, "current", s->pids);
	yyjson_mut_obj_add_uint(d, o, "limit", s->pids_limit);
}

static void add_networks(yyjson_mut_doc *d, yyjson_mut_val *root, const struct stats *s)
{
	yyjson_mut_val *all;

	if (!s->has_network)
		return;
	all = yyjson_mut_obj_add_obj(d, root, "networks");
	for (size_t n = 0; n < s->n_interfaces; n++) {
		const struct stats_interface *i = &s->interfaces[n];
		yyjson_mut_val *o = yyjson_mut_obj(d);

		yyjson_mut_obj_add(all, yyjson_mut_strcpy(d, i->name), o);
		yyjson_mut_obj_add_uint(d, o, "rx_bytes", i->rx_bytes);
		yyjson_mut_obj_add_uint(d, o, "rx_packets", i->rx_packets);
		yyjson_mut_obj_add_uint(d, o, "rx_errors", i->rx_errors);
		yyjson_mut_obj_add_uint(d, o, "rx_dropped", i->rx_dropped);
		yyjson_mut_obj_add_uint(d, o, "tx_bytes", i->tx_bytes);
		yyjson_mut_obj_add_uint(d, o, "tx_packets", i->tx_packets);
		yyjson_mut_obj_add_uint(d, o, "tx_errors", i->tx_errors);
		yyjson_mut_obj_add_uint(d, o, "tx_dropped", i->tx_dropped);
	}
}

char *stats_json(const struct engine_container *c, const struct stats *s, const struct stats_before *before)
{
	json_mut_cleanup yyjson_mut_doc *d = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(d);
	struct stats_before now = {.read_ns = 0};
	mem_cleanup char *name = mem_printf("/%s", c->name);

	yyjson_mut_doc_set_root(d, root);
	stats_keep(&now, s);
	add_time(d, root, "read", s->read_ns);
	add_time(d, root, "preread", before->read_ns);
	add_pids(d, root, s);
	add_block(d, root, s);
	yyjson_mut_obj_add_uint(d, root, "num_procs", 0);
	yyjson_mut_obj_add_obj(d, root, "storage_stats");
	add_cpu(d, root, "cpu_stats", &now);
	add_cpu(d, root, "precpu_stats", before);
	add_memory(d, root, s);
	yyjson_mut_obj_add_strcpy(d, root, "name", name);
	yyjson_mut_obj_add_strcpy(d, root, "id", c->id);
	add_networks(d, root, s);
	stats_before_free(&now);
	return json_text(d, false, NULL);
}
