/* SPDX-License-Identifier: Apache-2.0
 *
 * seccomp_gen: the build-time compiler of the default system call filter, and of the table of numbers that other filters are made with.
 *
 *   seccomp_gen LIST.txt FILTER.c NAMES.c
 *
 * Reads the list (seccomp_default.txt describes its form) and writes a C array of BPF instructions for the machine it runs on. Numbers
 * come from libseccomp; the program is laid out here, because installing a filter makes the kernel run it once for every system call
 * number: neighbours with the same answer are joined to ranges, and the ranges are searched as a binary tree of about seven steps.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NR_MAX = 1024, CONDS_MAX = 4, RULES_MAX = 64, NAMES_MAX = 1024, CODE_MAX = 4096 };

enum op { OP_EQ, OP_NE, OP_LT, OP_GT, OP_MASK_EQ };

struct cond {
	unsigned arg;
	enum op op;
	uint32_t mask, value;
};

struct rule {
	char name[48];
	int number; /* to use when libseccomp does not know the name, -1 = none */
	struct cond conds[CONDS_MAX];
	size_t n_conds;
	uint32_t action;
};

struct list {
	struct rule rules[NAMES_MAX];
	size_t n;
};

/* What to do for one number: an action, or a place in the list of rules to try. */
struct answer {
	uint32_t action;
	int first_rule; /* -1 = the action alone */
};

struct range {
	uint32_t from;
	struct answer answer;
};

struct code {
	struct sock_filter at[CODE_MAX];
	size_t n;
};

static const uint32_t ALLOW = SECCOMP_RET_ALLOW, REFUSE = SECCOMP_RET_ERRNO | EPERM,
		      ABSENT = SECCOMP_RET_ERRNO | ENOSYS;

static void die(const char *what, const char *arg)
{
	fprintf(stderr, "seccomp_gen: %s: %s\n", what, arg);
	exit(1);
}

static void emit(struct code *c, unsigned code, unsigned jt, unsigned jf, uint32_t k)
{
	if (c->n == CODE_MAX || jt > 255 || jf > 255)
		die("the filter is too large", "");
	c->at[c->n++] = (struct sock_filter){(uint16_t)code, (uint8_t)jt, (uint8_t)jf, k};
}

/* ---- the list ---- */

static char *word(char **line)
{
	char *w = strtok_r(NULL, " \t\n", line);

	if (!w)
		die("the line ends too early", "");
	return w;
}

static uint32_t number(const char *text)
{
	char *end;
	unsigned long long n = strtoull(text, &end, 0);

	if (!*text || *end || n > UINT32_MAX)
		die("not a number", text);
	return (uint32_t)n;
}

static void parse_cond(struct cond *c, const char *arg, char **line)
{
	static const struct {
		const char *text;
		enum op op;
	} ops[] = {{"==", OP_EQ}, {"!=", OP_NE}, {"<", OP_LT}, {">", OP_GT}, {"mask", OP_MASK_EQ}};
	const char *op = word(line);
	size_t i = 0;

	c->arg = number(arg + strlen("arg"));
	while (i < sizeof ops / sizeof *ops && strcmp(ops[i].text, op) != 0)
		i++;
	if (i == sizeof ops / sizeof *ops || c->arg > 5)
		die("not a condition", op);
	c->op = ops[i].op;
	if (c->op == OP_MASK_EQ) {
		c->mask = number(word(line));
		if (strcmp(word(line), "==") != 0)
			die("mask needs ==", arg);
	}
	c->value = number(word(line));
}

static struct rule *add_rule(struct list *l, char *name)
{
	struct rule *r = &l->rules[l->n];
	char *eq = strchr(name, '=');

	if (l->n++ == NAMES_MAX)
		die("too many rules", name);
	*r = (struct rule){.number = -1, .action = ALLOW};
	if (eq) {
		*eq = '\0';
		r->number = (int)number(eq + 1);
	}
	if (strlen(name) >= sizeof r->name)
		die("the name is too long", name);
	memcpy(r->name, name, strlen(name) + 1);
	return r;
}

static void parse_line(struct list *l, char *text)
{
	char *rest = NULL, *w = strtok_r(text, " \t\n", &rest);
	struct rule *r = NULL;

	for (; w && *w != '#'; w = strtok_r(NULL, " \t\n", &rest)) {
		if (!strcmp(w, "&")) {
			continue;
		} else if (r && !strcmp(w, "errno")) {
			if (strcmp(word(&rest), "ENOSYS") != 0)
				die("only ENOSYS can be asked for", r->name);
			r->action = ABSENT;
		} else if (r && !strncmp(w, "arg", 3) && w[3] >= '0' && w[3] <= '5' && !w[4]) {
			if (r->n_conds == CONDS_MAX)
				die("too many conditions", r->name);
			parse_cond(&r->conds[r->n_conds++], w, &rest);
		} else {
			r = add_rule(l, w);
		}
	}
}

static void read_list(struct list *l, const char *path)
{
	FILE *f = fopen(path, "r");
	char line[512];

	if (!f)
		die("cannot open", path);
	while (fgets(line, sizeof line, f)) {
		if (!strchr(line, '\n'))
			die("a line is too long", line);
		parse_line(l, line);
	}
	fclose(f);
}

/* ---- one architecture: numbers to answers to ranges ---- */

/* Calls that 32-bit x86 first had only inside socketcall and ipc; libseccomp still gives those a number that is none. */
static const struct {
	const char *name;
	int nr;
} x86_direct[] = {
    {"socket", 359},  {"socketpair", 360}, {"bind", 361},	{"connect", 362},     {"listen", 363},
    {"accept4", 364}, {"getsockopt", 365}, {"setsockopt", 366}, {"getsockname", 367}, {"getpeername", 368},
    {"sendto", 369},  {"sendmsg", 370},	   {"recvfrom", 371},	{"recvmsg", 372},     {"shutdown", 373},
    {"semget", 393},  {"semctl", 394},	   {"shmget", 395},	{"shmctl", 396},      {"shmat", 397},
    {"shmdt", 398},   {"msgget", 399},	   {"msgsnd", 400},	{"msgrcv", 401},      {"msgctl", 402},
};

static int direct(const char *name, uint32_t arch, int nr)
{
	for (size_t i = 0; arch == SCMP_ARCH_X86 && nr < 0 && i < sizeof x86_direct / sizeof *x86_direct; i++) {
		if (!strcmp(x86_direct[i].name, name))
			return x86_direct[i].nr;
	}
	return nr;
}

static int resolve(const struct rule *r, uint32_t arch)
{
	int nr = seccomp_syscall_resolve_name_arch(arch, r->name);

	return nr == __NR_SCMP_ERROR && r->number >= 0 ? r->number : direct(r->name, arch, nr);
}

static uint32_t answers_of(const struct list *l, uint32_t arch, struct answer answers[NR_MAX])
{
	uint32_t last = 0;

	for (size_t i = 0; i < NR_MAX; i++)
		answers[i] = (struct answer){REFUSE, -1};
	for (size_t i = 0; i < l->n; i++) {
		const struct rule *r = &l->rules[i];
		int nr = resolve(r, arch);
		struct answer *a;

		if (nr == __NR_SCMP_ERROR && seccomp_syscall_resolve_name(r->name) == __NR_SCMP_ERROR &&
		    r->number < 0 && arch == seccomp_arch_native())
			fprintf(stderr, "seccomp_gen: note: this libseccomp does not know %s\n", r->name);
		if (nr < 0 || nr >= NR_MAX)
			continue;
		a = &answers[nr];
		if (r->n_conds == 0)
			*a = (struct answer){r->action, -1};
		else if (a->first_rule < 0)
			a->first_rule = (int)i;
		if ((uint32_t)nr > last)
			last = (uint32_t)nr;
	}
	for (size_t i = last + 1; i < NR_MAX; i++)
		answers[i].action = ABSENT;
	return last;
}

static size_t ranges_of(const struct answer answers[NR_MAX], uint32_t last, struct range ranges[NR_MAX])
{
	size_t n = 0;

	for (uint32_t nr = 0; nr <= last + 1; nr++) {
		const struct answer *a = &answers[nr];

		if (n > 0 && ranges[n - 1].answer.action == a->action &&
		    ranges[n - 1].answer.first_rule == a->first_rule)
			continue;
		ranges[n++] = (struct range){nr, *a};
	}
	return n;
}

/* ---- code ---- */

static void emit_cond_jump(struct code *c, const struct cond *k)
{
	static const struct {
		unsigned code;
		bool negate;
	} jumps[] = {[OP_EQ] = {BPF_JEQ, false},
		     [OP_NE] = {BPF_JEQ, true},
		     [OP_LT] = {BPF_JGE, true},
		     [OP_GT] = {BPF_JGT, false},
		     [OP_MASK_EQ] = {BPF_JEQ, false}};

	/* The low half of the 64-bit argument: all our machines are little-endian. */
	emit(c, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)(offsetof(struct seccomp_data, args) + 8 * k->arg));
	if (k->op == OP_MASK_EQ)
		emit(c, BPF_ALU | BPF_AND | BPF_K, 0, 0, k->mask);
	/* holds: over the next instruction, which leaves for the next rule and is filled in by the caller */
	emit(c, BPF_JMP | jumps[k->op].code | BPF_K, jumps[k->op].negate ? 0 : 1, jumps[k->op].negate ? 1 : 0,
	     k->value);
	emit(c, BPF_JMP | BPF_JA, 0, 0, 0);
}

static void emit_rule(struct code *c, const struct rule *r)
{
	size_t leaves[CONDS_MAX] = {0};

	for (size_t i = 0; i < r->n_conds; i++) {
		emit_cond_jump(c, &r->conds[i]);
		leaves[i] = c->n - 1;
	}
	emit(c, BPF_RET | BPF_K, 0, 0, r->action);
	for (size_t i = 0; i < r->n_conds; i++)
		c->at[leaves[i]].k = (uint32_t)(c->n - leaves[i] - 1);
}

static void emit_answer(struct code *c, const struct list *l, const struct answer *a)
{
	if (a->first_rule >= 0) {
		const struct rule *first = &l->rules[a->first_rule];

		for (size_t i = (size_t)a->first_rule; i < l->n; i++) {
			if (l->rules[i].n_conds > 0 && !strcmp(l->rules[i].name, first->name))
				emit_rule(c, &l->rules[i]);
		}
	}
	emit(c, BPF_RET | BPF_K, 0, 0, a->action);
}

static void emit_tree(struct code *c, const struct list *l, const struct range *ranges, size_t n)
{
	size_t half = n / 2, branch, left;

	if (n == 1) {
		emit_answer(c, l, &ranges[0].answer);
		return;
	}
	/* number >= ranges[half].from: over the left half to the right one; a jump over more than 255 needs an instruction of its own. */
	branch = c->n;
	emit(c, BPF_JMP | BPF_JGE | BPF_K, 0, 0, ranges[half].from);
	emit_tree(c, l, ranges, half);
	left = c->n - branch - 1;
	if (left <= 255) {
		c->at[branch].jt = (uint8_t)left;
	} else {
		emit(c, BPF_JMP | BPF_JA, 0, 0, 0);
		memmove(&c->at[branch + 2], &c->at[branch + 1], left * sizeof c->at[0]);
		c->at[branch].jf = 1;
		c->at[branch + 1] = (struct sock_filter){BPF_JMP | BPF_JA, 0, 0, (uint32_t)left};
	}
	emit_tree(c, l, ranges + half, n - half);
}

static void emit_arch(struct code *c, const struct list *l, uint32_t scmp_arch, uint32_t audit_arch)
{
	static struct answer answers[NR_MAX];
	static struct range ranges[NR_MAX];
	uint32_t last = answers_of(l, scmp_arch, answers);
	size_t n = ranges_of(answers, last, ranges), skip;

	emit(c, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, audit_arch);
	skip = c->n;
	emit(c, BPF_JMP | BPF_JA, 0, 0, 0);
	emit(c, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
	emit_tree(c, l, ranges, n);
	c->at[skip].k = (uint32_t)(c->n - skip - 1);
}

/* x32 numbers carry bit 30 and are therefore above the last number of x86_64: ENOSYS, all of them. */
static void emit_all(struct code *c, const struct list *l)
{
	static const struct {
		uint32_t native, scmp, audit;
	} arches[] = {
	    {SCMP_ARCH_X86_64, SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64},
	    {SCMP_ARCH_X86_64, SCMP_ARCH_X86, AUDIT_ARCH_I386},
	    {SCMP_ARCH_AARCH64, SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64},
	    {SCMP_ARCH_AARCH64, SCMP_ARCH_ARM, AUDIT_ARCH_ARM},
	};
	size_t found = 0;

	emit(c, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, arch));
	for (size_t i = 0; i < sizeof arches / sizeof *arches; i++) {
		if (arches[i].native != seccomp_arch_native())
			continue;
		emit_arch(c, l, arches[i].scmp, arches[i].audit);
		found++;
	}
	if (found == 0)
		die("there is no filter for this architecture", "");
	emit(c, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_KILL_PROCESS);
}

static FILE *create(const char *path, const char *header)
{
	FILE *f = fopen(path, "w");

	if (!f)
		die("cannot write", path);
	fprintf(f, "/* Made by seccomp_gen: do not edit. */\n#include \"node/runtime/%s\"\n\n", header);
	return f;
}

static void write_c(const struct code *c, const char *path)
{
	FILE *f = create(path, "seccomp.h");

	fprintf(f, "const struct sock_filter seccomp_default[] = {\n");
	for (size_t i = 0; i < c->n; i++)
		fprintf(f, "\t{0x%02x, %u, %u, 0x%08x},\n", c->at[i].code, c->at[i].jt, c->at[i].jf, c->at[i].k);
	fprintf(f, "};\nconst unsigned short seccomp_default_len = %zu;\n", c->n);
	if (fclose(f) != 0)
		die("cannot write", path);
}

/* ---- the table of names (seccomp_names.h) ---- */

struct abi {
	uint32_t native, scmp;
	const char *name;
	uint32_t audit, bit, private_numbers;
	bool wide;
};

/* The machine's own comes first. libseccomp, too, looks only at the low halves of the arguments of x32. */
static const struct abi abis[] = {
    {SCMP_ARCH_X86_64, SCMP_ARCH_X86_64, "SCMP_ARCH_X86_64", AUDIT_ARCH_X86_64, 0, 0, true},
    {SCMP_ARCH_X86_64, SCMP_ARCH_X86, "SCMP_ARCH_X86", AUDIT_ARCH_I386, 0, 0, false},
    {SCMP_ARCH_X86_64, SCMP_ARCH_X32, "SCMP_ARCH_X32", AUDIT_ARCH_X86_64, 0x40000000, 0, false},
    {SCMP_ARCH_AARCH64, SCMP_ARCH_AARCH64, "SCMP_ARCH_AARCH64", AUDIT_ARCH_AARCH64, 0, 0, true},
    {SCMP_ARCH_AARCH64, SCMP_ARCH_ARM, "SCMP_ARCH_ARM", AUDIT_ARCH_ARM, 0, 0xf0000, false},
};

/* Calls that Debian 12's libseccomp does not know; since 424 a number is the same on every architecture. */
static const struct {
	const char *name;
	int nr;
} recent[] = {
    {"set_mempolicy_home_node", 450},
    {"cachestat", 451},
    {"fchmodat2", 452},
    {"map_shadow_stack", 453},
    {"futex_wake", 454},
    {"futex_wait", 455},
    {"futex_requeue", 456},
    {"statmount", 457},
    {"listmount", 458},
    {"lsm_get_self_attr", 459},
    {"lsm_set_self_attr", 460},
    {"lsm_list_modules", 461},
    {"mseal", 462},
    {"setxattrat", 463},
    {"getxattrat", 464},
    {"listxattrat", 465},
    {"removexattrat", 466},
    {"open_tree_attr", 467},
    {"file_getattr", 468},
    {"file_setattr", 469},
    {"listns", 470},
};

struct names {
	char *at[2 * NAMES_MAX];
	size_t n;
};

static void add_name(struct names *names, const char *name)
{
	if (!name || !*name)
		return;
	for (size_t i = 0; i < names->n; i++) {
		if (!strcmp(names->at[i], name))
			return;
	}
	if (names->n == sizeof names->at / sizeof names->at[0])
		die("too many names", name);
	names->at[names->n++] = strdup(name);
}

static void add_numbers(struct names *names, const struct abi *abi, int from, int to)
{
	for (int nr = from; nr < to; nr++) {
		char *name = seccomp_syscall_resolve_num_arch(abi->scmp, nr);

		add_name(names, name);
		free(name);
	}
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* -1 for a call that the ABI does not have. */
static int number_of(const char *name, const struct abi *abi)
{
	int nr = direct(name, abi->scmp, seccomp_syscall_resolve_name_arch(abi->scmp, name));

	for (size_t i = 0; nr < 0 && i < sizeof recent / sizeof *recent; i++) {
		if (!strcmp(recent[i].name, name))
			nr = recent[i].nr;
	}
	return nr < 0 ? -1 : (int)((uint32_t)nr | abi->bit);
}

/* What libseccomp calls -101 is call 1 of socketcall, -201 call 1 of ipc. */
static int mux_of(const char *name, const struct abi *abi)
{
	int nr = seccomp_syscall_resolve_name_arch(abi->scmp, name);

	return abi->scmp == SCMP_ARCH_X86 && nr < -100 && nr > -225 ? -nr - 100 : 0;
}

static void write_abis(FILE *f)
{
	fprintf(f, "const struct seccomp_abi seccomp_abis[] = {\n");
	for (size_t i = 0; i < sizeof abis / sizeof *abis; i++) {
		const struct abi *a = &abis[i];

		if (a->native == seccomp_arch_native())
			fprintf(f, "\t{\"%s\", 0x%08x, 0x%08x, 0x%08x, %d},\n", a->name, a->audit, a->bit,
				a->private_numbers, a->wide);
	}
	fprintf(f, "};\nconst size_t seccomp_n_abis = sizeof seccomp_abis / sizeof *seccomp_abis;\n\n");
}

static void collect_names(struct names *names)
{
	for (size_t i = 0; i < sizeof abis / sizeof *abis; i++) {
		if (abis[i].native != seccomp_arch_native())
			continue;
		add_numbers(names, &abis[i], (int)abis[i].bit, (int)abis[i].bit + NR_MAX);
		add_numbers(names, &abis[i], (int)abis[i].private_numbers, (int)abis[i].private_numbers + 16);
		add_numbers(names, &abis[i], -225, -100);
	}
	for (size_t i = 0; i < sizeof recent / sizeof *recent; i++)
		add_name(names, recent[i].name);
	qsort(names->at, names->n, sizeof *names->at, compare_names);
}

static void write_names(const struct names *names, const char *path)
{
	FILE *f = create(path, "seccomp_names.h");
	size_t at = 0;

	write_abis(f);
	fprintf(f, "const char seccomp_names_text[] =");
	for (size_t i = 0; i < names->n; i++)
		fprintf(f, "\n\t\"%s\\0\"", names->at[i]);
	fprintf(f, ";\n\nconst struct seccomp_name seccomp_names[] = {\n");
	for (size_t i = 0; i < names->n; i++) {
		int mux = 0;

		for (size_t k = 0; k < sizeof abis / sizeof *abis; k++)
			mux = mux || abis[k].native != seccomp_arch_native() ? mux : mux_of(names->at[i], &abis[k]);
		fprintf(f, "\t{%zu, %d, {", at, mux);
		for (size_t k = 0; k < sizeof abis / sizeof *abis; k++) {
			if (abis[k].native == seccomp_arch_native())
				fprintf(f, "%d, ", number_of(names->at[i], &abis[k]));
		}
		fprintf(f, "}},\n");
		at += strlen(names->at[i]) + 1;
	}
	fprintf(f, "};\nconst size_t seccomp_n_names = sizeof seccomp_names / sizeof *seccomp_names;\n");
	if (fclose(f) != 0)
		die("cannot write", path);
}

int main(int argc, char **argv)
{
	static struct list list;
	static struct code code;
	static struct names names;

	if (argc != 4)
		die("usage", "seccomp_gen LIST.txt FILTER.c NAMES.c");
	read_list(&list, argv[1]);
	emit_all(&code, &list);
	write_c(&code, argv[2]);
	collect_names(&names);
	write_names(&names, argv[3]);
	return 0;
}
