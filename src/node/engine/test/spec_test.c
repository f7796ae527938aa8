/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/err.h"
#include "base/core/mem.h"
#include "base/wire/json.h"
#include "node/engine/health.h"
#include "node/engine/spec.h"
#include "node/image/image.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include <cmocka.h>

static yyjson_doc *doc_of(const char *text)
{
	struct err err = ERR_INIT;
	yyjson_doc *doc = json_parse(text, strlen(text), 1u << 24, "spec", &err);

	if (!doc)
		fail_msg("%s: %s", text, err.text);
	return doc;
}

#define I "\"image\":\"a\""

struct refusal {
	const char *json, *error;
};

static void refuse(const struct refusal *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		json_doc_cleanup yyjson_doc *doc = doc_of(rows[i].json);
		struct err err = ERR_INIT;
		struct spec s;

		if (spec_parse(yyjson_doc_get_root(doc), &s, &err) >= 0 || !strstr(err.text, rows[i].error))
			fail_msg("%s: \"%s\" does not say \"%s\"", rows[i].json, err.text, rows[i].error);
		spec_free(&s);
	}
}

static void test_refused(void **state)
{
	static const struct refusal rows[] = {
	    {"[]", "an object is needed"},
	    {"{}", "image is missing"},
	    {"{\"image\":7}", "image: a string is needed"},
	    {"{\"image\":\"\"}", "image is missing"},
	    {"{" I ",\"x\":1}", "unknown member \"x\""},
	    /* Programs of the machine are nobody's to ask for (devhook.h). */
	    {"{" I ",\"hooks\":[{\"hookName\":\"poststop\",\"path\":\"/bin/sh\"}]}", "unknown member \"hooks\""},
	    {"{" I ",\"command\":[\"a\"],\"command\":[\"b\"]}", "member \"command\" appears twice"},
	    {"{" I ",\"command\":\"ls\"}", "command: a list is needed"},
	    {"{" I ",\"command\":[1]}", "command: a list of strings"},
	    {"{" I ",\"environment\":[\"\"]}", "environment: \"\" is not of the form NAME=value"},
	    {"{" I ",\"environment\":[\"=A\"]}", "environment"},
	    {"{" I ",\"name\":\"-a\"}", "name \"-a\""},
	    {"{" I ",\"name\":\"a/b\"}", "name \"a/b\""},
	    {"{" I ",\"key\":\"\"}", "key"},
	    {"{" I ",\"working_dir\":\"x\"}", "working_dir \"x\" is not an absolute path"},
	    {"{" I ",\"stop_signal\":\"SIGNOPE\"}", "stop_signal: \"SIGNOPE\" is not a signal"},
	    {"{" I ",\"stop_signal\":\"65\"}", "stop_signal"},
	    {"{" I ",\"limit_memory\":-1}", "limit_memory"},
	    {"{" I ",\"limit_cpu_milli\":5}", "limit_cpu_milli"},
	    {"{" I ",\"mounts\":{}}", "mounts: a list is needed"},
	    {"{" I ",\"mounts\":[{\"type\":\"x\",\"target\":\"/a\"}]}", "mounts.0: type: \"x\""},
	    {"{" I ",\"mounts\":[{\"type\":\"tmpfs\",\"target\":\"a\"}]}",
	     "mounts.0: target \"a\" is not an absolute path"},
	    {"{" I ",\"mounts\":[{\"type\":\"tmpfs\",\"target\":\"/a/../b\"}]}", "holds \"..\""},
	    {"{" I ",\"mounts\":[{\"type\":\"tmpfs\",\"target\":\"/./\"}]}", "is the root of the container"},
	    {"{" I ",\"mounts\":[{\"type\":\"tmpfs\"}]}", "target is missing"},
	    {"{" I ",\"mounts\":[{\"type\":\"bind\",\"source\":\"x\",\"target\":\"/a\"}]}",
	     "source \"x\" is not an absolute path"},
	    {"{" I ",\"mounts\":[{\"type\":\"volume\",\"source\":\"../x\",\"target\":\"/a\"}]}",
	     "is not a volume's name"},
	    {"{" I ",\"mounts\":[{\"type\":\"bind\",\"source\":\"/x\",\"target\":\"/a\",\"rw\":1}]}",
	     "mounts.0: unknown member \"rw\""},
	    {"{" I ",\"files\":[{\"target\":\"/a\",\"base64\":\"a\"}]}", "files.0: base64"},
	    {"{" I ",\"files\":[{\"target\":\"/a\",\"base64\":\"a?==\"}]}", "wrong character at 1"},
	    {"{" I ",\"spaces\":[{\"name\":\"s\",\"path\":\"x\"}]}", "spaces.0"},
	    {"{" I ",\"stage_in\":[{\"space\":\"s\"}]}", "stage_in.0: space \"s\" is not among spaces"},
	    {"{" I
	     ",\"spaces\":[{\"name\":\"s\",\"path\":\"/x\"}],\"stage_out\":[{\"space\":\"s\",\"include\":[\"../y\"]}]}",
	     "stage_out.0"},
	    {"{" I ",\"healthcheck\":{\"test\":[\"true\"]}}", "healthcheck: test"},
	    {"{" I ",\"healthcheck\":{\"test\":[\"CMD\"]}}", "healthcheck: test"},
	    {"{" I ",\"labels\":{\"a\":1}}", "labels: \"a\" is not a string"},
	    {"{" I ",\"log\":{\"max_files\":0}}", "log: max_files"},
	};

	(void)state;
	refuse(rows, sizeof rows / sizeof *rows);
}

static void test_refused_kernel(void **state)
{
	static const struct refusal rows[] = {
	    {"{" I ",\"log\":{\"driver\":\"gelf\"}}", "log: driver: \"gelf\" is not known"},
	    {"{" I ",\"log\":{\"options\":{\"a\":1}}}", "log: options: \"a\" is not a string"},
	    {"{" I ",\"restart\":{\"policy\":\"never\"}}", "restart: policy: \"never\" is not known"},
	    {"{" I ",\"restart\":{\"policy\":\"always\",\"max_retries\":1}}", "restart: max_retries"},
	    {"{" I ",\"stop_timeout\":-2}", "stop_timeout"},
	    {"{" I ",\"init\":1}", "init: "},
	    {"{" I ",\"pid_mode\":\"none\"}", "pid_mode: \"none\" is not possible"},
	    {"{" I ",\"pid_mode\":\"container:\"}", "pid_mode: \"\" is not a name"},
	    {"{" I ",\"uts_mode\":\"container:a\"}", "uts_mode: \"container:a\" is not possible"},
	    {"{" I ",\"network_mode\":\"a/b\"}", "network_mode: \"a/b\" is not a name"},
	    {"{" I ",\"devices\":[{\"path_on_host\":\"x\"}]}", "devices.0: path_on_host \"x\""},
	    {"{" I ",\"devices\":[{\"path_on_host\":\"/x\",\"path_in_container\":\"/../x\"}]}", "devices.0: target"},
	    {"{" I ",\"devices\":[{\"path_on_host\":\"/x\",\"permissions\":\"rx\"}]}", "permissions \"rx\""},
	    {"{" I ",\"ulimits\":[{\"name\":\"nofile\",\"soft\":2,\"hard\":1}]}",
	     "ulimits.0: the soft limit of nofile"},
	    {"{" I ",\"ulimits\":[{\"name\":\"nofile\",\"soft\":-1,\"hard\":1}]}", "above the hard one"},
	    {"{" I ",\"ulimits\":[{\"soft\":1}]}", "ulimits.0: name is missing"},
	    {"{" I ",\"sysctls\":{\"net.a\":1}}", "sysctls: \"net.a\" is not a string"},
	    {"{" I ",\"sysctls\":{\"net/../a\":\"1\"}}", "is not the name of a parameter"},
	    {"{" I ",\"sysctls\":[]}", "sysctls: an object is needed"},
	    {"{" I ",\"blkio_device_read_bps\":[{\"path\":\"sda\",\"rate\":1}]}",
	     "blkio_device_read_bps.0: path \"sda\""},
	    {"{" I ",\"blkio_weight_device\":[{\"path\":\"/dev/sda\",\"rate\":1}]}", "unknown member \"rate\""},
	    {"{" I ",\"cpuset_cpus\":\"0-x\"}", "cpuset_cpus: \"0-x\""},
	    {"{" I ",\"console_size\":[1]}", "console_size"},
	    {"{" I ",\"console_size\":[1,70000]}", "console_size"},
	    {"{" I ",\"cgroup_parent\":\"/a/../b\"}", "cgroup_parent"},
	    {"{" I ",\"oom_score_adj\":1001}", "oom_score_adj"},
	    {"{" I ",\"networks\":{}}", "networks: a list is needed"},
	    {"{" I ",\"docker\":[]}", "docker: an object is needed"},
	    {"{" I ",\"annotations\":{\"a\":[]}}", "annotations: \"a\" is not a string"},
	    {"{" I ",\"mounts\":[{\"type\":\"tmpfs\",\"target\":\"/a\",\"propagation\":\"x\"}]}", "propagation: \"x\""},
	    {"{" I ",\"mounts\":[{\"type\":\"tmpfs\",\"target\":\"/a\",\"subpath\":\"x\"}]}",
	     "subpath is for a volume"},
	    {"{" I ",\"mounts\":[{\"type\":\"volume\",\"source\":\"v\",\"target\":\"/a\",\"subpath\":\"x/../..\"}]}",
	     "holds \"..\""},
	    {"{" I ",\"mounts\":[{\"type\":\"volume\",\"source\":\"v\",\"target\":\"/a\",\"subpath\":\"/x\"}]}",
	     "is not a relative path"},
	    {"{" I ",\"mounts\":[{\"type\":\"volume\",\"source\":\"v\",\"target\":\"/a\",\"options\":[\"exec\"]}]}",
	     "options are for a tmpfs"},
	    {"{" I
	     ",\"mounts\":[{\"type\":\"bind\",\"source\":\"/v\",\"target\":\"/a\",\"read_only_recursive\":true}]}",
	     "needs read_only"},
	};

	(void)state;
	refuse(rows, sizeof rows / sizeof *rows);
}

static void test_limits(void **state)
{
	static char json[(2u << 20) + 100];
	json_doc_cleanup yyjson_doc *doc = NULL;
	struct err err = ERR_INIT;
	struct spec s;
	size_t n;

	(void)state;
	n = (size_t)snprintf(json, sizeof json, "{" I ",\"command\":[\"");
	memset(json + n, 'a', 2u << 20);
	memcpy(json + n + (2u << 20), "\"]}", 4);
	doc = doc_of(json);
	assert_int_equal(spec_parse(yyjson_doc_get_root(doc), &s, &err), -E2BIG);
	spec_free(&s);
}

static void test_defaults(void **state)
{
	json_doc_cleanup yyjson_doc *doc =
	    doc_of("{" I ",\"healthcheck\":{\"test\":[\"CMD-SHELL\",\"x\"]},\"entrypoint\":null}");
	struct err err = ERR_INIT;
	struct spec s;

	(void)state;
	assert_int_equal(spec_parse(yyjson_doc_get_root(doc), &s, &err), 0);
	assert_int_equal(s.limit_pids, 4096);
	assert_int_equal(s.stop_grace_ms, 10000);
	assert_int_equal(s.log_max_size, 100 << 20);
	assert_int_equal(s.log_max_files, 3);
	assert_null(s.entrypoint);
	assert_string_equal(s.health.test[0], "/bin/sh");
	assert_int_equal(s.health.interval_ms, 30000);
	assert_int_equal(s.health.retries, 3);
	spec_free(&s);
}

/* All that a HostConfig can say. */
static void test_whole(void **state)
{
	static const char json[] =
	    "{" I ",\"tty\":true,\"open_stdin\":true,\"console_size\":[24,80],\"init\":false,\"docker_caps\":true,"
	    "\"cap_add\":[\"ALL\"],\"no_new_privileges\":false,\"seccomp\":\"unconfined\",\"masked_paths\":[],"
	    "\"pid_mode\":\"container:c1\",\"ipc_mode\":\"shareable\",\"network_mode\":\"front\",\"uts_mode\":\"host\","
	    "\"userns_mode\":\"\",\"cgroupns_mode\":\"private\",\"cpu_shares\":512,\"memory_swap\":-1,"
	    "\"devices\":[{\"path_on_host\":\"/dev/null\"}],\"ulimits\":[{\"name\":\"core\",\"soft\":-1,\"hard\":-1}],"
	    "\"sysctls\":{\"net.ipv4.ip_forward\":\"1\"},\"blkio_device_write_iops\":[{\"path\":\"/dev/"
	    "sda\",\"rate\":9}],"
	    "\"restart\":{\"policy\":\"on-failure\",\"max_retries\":3},\"stop_timeout\":-1,"
	    "\"log\":{\"driver\":\"local\",\"options\":{\"tag\":\"x\"}},\"labels\":{\"a\":\"b\"},\"ports\":[],"
	    "\"docker\":{\"Config\":{}},\"mounts\":[{\"type\":\"bind\",\"source\":\"/a\",\"target\":\"/b\","
	    "\"propagation\":\"rslave\",\"read_only\":true,\"read_only_recursive\":true},"
	    "{\"type\":\"tmpfs\",\"target\":\"/t\",\"options\":[\"exec\",\"size=1m\"]}]}";
	json_doc_cleanup yyjson_doc *doc = doc_of(json);
	struct err err = ERR_INIT;
	struct spec s;

	(void)state;
	if (spec_parse(yyjson_doc_get_root(doc), &s, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(s.tty && s.open_stdin && !s.stdin_once && s.init_given && !s.init && s.docker_caps);
	assert_true(!s.no_new_privileges && !s.privileged && s.masked_paths && !s.masked_paths[0] && !s.readonly_paths);
	assert_int_equal(s.rows, 24);
	assert_int_equal(s.cols, 80);
	assert_int_equal(s.pid_mode.kind, SPEC_NS_CONTAINER);
	assert_string_equal(s.pid_mode.name, "c1");
	assert_int_equal(s.ipc_mode.kind, SPEC_NS_SHAREABLE);
	assert_int_equal(s.network_mode.kind, SPEC_NS_NAMED);
	assert_string_equal(s.network_mode.name, "front");
	assert_int_equal(s.uts_mode.kind, SPEC_NS_HOST);
	assert_int_equal(s.userns_mode.kind, SPEC_NS_DEFAULT);
	assert_int_equal(s.cgroupns_mode.kind, SPEC_NS_PRIVATE);
	assert_int_equal(s.cpu_shares, 512);
	assert_int_equal(s.memory_swap, -1);
	assert_true(s.cpu_quota == SPEC_UNSET && s.oom_score_adj == SPEC_UNSET && s.blkio_weight == SPEC_UNSET);
	assert_string_equal(s.devices[0].path_in_container, "/dev/null");
	assert_string_equal(s.devices[0].permissions, "rwm");
	assert_int_equal(s.ulimits[0].hard, -1);
	assert_string_equal(s.sysctls[0].value, "1");
	assert_int_equal(s.blkio_write_iops.v[0].rate, 9);
	assert_int_equal(s.restart, SPEC_RESTART_ON_FAILURE);
	assert_int_equal(s.restart_max, 3);
	assert_true(s.stop_grace_ms > 86400000);
	assert_int_equal(s.log_driver, SPEC_LOG_LOCAL);
	assert_true(s.ports && s.docker && s.labels && !s.networks);
	assert_int_equal(s.mounts[0].propagation, MS_SLAVE);
	assert_true(s.mounts[0].propagation_recursive && s.mounts[0].recursive && s.mounts[0].read_only_recursive);
	assert_string_equal(s.mounts[1].options[1], "size=1m");
	spec_free(&s);
}

static void join(char *const *v, char *out, size_t cap)
{
	size_t n = 0;

	*out = '\0';
	for (; v && *v; v++)
		n += (size_t)snprintf(out + n, cap - n, "%s%s", n ? "|" : "", *v);
}

static void test_merge(void **state)
{
	static char ep_text[] = "ep", cmd_text[] = "cmd", path[] = "PATH=/x", a[] = "A=1", bad[] = "bad", dir[] = "/w",
		    user[] = "7";
	char *ep[] = {ep_text, NULL}, *cmd[] = {cmd_text, NULL}, *env[] = {path, a, bad, NULL};
	struct image_info full = {.entrypoint = ep, .cmd = cmd, .env = env, .working_dir = dir, .user = user},
			  empty = {0};
	static const struct {
		const char *json;
		bool full;
		const char *argv, *env, *dir, *user;
	} rows[] = {
	    {"{" I "}", true, "ep|cmd", "PATH=/x|HOSTNAME=h|A=1", "/w", "7"},
	    {"{" I ",\"command\":[\"c\"]}", true, "ep|c", "PATH=/x|HOSTNAME=h|A=1", "/w", "7"},
	    {"{" I ",\"entrypoint\":[\"e\"]}", true, "e", "PATH=/x|HOSTNAME=h|A=1", "/w", "7"},
	    {"{" I ",\"entrypoint\":[],\"command\":[\"c\"]}", true, "c", "PATH=/x|HOSTNAME=h|A=1", "/w", "7"},
	    {"{" I ",\"command\":[\"c\"],\"environment\":[\"A=2\",\"A=3\",\"HOSTNAME=n\"],\"user\":\"0\",\"working_"
	     "dir\":\"/\"}",
	     true, "ep|c", "PATH=/x|HOSTNAME=n|A=3", "/", "0"},
	    {"{" I ",\"environment\":[\"B=1\",\"A\",\"HOST\",\"PATH\",\"PATH=2\",\"B\"]}", true, "ep|cmd",
	     "HOSTNAME=h|PATH=2", "/w", "7"},
	    {"{" I ",\"command\":[\"c\"]}", false, "c",
	     "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin|HOSTNAME=h", NULL, NULL},
	    {"{" I
	     ",\"command\":[\"c\"],\"spaces\":[{\"name\":\"s\",\"path\":\"/x\"}],\"stage_in\":[{\"space\":\"s\"}]}",
	     true, "ep|c", "PATH=/x|HOSTNAME=h|A=1", "/work", "7"},
	    {"{" I "}", false, NULL, NULL, NULL, NULL},
	    {"{" I ",\"entrypoint\":[]}", true, NULL, NULL, NULL, NULL},
	    {"{" I ",\"command\":[\"\"]}", false, NULL, NULL, NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		json_doc_cleanup yyjson_doc *doc = doc_of(rows[i].json);
		struct spec_command c;
		struct err err = ERR_INIT;
		struct spec s;
		char text[512];
		int r;

		assert_int_equal(spec_parse(yyjson_doc_get_root(doc), &s, &err), 0);
		r = spec_merge(&s, rows[i].full ? &full : &empty, "h", &c, &err);
		assert_int_equal(r, rows[i].argv ? 0 : -EINVAL);
		if (rows[i].argv) {
			join(c.argv, text, sizeof text);
			assert_string_equal(text, rows[i].argv);
			join(c.env, text, sizeof text);
			assert_string_equal(text, rows[i].env);
			assert_int_equal(c.working_dir != NULL, rows[i].dir != NULL);
			if (rows[i].dir)
				assert_string_equal(c.working_dir, rows[i].dir);
			assert_int_equal(c.user != NULL, rows[i].user != NULL);
			assert_int_equal(c.stop_signal, SIGTERM);
			spec_command_free(&c);
		}
		spec_free(&s);
	}
}

static void test_signals(void **state)
{
	static const struct {
		const char *text;
		int number;
	} rows[] = {{"TERM", SIGTERM},	{"SIGKILL", SIGKILL}, {"sigusr1", SIGUSR1},  {"15", 15},     {"64", 64},
		    {"SIGRTMIN+3", 37}, {"rtmax-1", 63},      {"RTMIN+31", -EINVAL}, {"0", -EINVAL}, {"65", -EINVAL},
		    {"", -EINVAL},	{"SIG", -EINVAL},     {"9x", -EINVAL}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(spec_signal(rows[i].text, NULL), rows[i].number);
}

static void test_base64(void **state)
{
	static const struct {
		const char *text, *data;
	} rows[] = {{"", ""},	 {"Zg==", "f"}, {"Zm8=", "fo"}, {"Zm9v", "foo"}, {"Zm9vYg==", "foob"},
		    {"Z", NULL}, {"Zg=", NULL}, {"Zg=a", NULL}, {"Z===", NULL},	 {"====", NULL}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		mem_cleanup unsigned char *data = NULL;
		size_t n = 0;
		int r = spec_base64(rows[i].text, &data, &n, NULL);

		assert_int_equal(r, rows[i].data ? 0 : -EINVAL);
		if (rows[i].data) {
			assert_int_equal(n, strlen(rows[i].data));
			assert_memory_equal(data, rows[i].data, n);
		}
	}
}

/* Docker's rules as a story: results of checks, one a second, and the state after each. */
static void test_health(void **state)
{
	static const struct {
		int64_t start_period_ms;
		const char *results, *states; /* + good, - bad; s starting, h healthy, u unhealthy */
	} rows[] = {
	    {0, "-", "s"},	    {0, "--", "su"},	      {0, "-+", "sh"},	    {0, "+-+--+", "hhhhuh"},
	    {3500, "---+", "sssh"}, {3500, "-----", "ssssu"}, {3500, "+--", "hhu"},
	};
	static const char letters[] = {
	    [ENGINE_HEALTH_STARTING] = 's', [ENGINE_HEALTHY] = 'h', [ENGINE_UNHEALTHY] = 'u'};
	static char command[] = "x";
	char *test[] = {command, NULL};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct spec_health spec = {.test = test,
					   .interval_ms = 1000,
					   .timeout_ms = 1000,
					   .retries = 2,
					   .start_period_ms = rows[i].start_period_ms,
					   .start_interval_ms = 500};
		struct health h;

		health_init(&h);
		assert_int_equal(health_due(&h), INT64_MAX);
		health_start(&h, &spec, 0);
		assert_int_equal(health_due(&h), rows[i].start_period_ms ? 500 : 1000);
		for (size_t n = 0; rows[i].results[n]; n++) {
			(void)health_result(&h, rows[i].results[n] == '+', (int64_t)(n + 1) * 1000);
			assert_int_equal(letters[h.state], rows[i].states[n]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refused),  cmocka_unit_test(test_refused_kernel), cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_defaults), cmocka_unit_test(test_merge),	    cmocka_unit_test(test_signals),
	    cmocka_unit_test(test_base64),   cmocka_unit_test(test_health),	    cmocka_unit_test(test_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
