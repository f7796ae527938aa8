/* SPDX-License-Identifier: Apache-2.0 */
#include "face/oci/help.h"

#include "face/oci/verb.h"

#define COLUMN 28

static void show_options(const struct option_spec *specs, FILE *to)
{
	for (; specs && specs->name; specs++) {
		char letter[] = "-x, ";
		int used;

		letter[1] = specs->letter;
		used = fprintf(to, "  %s--%s%s%s", specs->letter ? letter : "    ", specs->name, specs->arg ? " " : "",
			       specs->arg ? specs->arg : "");
		fprintf(to, "%*s%s\n", used < COLUMN ? COLUMN - used : 2, "", specs->help);
	}
}

void oci_help(FILE *to)
{
	fputs("Usage: berth oci [OPTIONS] COMMAND [ARGUMENTS]\n\n"
	      "A container runtime for bundles of the OCI, in the place of runc or crun: with podman --runtime,\n"
	      "containerd and dockerd. A link to the program with the name berth-oci does the same.\n\nCommands:\n",
	      to);
	for (const struct oci_verb *const *v = oci_verbs; *v; v++)
		fprintf(to, "  %-12s%s\n", (*v)->name, (*v)->summary);
	fputs("\nOptions:\n", to);
	show_options(oci_global_options, to);
}

void oci_help_verb(const struct oci_verb *v, FILE *to)
{
	fprintf(to, "Usage: berth oci %s %s\n\n%s\n", v->name, v->usage, v->summary);
	if (!v->options)
		return;
	fputs("\nOptions:\n", to);
	show_options(v->options, to);
}
