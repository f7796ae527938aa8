# What stands first takes the room of preemptible tasks of jobs with a lower priority.
node n1 4
submit a: x x4 tries=1 preemptible
> start a/x/0#1 on n1
> start a/x/1#1 on n1
> start a/x/2#1 on n1
> start a/x/3#1 on n1
wait 5
submit b priority=5: y
> kill a/x/3#1 on n1: preempted
why b
= task "y": waits for 1 slot; node n1 has 0 of 4 slots free; room is being made for it: preempted copies end
live
= a/x/0#1 on n1
= a/x/1#1 on n1
= a/x/2#1 on n1
= a/x/3#1 on n1, killed: preempted
exit a/x/3#1 143
> start b/y/0#1 on n1
state a/x/3
= pending; #1 on n1 exited 143 killed: preempted "preempted: a job of higher priority needed its room"
why a
= task "x": was sent to its node and has not started yet
# Its own priority and lower ones take nothing; nor what is not preemptible.
submit c priority=5: z slots=2
> kill a/x/2#1 on n1: preempted
> kill a/x/1#1 on n1: preempted
exit a/x/1#1 0
exit a/x/2#1 137
> start c/z/0#1 on n1
submit d: w
submit e priority=5: v slots=4
why e
= task "v": waits for 4 slots; node n1 has 0 of 4 slots free
cancel e
> ended e: canceled
exit b/y/0#1 0
> ended b: finished
> start a/x/1#2 on n1
exit c/z/0#1 0
> ended c: finished
> start a/x/2#2 on n1
> start a/x/3#2 on n1
live
= a/x/0#1 on n1
= a/x/1#2 on n1
= a/x/2#2 on n1
= a/x/3#2 on n1
exit a/x/1#2 0
> start d/w/0#1 on n1
exit a/x/2#2 0
exit a/x/3#2 0
exit a/x/0#1 0
> ended a: finished
exit d/w/0#1 0
> ended d: finished
# The lowest priority first, then the youngest; no more than are needed.
node n2 4
submit f priority=1: x x2 preemptible slots=2
> start f/x/0#1 on n1
> start f/x/1#1 on n1
wait 1
submit g: x preemptible slots=2
> start g/x/0#1 on n2
wait 1
submit h: x preemptible slots=2
> start h/x/0#1 on n2
wait 1
submit i priority=9: big slots=3
> kill h/x/0#1 on n2: preempted
> kill g/x/0#1 on n2: preempted
exit h/x/0#1 143
exit g/x/0#1 143
> start i/big/0#1 on n2
exit i/big/0#1 0
> ended i: finished
> start g/x/0#2 on n2
> start h/x/0#2 on n2
# On the way to be free is as good as free.
cancel g
> kill g/x/0#2 on n2: cancelled
submit j priority=9: x slots=2
exit g/x/0#2 143
> ended g: canceled
> start j/x/0#1 on n2
exit j/x/0#1 0
> ended j: finished
exit h/x/0#2 0
> ended h: finished
exit f/x/0#1 0
exit f/x/1#1 0
> ended f: finished
# A gang is taken whole, and takes for all of it or not at all.
submit k: g x6 gang preemptible
> start k/g/0#1 on n1
> start k/g/1#1 on n1
> start k/g/2#1 on n1
> start k/g/3#1 on n1
> start k/g/4#1 on n2
> start k/g/5#1 on n2
wait 1
submit l priority=1: s slots=4
> kill k/g/0#1 on n1: preempted
> kill k/g/1#1 on n1: preempted
> kill k/g/2#1 on n1: preempted
> kill k/g/3#1 on n1: preempted
> kill k/g/4#1 on n2: preempted
> kill k/g/5#1 on n2: preempted
exit k/g/0#1 143
exit k/g/1#1 143
exit k/g/2#1 143
exit k/g/3#1 143
> start l/s/0#1 on n1
exit k/g/4#1 143
exit k/g/5#1 143
why k
= task "g": waits for room for all 6 at once, each 1 slot; there is room for 4
submit m priority=2: h x3 slots=3 gang
why m
= task "h": waits for room for all 3 at once, each 3 slots; there is room for 1
cancel m
> ended m: canceled
exit l/s/0#1 0
> ended l: finished
> start k/g/0#2 on n1
> start k/g/1#2 on n1
> start k/g/2#2 on n1
> start k/g/3#2 on n1
> start k/g/4#2 on n2
> start k/g/5#2 on n2
wait 1
submit n priority=2: h x2 slots=3 gang
> kill k/g/0#2 on n1: preempted
> kill k/g/1#2 on n1: preempted
> kill k/g/2#2 on n1: preempted
> kill k/g/3#2 on n1: preempted
> kill k/g/4#2 on n2: preempted
> kill k/g/5#2 on n2: preempted
live
= k/g/0#2 on n1, killed: preempted
= k/g/1#2 on n1, killed: preempted
= k/g/2#2 on n1, killed: preempted
= k/g/3#2 on n1, killed: preempted
= k/g/4#2 on n2, killed: preempted
= k/g/5#2 on n2, killed: preempted
exit k/g/0#2 143
exit k/g/1#2 143
exit k/g/2#2 143
exit k/g/3#2 143
exit k/g/4#2 143
> start n/h/0#1 on n2
> start n/h/1#1 on n1
exit k/g/5#2 143
cancel k
> ended k: canceled
exit n/h/0#1 0
exit n/h/1#1 0
> ended n: finished
# Room for all copies of a task is made at once, within the quota; and for the next task.
submit o: x x8 preemptible
> start o/x/0#1 on n1
> start o/x/1#1 on n1
> start o/x/2#1 on n1
> start o/x/3#1 on n1
> start o/x/4#1 on n2
> start o/x/5#1 on n2
> start o/x/6#1 on n2
> start o/x/7#1 on n2
wait 1
quota user:ann tasks=3
submit p priority=1 tenant=ann: x x2
> kill o/x/3#1 on n1: preempted
> kill o/x/7#1 on n2: preempted
submit q priority=1 tenant=ann: x x2
> kill o/x/2#1 on n1: preempted
exit o/x/7#1 143
> start p/x/0#1 on n2
exit o/x/3#1 143
> start p/x/1#1 on n1
exit o/x/2#1 143
> start q/x/0#1 on n1
live
= o/x/0#1 on n1
= o/x/1#1 on n1
= o/x/4#1 on n2
= o/x/5#1 on n2
= o/x/6#1 on n2
= p/x/0#1 on n2
= p/x/1#1 on n1
= q/x/0#1 on n1
