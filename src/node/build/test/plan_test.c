/* SPDX-License-Identifier: Apache-2.0 */
#include "node/build/plan.h"

#include "base/core/buf.h"
#include "base/core/err.h"
#include "base/core/mem.h"
#include "node/build/lint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct built {
	struct dockerfile *d;
	struct plan *p;
	struct err err;
	struct lint lint;
};

static void built_free(struct built *b)
{
	b->p = plan_free(b->p);
	b->d = dockerfile_free(b->d);
	lint_free(&b->lint);
}

#define BUILT __attribute__((cleanup(built_free))) struct built

/* Every base image has this config, unless its name has one of its own below. */
static const char base_config[] =
    "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Env\":[\"PATH=/bin\",\"B=base\"],"
    "\"Cmd\":[\"sh\"],\"WorkingDir\":\"/w\",\"User\":\"u\"},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":"
    "[\"sha256:aa\"]},\"history\":[{\"created\":\"2020-01-01T00:00:00Z\",\"created_by\":\"base\"}]}";
static const char trigger_config[] = "{\"config\":{\"OnBuild\":[\"COPY --from=tools /t /t\",\"RUN <<E\\nx\\nE\"]}}";
static const char bad_trigger[] = "{\"config\":{\"OnBuild\":[\"FROM x\"]}}";

static const char *config_of(const char *base)
{
	return !strcmp(base, "triggers") ? trigger_config : !strcmp(base, "badtrigger") ? bad_trigger : base_config;
}

static int make(struct built *b, const char *text, struct plan_options o)
{
	int r, i;

	b->d = dockerfile_free(b->d);
	b->p = plan_free(b->p);
	lint_free(&b->lint);
	b->err = (struct err)ERR_INIT;
	o.platform = o.platform ? o.platform : "linux/amd64";
	o.build_platform = "linux/amd64";
	o.lint = &b->lint;
	r = dockerfile_parse(text, strlen(text), "D", &b->d, &b->err);
	if (r == 0)
		r = plan_new(b->d, &o, &b->p, &b->err);
	while (r == 0 && (i = plan_next_base(b->p)) >= 0) {
		const char *config = config_of(plan_stage(b->p, i)->base);

		r = plan_set_base(b->p, i, config, strlen(config), NULL, &b->err);
	}
	return r == 0 ? plan_expand(b->p, &b->err) : r;
}

static void good(struct built *b, const char *text, struct plan_options o)
{
	if (make(b, text, o) < 0)
		fail_msg("\"%s\": %s", text, b->err.text);
}

static const struct plan_stage *target(const struct built *b)
{
	return plan_stage(b->p, plan_target(b->p));
}

static const struct plan_step *step(const struct built *b, size_t i)
{
	assert_true(i < target(b)->n_steps);
	return &target(b)->steps[i];
}

static char *joined(char *const *v)
{
	struct buf out = BUF_INIT;

	for (size_t i = 0; v && v[i]; i++)
		buf_printf(&out, "%s%s", i ? "|" : "", v[i]);
	return out.data ? buf_take(&out) : mem_strdup(v ? "" : "NULL");
}

static void assert_list(char *const *v, const char *want)
{
	mem_cleanup char *got = joined(v);

	assert_string_equal(got, want);
}

static const struct plan_options none = {0};

static void test_stages(void **state)
{
	BUILT b = {0};
	char *contexts[] = {(char[]){"ctx"}, (char[]){"repl"}, NULL};
	const struct plan_stage *s;

	(void)state;
	good(&b,
	     "ARG V=3\nFROM alpine:$V AS One\nRUN a\nFROM unused\nRUN b\nFROM ctx AS repl\nRUN gone\nFROM scratch AS "
	     "three\n"
	     "COPY --from=other:1 /a /b\nCOPY --from=0 /a /b\nFROM one\nCOPY --from=THREE /x /y\nRUN "
	     "--mount=from=repl,target=/m c\n"
	     "COPY --from=other:1 /c /d\n",
	     (struct plan_options){.contexts = contexts});
	assert_int_equal(plan_count(b.p), 6);
	assert_int_equal(plan_target(b.p), 4);
	s = plan_stage(b.p, 0);
	assert_true(s->needed && s->kind == PLAN_BASE_IMAGE);
	assert_string_equal(s->name, "one");
	assert_string_equal(s->base, "alpine:3");
	s = plan_stage(b.p, 1);
	assert_false(s->needed);
	assert_string_equal(s->label, "stage-1");
	s = plan_stage(b.p, 2);
	assert_true(s->needed && s->kind == PLAN_BASE_CONTEXT && s->n_steps == 0);
	assert_string_equal(s->base, "repl");
	s = plan_stage(b.p, 3);
	assert_int_equal(s->kind, PLAN_BASE_SCRATCH);
	assert_int_equal(s->n_deps, 2);
	assert_int_equal(s->deps[0], 5);
	assert_int_equal(s->deps[1], 0);
	s = target(&b);
	assert_int_equal(s->kind, PLAN_BASE_STAGE);
	assert_int_equal(s->base_stage, 0);
	assert_int_equal(s->n_deps, 3);
	assert_true(plan_stage(b.p, 5)->implicit);
	assert_string_equal(plan_stage(b.p, 5)->base, "other:1");
	assert_int_equal(step(&b, 1)->run->mounts[0].from, 2);
}

static void test_target(void **state)
{
	BUILT b = {0};
	static const char text[] = "FROM a AS one\nRUN x\nFROM b AS two\nRUN y\nFROM one AS three\nRUN $TARGETSTAGE";

	(void)state;
	good(&b, text, (struct plan_options){.target = "TWO"});
	assert_false(plan_stage(b.p, 0)->needed);
	assert_string_equal(step(&b, 0)->text, "RUN y");
	good(&b, text, (struct plan_options){.target = "0"});
	assert_int_equal(plan_target(b.p), 0);
	assert_int_equal(make(&b, text, (struct plan_options){.target = "thre"}), -EINVAL);
	assert_string_equal(b.err.text, "D: there is no stage \"thre\" to build (did you mean three?)");
}

/* Global ARG, its use in a stage, build arguments, ENV over ARG, what a later stage inherits. */
static void test_args(void **state)
{
	BUILT b = {0};
	char *args[] = {(char[]){"GIVEN=g"}, (char[]){"HTTP_PROXY=http://p"}, (char[]){"TARGETARCH=mine"}, NULL};

	(void)state;
	good(&b,
	     "ARG A=1\nARG GIVEN=no\nARG X=${A}x\nFROM i:$GIVEN-$X AS one\nARG A\nARG L=$A$B OTHER\nENV "
	     "E=$L$GIVEN\nARG E=arg\n"
	     "ARG GIVEN=own TARGETARCH TARGETPLATFORM\nRUN echo\nFROM one\nARG L=2\nRUN $A",
	     (struct plan_options){.build_args = args, .platform = "linux/arm64/v8"});
	assert_string_equal(plan_stage(b.p, 0)->base, "i:g-1x");
	assert_list(plan_stage(b.p, 0)->steps[5].run->env,
		    "PATH=/bin|B=base|E=1base|A=1|L=1base|GIVEN=g|TARGETARCH=mine|TARGETPLATFORM=linux/arm64");
	assert_list(plan_stage(b.p, 0)->steps[5].run->proxy_env, "http_proxy=http://p|HTTP_PROXY=http://p");
	assert_string_equal(
	    plan_stage(b.p, 0)->config->history[6].created_by,
	    "RUN |7 A=1 L=1base OTHER= E=1base GIVEN=g TARGETARCH=mine TARGETPLATFORM=linux/arm64 /bin/sh -c echo "
	    "# buildkit");
	assert_list(step(&b, 1)->run->env,
		    "PATH=/bin|B=base|E=1base|A=1|L=2|GIVEN=g|TARGETARCH=mine|TARGETPLATFORM=linux/arm64");
	assert_string_equal(step(&b, 1)->text, "RUN 1");
}

static void test_unused_args(void **state)
{
	BUILT b = {0};
	char *args[] = {(char[]){"A=1"},	(char[]){"B=2"},
			(char[]){"C=3"},	(char[]){"D=4"},
			(char[]){"no_proxy=x"}, (char[]){"TARGETARCH=arm"},
			(char[]){"BASE=slip"},	NULL};

	(void)state;
	good(&b, "ARG A\nFROM i\nONBUILD ARG D=0\nFROM j\nARG B=1 CC\nARG C",
	     (struct plan_options){.build_args = args});
	assert_list(plan_unused_args(b.p), "BASE");
	good(&b, "FROM i", none);
	assert_list(plan_unused_args(b.p), "");
}

static void test_run(void **state)
{
	BUILT b = {0};
	const struct step_run *run;

	(void)state;
	good(&b,
	     "FROM i\nRUN a $X\nRUN [\"b\", \"$X\"]\nSHELL [\"bash\",\"-e\"]\nUSER v\nWORKDIR sub\nRUN "
	     "<<E\none\ntwo\nE\n"
	     "RUN <<-PY\n\t#!/bin/py\n\tx\n\tPY\nRUN cat <<A 3<<B\na\nA\nb\nB\nRUN --network=none --security=insecure "
	     "--device=gpu,required c\n"
	     "FROM scratch\nRUN d",
	     (struct plan_options){.target = "0"});
	assert_list(step(&b, 0)->run->argv, "/bin/sh|-c|a $X");
	assert_list(step(&b, 1)->run->argv, "b|$X");
	assert_false(step(&b, 1)->run->shell);
	assert_string_equal(step(&b, 0)->user, "u");
	assert_string_equal(step(&b, 0)->workdir, "/w");
	assert_list(step(&b, 5)->run->argv, "bash|-e|one\ntwo\n");
	assert_string_equal(step(&b, 5)->user, "v");
	assert_string_equal(step(&b, 5)->workdir, "/w/sub");
	assert_int_equal(step(&b, 5)->line, 7);
	assert_int_equal(step(&b, 5)->end_line, 10);
	run = step(&b, 6)->run;
	assert_list(run->argv, "bash|-e|/dev/pipes/PY");
	assert_string_equal(run->script_name, "PY");
	assert_string_equal(run->script, "#!/bin/py\nx\n");
	assert_list(step(&b, 7)->run->argv, "bash|-e|cat <<A 3<<B\na\nA\nb\nB");
	run = step(&b, 8)->run;
	assert_true(run->network == STEP_NETWORK_NONE && run->insecure && run->n_devices == 1 &&
		    run->devices[0].required);
	assert_int_equal(step(&b, 8)->number, 8); /* FROM, 6 RUN, WORKDIR */
	assert_int_equal(step(&b, 8)->total, 8);
	good(&b, "FROM scratch\nRUN d", none);
	assert_list(step(&b, 0)->run->env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	assert_int_equal(step(&b, 0)->total, 1);
}

/* One line for a mount. */
static char *mount_text(const struct step_mount *m)
{
	return mem_printf("%d from=%d src=%s dst=%s id=%s env=%s%s%s %d %llu %o %u %u", (int)m->type, m->from,
			  m->source ? m->source : "-", m->target ? m->target : "-", m->id ? m->id : "-",
			  m->env ? m->env : "-", m->read_only ? " ro" : "", m->required ? " required" : "",
			  (int)m->sharing, (unsigned long long)m->size, m->mode, m->uid, m->gid);
}

static void test_mounts(void **state)
{
	static const struct {
		const char *flag, *want; /* want: the mount, or the error behind "D:3: RUN --mount=FLAG: " */
		bool bad;
	} rows[] = {
	    {"target=/a", "0 from=-1 src=/ dst=/a id=- env=- ro 0 0 0 0 0", false},
	    {"type=bind,from=s,source=x/../y,dst=rel,rw", "0 from=0 src=/y dst=/w/rel id=- env=- 0 0 0 0 0", false},
	    {"type=bind,from=img,target=/a,ro=false", "0 from=2 src=/ dst=/a id=- env=- 0 0 0 0 0", false},
	    {"type=cache,target=/c/../d", "1 from=-2 src=/ dst=/d id=/d env=- 0 0 755 0 0", false},
	    {"sharing=locked,type=cache,id=$B,target=$B,mode=0700,uid=5,gid=6,from=scratch,readonly",
	     "1 from=-2 src=/ dst=/w/base id=base env=- ro 2 0 700 5 6", false},
	    {"type=tmpfs,target=/t,size=64m", "2 from=-2 src=- dst=/t id=- env=- 0 67108864 0 0 0", false},
	    {"type=secret,id=k", "3 from=-2 src=- dst=/run/secrets/k id=k env=- ro 0 0 400 0 0", false},
	    {"type=secret,src=a/k,required", "3 from=-2 src=- dst=/run/secrets/k id=a/k env=- ro required 0 0 400 0 0",
	     false},
	    {"type=secret,target=/x/k", "3 from=-2 src=- dst=/x/k id=k env=- ro 0 0 400 0 0", false},
	    {"type=secret,id=k,env=K", "3 from=-2 src=- dst=- id=k env=K ro 0 0 400 0 0", false},
	    {"type=secret,id=k,env=K,dst=/k", "3 from=-2 src=- dst=/k id=k env=K ro 0 0 400 0 0", false},
	    {"type=ssh", "4 from=-2 src=- dst=- id=default env=- ro 0 0 600 0 0", false},
	    {"type=ssh,id=g,target=/s,required=true", "4 from=-2 src=- dst=/s id=g env=- ro required 0 0 600 0 0",
	     false},
	    {"\\\"target=/a,b\\\"", "0 from=-1 src=/ dst=/a,b id=- env=- ro 0 0 0 0 0", false},
	    {"type=cache", "it needs target=PATH", true},
	    {"type=bind,target=/", "the root of the container cannot be the target", true},
	    {"type=cach,target=/a",
	     "there is no type \"cach\" (did you mean cache?): bind, cache, tmpfs, secret and ssh are known", true},
	    {"tagret=/a", "there is no key \"tagret\" (did you mean target?)", true},
	    {"type=bind,target=/a,mode=0755", "mode is not for type=bind", true},
	    {"type=tmpfs,target=/a,sharing=locked", "sharing is not for type=tmpfs", true},
	    {"type=secret,id=a,from=s", "from is not for type=secret", true},
	    {"type=secret", "a secret needs id=NAME", true},
	    {"type=secret,id=a,src=b", "id and source are the same: give one of them", true},
	    {"type=cache,target=/a,sharing=some", "sharing=some: shared, private and locked are possible", true},
	    {"type=cache,target=/a,mode=9", "mode=9: an octal number up to 7777 is needed", true},
	    {"type=cache,target=/a,uid=x", "uid=x: a number is needed", true},
	    {"type=tmpfs,target=/a,size=big", "size=big: a number of bytes is needed, such as 64m", true},
	    {"target=/a,ro=maybe", "\"maybe\" is neither true nor false", true},
	    {"target", "target needs a value: target=...", true},
	    {"\\\"target=/a", "a quote is not closed", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		BUILT b = {0};
		mem_cleanup char *text = mem_printf("FROM i AS s\nFROM i\nRUN --mount=%s x", rows[i].flag);
		mem_cleanup char *got = NULL;
		const char *error = NULL;

		if (make(&b, text, none) < 0) {
			error = strstr(b.err.text, ": RUN --mount=");
			error = error ? strstr(error + 10, ": ") + 2 : b.err.text;
		} else {
			got = mount_text(&step(&b, 0)->run->mounts[0]);
		}
		if (rows[i].bad != !got || strcmp(got ? got : error, rows[i].want) != 0)
			fail_msg("%s: %s", rows[i].flag, got ? got : b.err.text);
	}
}

static void test_copy(void **state)
{
	BUILT b = {0};
	const struct step_copy *c;

	(void)state;
	good(&b,
	     "FROM i AS s\nFROM i\nENV D=/dst U=me\nCOPY --chown=$U:g --chmod=u=rwX --link --parents --exclude=*.o "
	     "--exclude=!a a$U b* $D/\n"
	     "COPY --from=s x .\nADD --checksum=sha256:"
	     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 --unpack=false --keep-git-dir "
	     "http://h/x.tgz sub/f\n"
	     "COPY <<A <<\"B\" c /etc\nhi \"$U\"\nA\nno $U\nB\nCOPY [\"a b\", \"c\"]\nADD a.tar /\nCOPY --from=scratch "
	     "/ /x",
	     none);
	c = step(&b, 1)->copy;
	assert_string_equal(c->chown, "me:g");
	assert_string_equal(c->chmod, "u=rwX");
	assert_int_equal(file_mode_apply(&c->mode, 0644, true), 0744);
	assert_true(c->link && c->parents && c->dest_dir && c->from == STEP_FROM_CONTEXT);
	assert_list(c->exclude, "*.o|!a");
	assert_list(c->sources, "ame|b*");
	assert_string_equal(c->dest, "/dst");
	c = step(&b, 2)->copy;
	assert_true(c->from == 0 && c->dest_dir);
	assert_string_equal(c->dest, "/w");
	c = step(&b, 3)->copy;
	assert_int_equal(step(&b, 3)->kind, STEP_ADD);
	assert_true(c->has_unpack && !c->unpack && c->keep_git_dir && !c->dest_dir);
	assert_string_equal(c->dest, "/w/sub/f");
	c = step(&b, 4)->copy;
	assert_int_equal(c->n_files, 2);
	assert_string_equal(c->files[0].content, "hi \"me\"\n");
	assert_string_equal(c->files[1].content, "no $U\n");
	assert_list(c->sources, "c");
	assert_true(c->dest_dir);
	assert_string_equal(target(&b)->config->history[5].created_by, "COPY c <<A <<B /etc # buildkit");
	assert_list(step(&b, 5)->copy->sources, "a b");
	assert_false(step(&b, 6)->copy->has_unpack);
	assert_int_equal(step(&b, 7)->copy->from, STEP_FROM_NOTHING);
}

/* Every metadata instruction, its entry in the history, and the whole document. */
static void test_config(void **state)
{
	BUILT b = {0};
	mem_cleanup char *text = NULL;
	size_t n;
	char *labels[] = {(char[]){"z=last"}, (char[]){"l=won"}, NULL},
	     *layers[] = {(char[]){"sha256:aa"}, (char[]){"sha256:bb"}, NULL};

	(void)state;
	good(&b,
	     "FROM i\nMAINTAINER Me <m@x>\nENV A=1 B=\"2 3\"\nLABEL l=$A \"k\"=v\nEXPOSE 80 443/UDP 9000-9001\nVOLUME "
	     "/v $A\n"
	     "WORKDIR ../x/\nWORKDIR /\nUSER ${B%% *}\nCMD [\"a\", \"\\\"\"]\nENTRYPOINT run it\nSTOPSIGNAL sigterm\n"
	     "HEALTHCHECK --interval=1m30s --retries=2 CMD x y\nONBUILD RUN <<E\nt\nE\nARG Q=1\nSHELL [\"s\", \"-c\"]",
	     (struct plan_options){.labels = labels});
	text = build_config_text(target(&b)->config, layers, "2024-01-01T00:00:00Z", false, &n);
	assert_string_equal(
	    text, "{\"created\":\"2024-01-01T00:00:00Z\",\"author\":\"Me "
		  "<m@x>\",\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"User\":\"2\","
		  "\"ExposedPorts\":{\"443/udp\":{},\"80/tcp\":{},\"9000/tcp\":{},\"9001/tcp\":{}},\"Env\":[\"PATH=/"
		  "bin\",\"B=2 3\",\"A=1\"],"
		  "\"Entrypoint\":[\"/bin/sh\",\"-c\",\"run "
		  "it\"],\"Cmd\":[\"a\",\"\\\"\"],\"Healthcheck\":{\"Test\":[\"CMD-SHELL\",\"x y\"],"
		  "\"Interval\":90000000000,\"Retries\":2},\"ArgsEscaped\":true,\"Volumes\":{\"/"
		  "v\":{},\"1\":{}},\"WorkingDir\":\"/\","
		  "\"OnBuild\":[\"RUN "
		  "<<E\\nt\\nE\"],\"Labels\":{\"k\":\"v\",\"l\":\"won\",\"z\":\"last\"},\"StopSignal\":\"sigterm\","
		  "\"Shell\":[\"s\",\"-c\"]},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:aa\",\"sha256:bb\"]"
		  "},\"history\":["
		  "{\"created\":\"2020-01-01T00:00:00Z\",\"created_by\":\"base\"},"
#define ENTRY(by)                                                                                                      \
	"{\"created\":\"2024-01-01T00:00:00Z\",\"created_by\":\"" by "\",\"comment\":\"buildkit.dockerfile.v0\""
#define EMPTY ",\"empty_layer\":true},"
	    ENTRY("MAINTAINER Me <m@x>") EMPTY ENTRY("ENV A=1 B=2 3") EMPTY ENTRY("LABEL l=1 k=v")
		EMPTY ENTRY("EXPOSE [443/udp 80/tcp 9000/tcp 9001/tcp]") EMPTY ENTRY("VOLUME [/v 1]")
		    EMPTY ENTRY("WORKDIR /x") "}," ENTRY("WORKDIR /") EMPTY ENTRY("USER 2")
			EMPTY ENTRY("CMD [\\\"a\\\" \\\"\\\\\\\"\\\"]")
			    EMPTY ENTRY("ENTRYPOINT [\\\"/bin/sh\\\" \\\"-c\\\" \\\"run it\\\"]")
				EMPTY ENTRY("STOPSIGNAL sigterm")
				    EMPTY ENTRY("HEALTHCHECK {Test:[CMD-SHELL x y] Interval:1m30s Timeout:0s "
						"StartPeriod:0s StartInterval:0s Retries:2}") EMPTY ENTRY("ARG Q=1")
					EMPTY ENTRY("SHELL [s -c]") ",\"empty_layer\":true}]}");
	assert_int_equal(step(&b, 5)->kind, STEP_WORKDIR);
	assert_int_equal(step(&b, 6)->kind, STEP_CONFIG);
	assert_int_equal(target(&b)->config->history[6].step, 5);
}

static void test_entrypoint_and_cmd(void **state)
{
	BUILT b = {0};

	(void)state;
	good(&b, "FROM i\nENTRYPOINT [\"e\"]", none);
	assert_null(target(&b)->config->cmd);
	good(&b, "FROM i\nCMD c\nENTRYPOINT [\"e\"]", none);
	assert_list(target(&b)->config->cmd, "/bin/sh|-c|c");
	good(&b, "FROM i AS a\nCMD c\nFROM a\nENTRYPOINT [\"e\"]", none);
	assert_null(target(&b)->config->cmd);
	good(&b, "FROM i\nCMD []", none);
	assert_null(target(&b)->config->cmd);
	good(&b, "FROM i\nUSER x", none);
	assert_list(target(&b)->config->cmd, "sh");
}

static void test_on_build(void **state)
{
	BUILT b = {0};

	(void)state;
	good(&b, "FROM x AS tools\nFROM triggers\nRUN y", none);
	assert_int_equal(target(&b)->n_steps, 3);
	assert_true(plan_stage(b.p, 0)->needed);
	assert_true(step(&b, 0)->on_build && step(&b, 0)->copy->from == 0);
	assert_int_equal(step(&b, 1)->line, 2);
	assert_list(step(&b, 1)->run->argv, "/bin/sh|-c|x\n");
	assert_false(step(&b, 2)->on_build);
	assert_null(target(&b)->config->on_build);
	/* A stage gives its triggers to the stages made from it, not to theirs. */
	good(&b, "FROM i AS a\nONBUILD ENV T=1\nFROM a AS b\nFROM b AS c\nUSER x", none);
	assert_int_equal(plan_stage(b.p, 0)->n_steps, 1);
	assert_list(plan_stage(b.p, 0)->config->on_build, "ENV T=1");
	assert_int_equal(plan_stage(b.p, 1)->n_steps, 1);
	assert_string_equal(build_config_env(plan_stage(b.p, 1)->config, "T"), "1");
	assert_int_equal(plan_stage(b.p, 2)->n_steps, 1);
	assert_int_equal(make(&b, "FROM badtrigger", none), -EINVAL);
	assert_string_equal(b.err.text,
			    "D:1: ONBUILD of badtrigger: \"FROM x\" is not one instruction that may be a trigger");
	assert_int_equal(make(&b, "FROM triggers\nRUN y\nFROM x AS tools\nCOPY --from=0 a b", none), -EINVAL);
}

static void test_no_cache(void **state)
{
	BUILT b = {0};
	char *stages[] = {(char[]){"A"}, NULL};
	static const char text[] = "FROM i AS a\nCOPY x y\nFROM a\nRUN z";

	(void)state;
	good(&b, text, none);
	assert_false(step(&b, 0)->no_cache);
	good(&b, text, (struct plan_options){.no_cache = true});
	assert_true(step(&b, 0)->no_cache && plan_stage(b.p, 0)->steps[0].no_cache);
	good(&b, text, (struct plan_options){.no_cache_stages = stages});
	assert_true(!step(&b, 0)->no_cache && plan_stage(b.p, 0)->steps[0].no_cache);
}

static void test_epoch(void **state)
{
	BUILT b = {0};
	char *args[] = {(char[]){"SOURCE_DATE_EPOCH=86400"}, NULL}, *bad[] = {(char[]){"SOURCE_DATE_EPOCH=soon"}, NULL};
	mem_cleanup char *time = build_config_time(86400), *text = NULL;

	(void)state;
	good(&b, "FROM i\nRUN x", none);
	assert_true(plan_epoch(b.p) == -1);
	good(&b, "ARG SOURCE_DATE_EPOCH=5\nFROM i", none);
	assert_true(plan_epoch(b.p) == 5);
	good(&b, "FROM i\nRUN x", (struct plan_options){.build_args = args});
	assert_true(plan_epoch(b.p) == 86400);
	assert_string_equal(time, "1970-01-02T00:00:00Z");
	text = build_config_text(target(&b)->config, NULL, time, true, NULL);
	assert_null(strstr(text, "2020")); /* the base image's entry, too */
	assert_int_equal(make(&b, "FROM i", (struct plan_options){.build_args = bad}), -EINVAL);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
	    {"ARG X\nFROM i:$X$Y\nFROM $X", "D:3: FROM: the name of the image is empty; give the ARG in it a value"},
	    {"FROM --platform=arm i",
	     "D:1: FROM --platform=arm: \"arm\" is not OS/ARCHITECTURE[/VARIANT], such as linux/arm64"},
	    {"FROM i\nCOPY --from=1 a b\nFROM j",
	     "D:2: from=1: this stage has the number 0, and only earlier ones can be read"},
	    {"FROM i AS a\nCOPY --from=b x y\nFROM j AS b",
	     "D:2: from=b: the stage b stands behind this one; move it up"},
	    {"FROM i AS a\nCOPY --from=a x y", "D:2: from=a: the stage a cannot read itself"},
	    {"FROM i\nCOPY --from=$X x y",
	     "D:2: from=$X: variables are not possible here; add a stage with FROM $X AS NAME and use NAME"},
	    {"FROM i\nENV A=\"${X:?is needed}\"", "D:2: ENV: variable X: is needed"},
	    {"FROM i\nRUN --network=bridge x", "D:2: RUN --network=bridge: default, none and host are possible"},
	    {"FROM i\nCOPY http://x/y z", "D:2: COPY http://x/y: only ADD can download"},
	    {"FROM i\nCOPY --chmod=999 y z",
	     "D:2: COPY --chmod: mode \"999\" is not octal: \"9\" is no digit from 0 to 7"},
	    {"FROM i\nADD --checksum=sha256:x y z",
	     "D:2: ADD --checksum needs exactly one source, a URL or a git address"},
	    {"FROM i\nEXPOSE 70000", "D:2: EXPOSE 70000: write PORT or FIRST-LAST, and /udp for another protocol"},
	    {"FROM i\nEXPOSE 1/icmp", "D:2: EXPOSE 1/icmp: the protocol is tcp, udp or sctp"},
	    {"FROM i\nSTOPSIGNAL SIGNOT", "D:2: STOPSIGNAL SIGNOT: there is no such signal"},
	    {"FROM i\nVOLUME $X", "D:2: VOLUME: a path is empty"},
	    {"FROM i\nCOPY --exclude=[ a b", "D:2: COPY --exclude: pattern \"[\": a [ is not closed, a range is not "
					     "complete, or a \\ stands at the end"},
	    {"FROM i\nRUN <<a/b\n#!x\na/b", "D:2: RUN <<a/b: a script needs a plain name"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		BUILT b = {0};

		if (make(&b, rows[i].text, none) != -EINVAL || strcmp(b.err.text, rows[i].error) != 0)
			fail_msg("%s: %s", rows[i].text, b.err.text);
	}
}

/* ENV that doubles itself, and too many stages. */
static void test_limits(void **state)
{
	BUILT b = {0};
	buf_cleanup struct buf text = BUF_INIT;

	(void)state;
	buf_adds(&text, "FROM i\nENV A=0123456789012345678901234567890123456789\n");
	for (int i = 0; i < 30; i++)
		buf_adds(&text, "ENV A=$A$A\n");
	assert_int_equal(make(&b, buf_str(&text), none), -E2BIG);
	buf_clear(&text);
	buf_adds(&text, "FROM i\nENV A=0123456789012345678901234567890123456789\n");
	for (int i = 0; i < 14; i++)
		buf_adds(&text, "ENV A=$A$A\n");
	for (int i = 0; i < 1000; i++)
		buf_adds(&text, "LABEL $A=$A\n");
	assert_int_equal(make(&b, buf_str(&text), none), -E2BIG);
	buf_clear(&text);
	for (unsigned i = 0; i <= PLAN_STAGES_MAX; i++)
		buf_adds(&text, "FROM scratch\n");
	assert_int_equal(make(&b, buf_str(&text), none), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_stages),
	    cmocka_unit_test(test_target),
	    cmocka_unit_test(test_args),
	    cmocka_unit_test(test_unused_args),
	    cmocka_unit_test(test_run),
	    cmocka_unit_test(test_mounts),
	    cmocka_unit_test(test_copy),
	    cmocka_unit_test(test_config),
	    cmocka_unit_test(test_entrypoint_and_cmd),
	    cmocka_unit_test(test_on_build),
	    cmocka_unit_test(test_no_cache),
	    cmocka_unit_test(test_epoch),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
