# So many copies on a node at most.
node n1 8
node n2 8
submit a: x x5 per_node=2
> start a/x/0#1 on n1
> start a/x/1#1 on n1
> start a/x/2#1 on n2
> start a/x/3#1 on n2
why a/x
= was sent to its node and has not started yet
started a/x/0#1
why a/x
= 1 more waits: may not run on any node that would do: n1 (has 2 of at most 2 copies); n2 (has 2 of at most 2 copies)
exit a/x/0#1
> start a/x/4#1 on n1
cancel a
> kill a/x/1#1 on n1: cancelled
> kill a/x/2#1 on n2: cancelled
> kill a/x/3#1 on n2: cancelled
> kill a/x/4#1 on n1: cancelled
exit a/x/1#1
exit a/x/2#1
exit a/x/3#1
exit a/x/4#1
> ended a: canceled
# Near a task of the job: where it runs, once it runs.
submit b: web near=db; db select=hostname==n2
> start b/db/0#1 on n2
> start b/web/0#1 on n2
why b/web
= was sent to its node and has not started yet
submit c: web near=nobody/db
why c
= task "web": may not run on any node that would do: n1 ("nobody/db" does not run there); n2 ("nobody/db" does not run there)
submit d: web near=b/db; cache x2 near=b/*
> start d/web/0#1 on n2
> start d/cache/0#1 on n2
> start d/cache/1#1 on n2
# Apart: not where it is, for as long as it is there.
submit e: x x2 apart=b/db
> start e/x/0#1 on n1
> start e/x/1#1 on n1
submit f: y x3 apart=y
> start f/y/0#1 on n2
> start f/y/1#1 on n1
why f/y
= was sent to its node and has not started yet
exit f/y/0#1
> start f/y/2#1 on n2
cancel f
> kill f/y/1#1 on n1: cancelled
> kill f/y/2#1 on n2: cancelled
exit f/y/1#1
# By a label: another rack, and the same one.
facts n1 labels.rack=1
facts n2 labels.rack=2
node n3 8
facts n3 labels.rack=2
node n4 8
submit g: x apart=b/db,labels.rack; y near=b/db,labels.rack; z near=z,labels.rack x3
> start g/x/0#1 on n1
> start g/y/0#1 on n2
> start g/z/0#1 on n2
> start g/z/1#1 on n3
> start g/z/2#1 on n3
why g
= task "x": was sent to its node and has not started yet
cancel b
> kill b/web/0#1 on n2: cancelled
> kill b/db/0#1 on n2: cancelled
exit b/db/0#1
exit b/web/0#1
> ended b: canceled
submit h: x apart=d/cache,labels.rack slots=8
> start h/x/0#1 on n4
why h
= task "x": was sent to its node and has not started yet
# What a label says can change.
facts n1 labels.rack=3
submit i: x near=d/cache,labels.rack
> start i/x/0#1 on n2
why i
= task "x": was sent to its node and has not started yet
# Preferred: a node so many slots fuller or emptier.
down n1
> start e/x/0#2 on n2
> start e/x/1#2 on n3
> start g/x/0#2 on n3
down n2
> ended f: canceled
> start e/x/0#3 on n3
> start g/z/0#2 on n3
down n3
down n4
cancel a
cancel c
> ended c: canceled
cancel d
> ended d: canceled
cancel e
> ended e: canceled
cancel f
cancel g
> ended g: canceled
cancel h
> ended h: canceled
cancel i
> ended i: canceled
node m1 8
node m2 8
node m3 8
submit k: base select=hostname==m2; fill slots=6 select=hostname==m1
> start k/base/0#1 on m2
> start k/fill/0#1 on m1
submit l: far near=k/base,node,2; close near=k/base,node,7; away apart=k/fill,node,9
> start l/far/0#1 on m1
> start l/close/0#1 on m2
> start l/away/0#1 on m2
# Spread over a label; of equal ones the fuller node.
facts m1 labels.zone=a
facts m2 labels.zone=a
facts m3 labels.zone=b
submit p: x x4 spread=labels.zone
> start p/x/0#1 on m1
> start p/x/1#1 on m3
> start p/x/2#1 on m2
> start p/x/3#1 on m3
nodes
= n1 down 0/8 slots, 0 live
= n2 down 0/8 slots, 0 live
= n3 down 0/8 slots, 0 live
= n4 down 0/8 slots, 0 live
= m1 up 8/8 slots, 3 live
= m2 up 4/8 slots, 4 live
= m3 up 2/8 slots, 2 live
# Emptiest first counts what is live when nothing is asked for.
submit q: x x4 slots=0 topology=spread
> start q/x/0#1 on m3
> start q/x/1#1 on m3
> start q/x/2#1 on m3
> start q/x/3#1 on m3
# Gangs.
submit r: g gang x4 per_node=2 apart=q/x
why r
= task "g": waits for room for all 4 at once, each 1 slot; there is room for 2
submit s: g gang x4 per_node=2
> start s/g/0#1 on m2
> start s/g/1#1 on m2
> start s/g/2#1 on m3
> start s/g/3#1 on m3
submit t: g gang x2 apart=g
= refused: task "g": the instances of a gang have a topology, not rules among themselves
submit u: g gang x2 near=x/y,node,3
= refused: task "g": a gang takes rules that must be kept, not preferred ones
submit v: g gang x2 spread=labels.zone
= refused: task "g": a gang has a topology, it is not spread over labels
submit w: x near=nothing
= refused: task "x": a rule names "nothing", and the job has no such task
submit w: x near=y,cpu
= refused: task "x": a rule names no task, or something else than node and labels.NAME
submit w: x spread=cores
= refused: task "x": only labels can be spread over
