# Room is made for several at once, and nobody's room is taken by another one of them.
node n1 4
node n2 4
submit a: x x8 preemptible
> start a/x/0#1 on n1
> start a/x/1#1 on n1
> start a/x/2#1 on n1
> start a/x/3#1 on n1
> start a/x/4#1 on n2
> start a/x/5#1 on n2
> start a/x/6#1 on n2
> start a/x/7#1 on n2
wait 1
submit wide priority=5: w slots=4
> kill a/x/3#1 on n1: preempted
> kill a/x/2#1 on n1: preempted
> kill a/x/1#1 on n1: preempted
> kill a/x/0#1 on n1: preempted
submit small priority=4: s
> kill a/x/7#1 on n2: preempted
submit gang priority=3: g x3 gang
> kill a/x/6#1 on n2: preempted
> kill a/x/5#1 on n2: preempted
> kill a/x/4#1 on n2: preempted
why wide
= task "w": waits for 4 slots; none of 2 nodes that would do has room, the nearest: node n1 has 0 of 4 slots free; room is being made for it: preempted copies end
why small
= task "s": waits for 1 slot; none of 2 nodes that would do has room, the nearest: node n1 has 0 of 4 slots free; room is being made for it: preempted copies end
why gang
= task "g": waits for room for all 3 at once, each 1 slot; there is room for 0; room is being made for it: preempted copies end
live
= a/x/0#1 on n1, killed: preempted
= a/x/1#1 on n1, killed: preempted
= a/x/2#1 on n1, killed: preempted
= a/x/3#1 on n1, killed: preempted
= a/x/4#1 on n2, killed: preempted
= a/x/5#1 on n2, killed: preempted
= a/x/6#1 on n2, killed: preempted
= a/x/7#1 on n2, killed: preempted
# What ends on the node of the first is kept for it, though the others would fit.
exit a/x/0#1 143
exit a/x/5#1 143
> start small/s/0#1 on n2
exit a/x/1#1 143
# a's own copies wait behind them, even while there is room that is not all they need.
why a
= task "x": was sent to its node and has not started yet
exit a/x/4#1 143
exit a/x/2#1 143
exit a/x/3#1 143
> start wide/w/0#1 on n1
exit a/x/6#1 143
exit a/x/7#1 143
> start gang/g/0#1 on n2
> start gang/g/1#1 on n2
> start gang/g/2#1 on n2
live
= wide/w/0#1 on n1
= small/s/0#1 on n2
= gang/g/0#1 on n2
= gang/g/1#1 on n2
= gang/g/2#1 on n2
exit wide/w/0#1 0
> ended wide: finished
> start a/x/0#2 on n1
> start a/x/1#2 on n1
> start a/x/2#2 on n1
> start a/x/3#2 on n1
exit small/s/0#1 0
> ended small: finished
> start a/x/4#2 on n2
exit gang/g/0#1 0
> start a/x/5#2 on n2
exit gang/g/1#1 0
> start a/x/6#2 on n2
exit gang/g/2#1 0
> ended gang: finished
> start a/x/7#2 on n2
cancel a
> kill a/x/0#2 on n1: cancelled
> kill a/x/1#2 on n1: cancelled
> kill a/x/2#2 on n1: cancelled
> kill a/x/3#2 on n1: cancelled
> kill a/x/4#2 on n2: cancelled
> kill a/x/5#2 on n2: cancelled
> kill a/x/6#2 on n2: cancelled
> kill a/x/7#2 on n2: cancelled
exit a/x/0#2 0
exit a/x/1#2 0
exit a/x/2#2 0
exit a/x/3#2 0
exit a/x/4#2 0
exit a/x/5#2 0
exit a/x/6#2 0
exit a/x/7#2 0
> ended a: canceled
# Who comes later and stands before them may have what is kept, when that is what it needs.
submit b: x x8 preemptible
> start b/x/0#1 on n1
> start b/x/1#1 on n1
> start b/x/2#1 on n1
> start b/x/3#1 on n1
> start b/x/4#1 on n2
> start b/x/5#1 on n2
> start b/x/6#1 on n2
> start b/x/7#1 on n2
wait 1
submit c priority=1: y slots=4
> kill b/x/3#1 on n1: preempted
> kill b/x/2#1 on n1: preempted
> kill b/x/1#1 on n1: preempted
> kill b/x/0#1 on n1: preempted
submit d priority=2: z slots=4
> kill b/x/7#1 on n2: preempted
> kill b/x/6#1 on n2: preempted
> kill b/x/5#1 on n2: preempted
> kill b/x/4#1 on n2: preempted
submit e priority=3: g x2 slots=4 gang
live
= b/x/0#1 on n1, killed: preempted
= b/x/1#1 on n1, killed: preempted
= b/x/2#1 on n1, killed: preempted
= b/x/3#1 on n1, killed: preempted
= b/x/4#1 on n2, killed: preempted
= b/x/5#1 on n2, killed: preempted
= b/x/6#1 on n2, killed: preempted
= b/x/7#1 on n2, killed: preempted
cancel e
> ended e: canceled
cancel d
> ended d: canceled
cancel c
> ended c: canceled
exit b/x/0#1 143
> start b/x/0#2 on n1
exit b/x/1#1 143
> start b/x/1#2 on n1
exit b/x/2#1 143
> start b/x/2#2 on n1
exit b/x/3#1 143
> start b/x/3#2 on n1
cancel b
> kill b/x/0#2 on n1: cancelled
> kill b/x/1#2 on n1: cancelled
> kill b/x/2#2 on n1: cancelled
> kill b/x/3#2 on n1: cancelled
exit b/x/0#2 143
exit b/x/1#2 143
exit b/x/2#2 143
exit b/x/3#2 143
exit b/x/4#1 143
exit b/x/5#1 143
exit b/x/6#1 143
exit b/x/7#1 143
> ended b: canceled
# Licences: those who have of it go, the youngest first, and no more than are needed.
licence matlab 4
submit f: x x3 preemptible licences=matlab:1
> start f/x/0#1 on n1
> start f/x/1#1 on n1
> start f/x/2#1 on n1
wait 1
submit g: y x2 preemptible
> start g/y/0#1 on n1
> start g/y/1#1 on n2
wait 1
submit h priority=5: z licences=matlab:2
> kill f/x/2#1 on n1: preempted
why h
= task "z": needs 2 of the licence "matlab"; 3 of 4 are in use; room is being made for it: preempted copies end
# What comes back is kept for it.
submit i: w licences=matlab:1
why i
= task "w": needs 1 of the licence "matlab"; 3 of 4 are in use, the rest is kept for "z" of job h, which stands before it
exit f/x/2#1 143
> start h/z/0#1 on n1
exit h/z/0#1 0
> ended h: finished
> start f/x/2#2 on n1
> start i/w/0#1 on n2
exit i/w/0#1 0
> ended i: finished
# Nothing is taken when it would not be enough: four are in use, and three of them by what may be taken.
submit j priority=1: u licences=matlab:1
> start j/u/0#1 on n2
submit k priority=9: v licences=matlab:4
why k
= task "v": needs 4 of the licence "matlab"; 4 of 4 are in use
cancel k
> ended k: canceled
# Quotas: only what counts for the same one helps.
quota user:ann cpus=2000
submit l tenant=ann: x preemptible
> start l/x/0#1 on n2
wait 1
submit m tenant=ann: y
> start m/y/0#1 on n2
submit n tenant=ann priority=5: z
> kill l/x/0#1 on n2: preempted
why n
= task "z": user ann has 2 of 2 CPUs in use; this one needs 1; room is being made for it: preempted copies end
submit o tenant=ann priority=3: u
exit l/x/0#1 143
> start n/z/0#1 on n2
live
= f/x/0#1 on n1
= f/x/1#1 on n1
= f/x/2#2 on n1
= g/y/0#1 on n1
= g/y/1#1 on n2
= j/u/0#1 on n2
= m/y/0#1 on n2
= n/z/0#1 on n2
