# SPDX-License-Identifier: Apache-2.0
"""start_calls.py TRACE BUDGET none|bridge: what the processes of a container's start and end ask the kernel for, up to the program itself.

TRACE is what `strace -f -yy -s 80` wrote of the launcher and everything that came of it. Nothing here is timed: a call that waits for the kernel is found by what it
is. Said, one a line, and the exit code is 1:
- a call that BUDGET does not name, or more of it than its number (a line: the call, the number without a network, the number on a bridge);
- a process moved into a cgroup of version 1 by its number, or whole: the kernel waits there until every processor has looked away (a grace period of RCU, 3 to
  15 ms); "0" in tasks, the writer's own thread, does not wait;
- rules' socket closed, an interface deleted or a network namespace given up by the monitor before the end is told (exit.json has its name): those wait, too.
"""
import collections
import os
import re
import sys

VERSION_2 = '/sys/fs/cgroup/' if os.path.exists('/sys/fs/cgroup/cgroup.controllers') else '/sys/fs/cgroup/unified/'
MOVED = re.compile(r'\d+<([^>]*/(cgroup\.procs|tasks))>, "([^"\\]*)')
LINE = re.compile(r'(\d+) +(?:<\.\.\. )?(\w+)(\(| resumed>)(.*)')
RULES = re.compile(r'AF_NETLINK, .*NETLINK_NETFILTER')
LINK_GOES = re.compile(r'^\d+<NETLINK.*nlmsg_type=(?:0x11\b|RTM_DELLINK)')


class Trace:
    def __init__(self, lines):
        self.count, self.found = collections.Counter(), []
        self.programs, self.rules, self.told = set(), collections.defaultdict(set), set()
        self.asked = {}
        for line in lines:
            found = LINE.match(line)
            if found and found[1] not in self.programs:
                self.line(*found.groups())

    def line(self, pid, name, kind, rest):
        begins = kind == '('
        if begins:
            self.count[name] += 1
            self.asked[pid] = rest
            self.begins(pid, name, rest)
        if not rest.endswith('<unfinished ...>'):
            self.ends(pid, name, self.asked.get(pid, ''), rest.rsplit('= ', 1)[-1])

    def begins(self, pid, name, rest):
        moved = MOVED.match(rest) if name == 'write' else None
        if moved and not moved[1].startswith(VERSION_2) and (moved[2], moved[3]) != ('tasks', '0'):
            self.found.append(f'a process waits to go into a cgroup: write({rest}')
        if name == 'renameat' and '"exit.json"' in rest:
            self.told.add(pid)
        if pid in self.told or not self.rules[pid]:
            return
        if name == 'close' and rest.split('<')[0].split(')')[0] in self.rules[pid]:
            self.found.append('the socket of rules is closed before the end is told')
        if name in ('sendto', 'sendmsg') and rest.split('<')[0] not in self.rules[pid] and LINK_GOES.match(rest):
            self.found.append('an interface is deleted before the end is told')

    def ends(self, pid, name, asked, result):
        if name == 'execve' and result.startswith('0'):
            self.programs.add(pid)
        if name == 'socket' and RULES.match(asked):
            self.rules[pid].add(re.match(r'\d+', result)[0])


def main():
    with open(sys.argv[1], encoding='utf-8', errors='replace') as f:
        trace = Trace(f)
    with open(sys.argv[2], encoding='utf-8') as f:
        column = ('none', 'bridge').index(sys.argv[3]) + 1
        budget = {words[0]: int(words[column]) for words in (line.split() for line in f) if words and words[0] != '#'}
    for name, n in sorted(trace.count.items()):
        if n > budget.get(name, 0):
            trace.found.append(f'{name}: {n} calls, {budget.get(name, 0)} in {sys.argv[2]}')
    if not trace.programs:
        trace.found.append('no program was started')
    if trace.rules and not trace.told:
        trace.found.append('no end was told')
    print('\n'.join(trace.found))
    return 1 if trace.found else 0


if __name__ == '__main__':
    sys.exit(main())
