# Best fit: the node with the fewest free slots that fits, the older among equals.
node big 8
node small 2
submit a: one; two slots=2; three slots=6
> start a/one/0#1 on small
> start a/two/0#1 on big
> start a/three/0#1 on big
nodes
= big up 8/8 slots, 2 live
= small up 1/2 slots, 1 live
# Larger than every node: waits, says why, and does not hold up others.
submit b: huge slots=9; tiny
> start b/tiny/0#1 on small
why b/huge
= needs 9 slots; node big has 8 in all
why b
= task "tiny": was sent to its node and has not started yet
# Priority first, then the order of submission.
submit c: x; y
submit d priority=5: z
why c
= task "x": waits for 1 slot; none of 2 nodes that would do has room, the nearest: node big has 0 of 8 slots free
exit a/one/0#1 0
> start d/z/0#1 on small
exit a/two/0#1 0
> start c/x/0#1 on big
> start c/y/0#1 on big
exit b/tiny/0#1 0
why d
= task "z": was sent to its node and has not started yet
live
= a/three/0#1 on big
= c/x/0#1 on big
= c/y/0#1 on big
= d/z/0#1 on small
# Memory and CPU are requests too.
exit a/three/0#1 0
> ended a: finished
exit d/z/0#1 0
> ended d: finished
exit c/x/0#1 0
exit c/y/0#1 0
> ended c: finished
node small 2 cpu=1000 memory=1073741824
node big 8 cpu=1000 memory=1073741824
submit m: cpu slots=0 cpu=600 x3; mem slots=0 memory=805306368 x3; fat memory=2147483648; wide slots=0 cpu=1500
> start m/cpu/0#1 on small
> start m/cpu/1#1 on big
> start m/mem/0#1 on small
> start m/mem/1#1 on big
why m/mem
= was sent to its node and has not started yet
why m/fat
= needs 1 slot, memory of 2 GiB; node big has memory of 1 GiB in all
why m/wide
= needs 1.5 CPU; node big has 1 CPU in all
nodes
= big up 0/8 slots, 2 live
= small up 0/2 slots, 2 live
cancel m
> kill m/cpu/0#1 on small: cancelled
> kill m/cpu/1#1 on big: cancelled
> kill m/mem/0#1 on small: cancelled
> kill m/mem/1#1 on big: cancelled
exit m/cpu/0#1 0
exit m/cpu/1#1 0
exit m/mem/0#1 0
exit m/mem/1#1 0
> ended m: canceled
# The huge one runs when a node is large enough; a node may shrink below what runs on it.
node big 9
> start b/huge/0#1 on big
why b
= task "huge": was sent to its node and has not started yet
node big 4
nodes
= big up 9/4 slots, 1 live
= small up 0/2 slots, 0 live
submit e: f
> start e/f/0#1 on small
exit e/f/0#1 0
> ended e: finished
exit b/huge/0#1 0
> ended b: finished
nodes
= big up 0/4 slots, 0 live
= small up 0/2 slots, 0 live
