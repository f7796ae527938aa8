# What is of no job takes room from its node, as a job does.
node n1 4
node n2 2
use n1 3
nodes
= n1 up 3/4 slots, 0 live
= n2 up 0/2 slots, 0 live
submit a: x slots=2
> start a/x/0#1 on n2
submit b: y slots=2 walltime=100
why b/y
= waits for 2 slots; none of 2 nodes that would do has room, the nearest: node n1 has 1 of 4 slots free
takes n1 1
= yes
takes n1 2
= no
# It is not lost with the node, and is there again when the node is.
down n1
nodes
= n1 down 3/4 slots, 0 live
= n2 up 2/2 slots, 1 live
node n1 4
# Less: what waits may start.
use n1 2
> start b/y/0#1 on n1
takes n1 1
= no
use n1 0 memory=100
takes n1 2
= yes
takes n1 3
= no
takes n1 1 memory=1099511627700
= no
takes n1 1 memory=1099511627600
= yes
# More than there is, and a node that nobody knows.
use n2 9
use n9 1
nodes
= n1 up 2/4 slots, 1 live
= n2 up 11/2 slots, 1 live
# Room that is held for a wide job is not to be had.
down n2
> start a/x/0#2 on n1
started b/y/0#1
submit w: z slots=4 walltime=50
takes n1 1
= no
submit v: u walltime=500
takes n1 1
= no
takes n1 0
= yes
