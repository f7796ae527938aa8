# A task runs only on nodes for which its selection is true.
facts n1 labels.disk=hdd arch=x86_64
node n1 4
submit a: x select=labels.disk==ssd
why a
= task "x": selects none of the 1 node that is up: 1 fails `labels.disk==ssd` (n1: hdd)
node n2 4
facts n2 labels.disk=ssd arch=x86_64 has.avx2=
> start a/x/0#1 on n2
started a/x/0#1
# What runs goes on when the node has changed; what comes later does not start there.
facts n2 labels.disk=hdd arch=x86_64 has.avx2=
submit b: x x2 select=labels.disk==ssd&&has(avx2)
why b
= task "x": selects none of the 2 nodes that are up: 2 fail `labels.disk==ssd` (n1: hdd, n2: hdd), 1 fails `has(avx2)` (n1); nearest is node n2, which fails only `labels.disk==ssd`
exit a/x/0#1
> ended a: finished
why b
= task "x": selects none of the 2 nodes that are up: 2 fail `labels.disk==ssd` (n1: hdd, n2: hdd), 1 fails `has(avx2)` (n1); nearest is node n2, which fails only `labels.disk==ssd`
facts n1 labels.disk=ssd
why b
= task "x": selects none of the 2 nodes that are up: 1 fails `labels.disk==ssd` (n2: hdd), 1 fails `has(avx2)` (n1); nearest is node n1, which fails only `has(avx2)`
facts n2 labels.disk=ssd has.avx2=
> start b/x/0#1 on n2
> start b/x/1#1 on n2
# Name, slots and memory are what the scheduler itself knows.
submit c: x select=hostname==n1; y select=slots>=5; z select=memory>=2t||cores>3
> start c/x/0#1 on n1
why c/y
= selects none of the 2 nodes that are up: 2 fail `slots>=5` (n1: 4, n2: 4)
why c/z
= selects none of the 2 nodes that are up: 2 fail `memory>=2t||cores>3` (n1, n2)
node n1 6
> start c/y/0#1 on n1
facts n1 cores=4
> start c/z/0#1 on n1
facts n1 cores=4
# The reason for no room is followed by what is not selected.
submit d: x slots=4 select=hostname!=n1
why d
= task "x": waits for 4 slots; node n2 has 2 of 4 slots free; 1 other node is not selected: 1 fails `hostname!=n1` (n1)
close n2
why d
= task "x": selects none of the 1 node that is up: 1 fails `hostname!=n1` (n1); node n2 would do and is locked or being drained
down n2
why d
= task "x": selects none of the 1 node that is up: 1 fails `hostname!=n1` (n1); node n2 would do and is down
open n2
node n2 4
> start b/x/0#2 on n2
> start b/x/1#2 on n2
# Gangs.
submit e: g x2 slots=2 gang select=hostname==n2
why e
= task "g": waits for room for all 2 at once, each 2 slots; there is room for 1; 1 other node is not selected: 1 fails `hostname==n2` (n1)
exit b/x/0#1
exit b/x/1#1
submit f: x select=coers==1
= refused: task "x": select: nothing is known of nodes by this name (hostname, id, role, os, arch, kernel, version, cores, slots, cpus, memory, numa, numa_cores, numa_memory, sockets, gpus, gpus_by_hand, source, zone, price, labels.NAME), at character 1 of "coers==1"
