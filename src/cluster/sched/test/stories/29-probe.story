# A node is asked once, whoever waits, and nothing starts before it has said yes.
node n1 4
node n2 2
submit a: x x3 probe=p
> probe p@600000 on n1 for a/x
> probe p@600000 on n2 for a/x
why a
= task "x": needs a node that its probe says yes on: 2 nodes are asked by its probe
probing n1
= asked by p@600000 for a/0
submit b: y probe=p
probed p@600000 n1 no no~such~directory:~/scratch
why a
= task "x": needs a node that its probe says yes on: 1 node: probe said no: no such directory: /scratch; 1 node is asked by its probe
probed p@600000 n2 yes
> start a/x/0#1 on n2
> start a/x/1#1 on n2
why b
= task "y": waits for 1 slot; node n2 has 0 of 2 slots free; 1 node: probe said no: no such directory: /scratch
exit a/x/0#1 0
> start a/x/2#1 on n2
exit a/x/1#1 0
> start b/y/0#1 on n2
# An answer that comes twice, and one that nobody asked for, change nothing.
probed p@600000 n1 yes
probed q@5 n1 yes
exit b/y/0#1 0
> ended b: finished
# It is kept for later jobs, until it is too old.
submit c: z probe=p slots=2
why c
= task "z": waits for 2 slots; node n2 has 1 of 2 slots free; 1 node: probe said no: no such directory: /scratch
next
= in 600000 ms
wait 600s
> probe p@600000 on n1 for c/z
> probe p@600000 on n2 for c/z
exit a/x/2#1 0
> ended a: finished
probed p@600000 n2 no
probed p@600000 n1 yes
> start c/z/0#1 on n1
exit c/z/0#1 0
> ended c: finished
# Another age is another probe. A node that went away is asked anew, and so is one that has not answered.
submit d: x probe=p age=60s slots=3
> probe p@60000 on n1 for d/x
down n1
why d
= task "x": needs 3 slots; node n2 has 2 in all
node n1 4
> probe p@60000 on n1 for d/x
wait 600s
why d
= task "x": needs a node that its probe says yes on: 1 node: probe said no: the node did not answer
next
= in 60000 ms
wait 60s
> probe p@60000 on n1 for d/x
probed p@60000 n1 no
wait 60s
> probe p@60000 on n1 for d/x
cancel d
> ended d: canceled
probing n1
= asked by p@60000 for -/0
probed p@60000 n1 unknown
next
= no deadline
# Closed nodes, those it may not select and those that are too small are not asked; a node that was told it is not wanted after all, is.
submit e: x probe=r select=hostname!=n1
> probe r@600000 on n2 for e/x
close n2
probed r@600000 n2 yes
why e
= task "x": selects none of the 1 node that is up: 1 fails `hostname!=n1` (n1); node n2 would do and is locked or being drained
open n2
> start e/x/0#1 on n2
exit e/x/0#1 0
> ended e: finished
# A node is asked by two probes at a time.
down n2
submit f: a probe=f1; b probe=f2; c probe=f3
> probe f1@600000 on n1 for f/a
> probe f2@600000 on n1 for f/b
probed f1@600000 n1 yes
> start f/a/0#1 on n1
> probe f3@600000 on n1 for f/c
probed f3@600000 n1 no
probed f2@600000 n1 no
cancel f
> kill f/a/0#1 on n1: cancelled
exit f/a/0#1 143
> ended f: canceled
# A gang waits for as many as it needs; full nodes are asked, too, and held for it when they are fit.
node n2 4
submit g: w x2 slots=3
> start g/w/0#1 on n1
> start g/w/1#1 on n2
submit h: g x2 slots=4 gang probe=g
> probe g@600000 on n2 for h/g
> probe g@600000 on n1 for h/g
probed g@600000 n1 yes
probed g@600000 n2 yes
why h
= task "g": waits for room for all 2 at once, each 4 slots; there is room for 0
exit g/w/0#1 0
submit i: s
exit g/w/1#1 0
> ended g: finished
> start h/g/0#1 on n1
> start h/g/1#1 on n2
exit h/g/0#1 0
> start i/s/0#1 on n1
exit h/g/1#1 0
> ended h: finished
exit i/s/0#1 0
> ended i: finished
# An answer holds for the image that it was given with; a name that means another image now has none.
facts n1 has.image.i=5/aa
facts n2 has.image.i=5/aa has.image.j=7/cc
submit j: x probe=m image=i slots=4
> probe m@600000 on n2 for j/x
> probe m@600000 on n1 for j/x
probed m@600000 n1 yes
> start j/x/0#1 on n1
probed m@600000 n2 no
exit j/x/0#1 0
> ended j: finished
submit k: x probe=m image=i slots=4
> start k/x/0#1 on n1
exit k/x/0#1 0
> ended k: finished
facts n2 has.image.i=5/aa has.image.j=7/dd
submit l: x probe=m image=i slots=4
> start l/x/0#1 on n1
exit l/x/0#1 0
> ended l: finished
facts n1 has.image.i=6/bb
submit m: x probe=m image=i slots=4
> probe m@600000 on n1 for m/x
why m
= task "x": needs a node that its probe says yes on: 1 node: probe said no; 1 node is asked by its probe
probed m@600000 n1 yes
> start m/x/0#1 on n1
exit m/x/0#1 0
> ended m: finished
