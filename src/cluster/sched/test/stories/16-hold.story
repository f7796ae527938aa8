# The first that has no room is not overtaken for ever: nodes are held for it.
node n1 4
submit a: x walltime=100
> start a/x/0#1 on n1
submit b: y slots=4 walltime=50
started a/x/0#1
why b
= task "y": waits for 4 slots; node n1 has 3 of 4 slots free; should start in 100 s or later
# This one would keep b waiting ...
submit c: z walltime=200
why c
= task "z": node n1 has room and is held for "y" of job b, which stands before it
why b
= task "y": waits for 4 slots; node n1 has 3 of 4 slots free; should start in 100 s at the latest
# ... and this one has ended by then.
submit d: w walltime=90
> start d/w/0#1 on n1
# What stands before it starts.
submit e priority=1: v walltime=500
> start e/v/0#1 on n1
> start c/z/0#1 on n1
# Now b has to wait longer, and so this one ends before.
exit e/v/0#1 0
> ended e: finished
exit d/w/0#1 0
> ended d: finished
exit a/x/0#1 0
> ended a: finished
exit c/z/0#1 0
> ended c: finished
> start b/y/0#1 on n1
exit b/y/0#1 0
> ended b: finished
# Room that is left over even when it starts is for all.
node n2 8
submit f: x walltime=10
> start f/x/0#1 on n1
submit g: y slots=9
why g
= task "y": needs 9 slots; node n2 has 8 in all
submit h: y slots=6 walltime=10
> start h/y/0#1 on n2
submit i: y slots=7
submit j: w
> start j/w/0#1 on n2
submit k: w x3
> start k/w/0#1 on n1
> start k/w/1#1 on n1
> start k/w/2#1 on n1
submit m: w
why m
= task "w": node n2 has room and is held for "y" of job i, which stands before it
# Nobody is held up by what can never start, or has gone.
cancel i
> ended i: canceled
> start m/w/0#1 on n2
