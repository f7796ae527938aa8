# Who asks for nothing does not come to a node that is held for one that is to be alone there.
node n1 2
submit a: x slots=1 walltime=100
> start a/x/0#1 on n1
submit b: w slots=2 exclusive
submit c: z slots=0
why c
= task "z": node n1 has room and is held for "w" of job b, which stands before it
submit d: y slots=0 walltime=50
> start d/y/0#1 on n1
exit a/x/0#1 0
> ended a: finished
exit d/y/0#1 0
> ended d: finished
> start b/w/0#1 on n1
exit b/w/0#1 0
> ended b: finished
> start c/z/0#1 on n1
