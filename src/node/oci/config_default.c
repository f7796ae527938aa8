/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration that `spec` writes: what other runtimes write too, member for member, since scripts change it from there; it masks
 * more of what tells about the host's hardware.
 */
#include "base/core/buf.h"
#include "base/core/mem.h"
#include "node/oci/config.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#define CAPS "[\"CAP_AUDIT_WRITE\", \"CAP_KILL\", \"CAP_NET_BIND_SERVICE\"]"
#define QUIET "\"nosuid\", \"noexec\", \"nodev\""

static const char head[] = "{\n"
			   "\t\"ociVersion\": \"" OCI_VERSION "\",\n"
			   "\t\"process\": {\n"
			   "\t\t\"terminal\": true,\n"
			   "\t\t\"user\": {\"uid\": 0, \"gid\": 0},\n"
			   "\t\t\"args\": [\"sh\"],\n"
			   "\t\t\"env\": [\n"
			   "\t\t\t\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\n"
			   "\t\t\t\"TERM=xterm\"\n"
			   "\t\t],\n"
			   "\t\t\"cwd\": \"/\",\n"
			   "\t\t\"capabilities\": {\n"
			   "\t\t\t\"bounding\": " CAPS ",\n"
			   "\t\t\t\"effective\": " CAPS ",\n"
			   "\t\t\t\"permitted\": " CAPS "\n"
			   "\t\t},\n"
			   "\t\t\"rlimits\": [{\"type\": \"RLIMIT_NOFILE\", \"hard\": 1024, \"soft\": 1024}],\n"
			   "\t\t\"noNewPrivileges\": true\n"
			   "\t},\n"
			   "\t\"root\": {\"path\": \"rootfs\", \"readonly\": true},\n"
			   "\t\"hostname\": \"berth\",\n";

static const char mounts_head[] =
    "\t\"mounts\": [\n"
    "\t\t{\"destination\": \"/proc\", \"type\": \"proc\", \"source\": \"proc\"},\n"
    "\t\t{\"destination\": \"/dev\", \"type\": \"tmpfs\", \"source\": \"tmpfs\",\n"
    "\t\t \"options\": [\"nosuid\", \"strictatime\", \"mode=755\", \"size=65536k\"]},\n"
    "\t\t{\"destination\": \"/dev/pts\", \"type\": \"devpts\", \"source\": \"devpts\",\n"
    "\t\t \"options\": [\"nosuid\", \"noexec\", \"newinstance\", \"ptmxmode=0666\", \"mode=0620\"";

/* The group "tty", which an ordinary user's single id does not map. */
static const char pts_group[] = ", \"gid=5\"";

static const char mounts_middle[] =
    "]},\n"
    "\t\t{\"destination\": \"/dev/shm\", \"type\": \"tmpfs\", \"source\": \"shm\",\n"
    "\t\t \"options\": [" QUIET ", \"mode=1777\", \"size=65536k\"]},\n"
    "\t\t{\"destination\": \"/dev/mqueue\", \"type\": \"mqueue\", \"source\": \"mqueue\", \"options\": [" QUIET "]},\n";

static const char sys_new[] =
    "\t\t{\"destination\": \"/sys\", \"type\": \"sysfs\", \"source\": \"sysfs\", \"options\": [" QUIET ", \"ro\"]},\n";

/* A new sysfs needs a network namespace that the same user owns. */
static const char sys_bind[] = "\t\t{\"destination\": \"/sys\", \"type\": \"none\", \"source\": \"/sys\",\n"
			       "\t\t \"options\": [\"rbind\", " QUIET ", \"ro\"]},\n";

static const char mounts_tail[] =
    "\t\t{\"destination\": \"/sys/fs/cgroup\", \"type\": \"cgroup\", \"source\": \"cgroup\",\n"
    "\t\t \"options\": [" QUIET ", \"relatime\", \"ro\"]}\n"
    "\t],\n"
    "\t\"linux\": {\n";

static const char resources[] = "\t\t\"resources\": {\"devices\": [{\"allow\": false, \"access\": \"rwm\"}]},\n";

static const char tail[] =
    "\t\t\"maskedPaths\": [\n"
    "\t\t\t\"/proc/acpi\", \"/proc/asound\", \"/proc/interrupts\", \"/proc/kcore\", \"/proc/keys\", "
    "\"/proc/latency_stats\",\n"
    "\t\t\t\"/proc/timer_list\", \"/proc/timer_stats\", \"/proc/sched_debug\", \"/sys/firmware\", \"/proc/scsi\",\n"
    "\t\t\t\"/sys/devices/virtual/powercap\"\n"
    "\t\t],\n"
    "\t\t\"readonlyPaths\": [\"/proc/bus\", \"/proc/fs\", \"/proc/irq\", \"/proc/sys\", \"/proc/sysrq-trigger\"]\n"
    "\t}\n"
    "}\n";

/* On version 1 others leave the cgroup namespace away, and their users' scripts add it. */
static bool only_cgroup2(void)
{
	struct statfs s;

	return statfs("/sys/fs/cgroup", &s) == 0 && (unsigned long)s.f_type == CGROUP2_SUPER_MAGIC;
}

static void add_maps(struct buf *b, unsigned uid, unsigned gid)
{
	buf_printf(b, "\t\t\"uidMappings\": [{\"containerID\": 0, \"hostID\": %u, \"size\": 1}],\n", uid);
	buf_printf(b, "\t\t\"gidMappings\": [{\"containerID\": 0, \"hostID\": %u, \"size\": 1}],\n", gid);
}

static void add_namespaces(struct buf *b, bool rootless)
{
	buf_printf(b, "\t\t\"namespaces\": [\n\t\t\t{\"type\": \"pid\"},\n");
	if (!rootless)
		buf_printf(b, "\t\t\t{\"type\": \"network\"},\n");
	buf_printf(b, "\t\t\t{\"type\": \"ipc\"},\n\t\t\t{\"type\": \"uts\"},\n\t\t\t{\"type\": \"mount\"}");
	if (only_cgroup2())
		buf_printf(b, ",\n\t\t\t{\"type\": \"cgroup\"}");
	if (rootless)
		buf_printf(b, ",\n\t\t\t{\"type\": \"user\"}");
	buf_printf(b, "\n\t\t],\n");
}

char *oci_config_default(bool rootless, unsigned uid, unsigned gid)
{
	struct buf b = BUF_INIT;

	buf_adds(&b, head);
	buf_adds(&b, mounts_head);
	buf_adds(&b, rootless ? "" : pts_group);
	buf_adds(&b, mounts_middle);
	buf_adds(&b, rootless ? sys_bind : sys_new);
	buf_adds(&b, mounts_tail);
	if (rootless)
		add_maps(&b, uid, gid);
	else
		buf_adds(&b, resources);
	add_namespaces(&b, rootless);
	buf_adds(&b, tail);
	return buf_take(&b);
}
