# All at once or none.
node n1 2
node n2 3
submit a: r x4 gang
> start a/r/0#1 on n1
> start a/r/1#1 on n1
> start a/r/2#1 on n2
> start a/r/3#1 on n2
submit b: r x2 gang
why b
= task "r": waits for room for all 2 at once, each 1 slot; there is room for 1
started a/r/0#1
started a/r/1#1
# One fails: all start anew together, and only the failure counts.
submit c: r x3 gang tries=2 delay=5
exit a/r/0#1 1
> kill a/r/1#1 on n1: cancelled
> kill a/r/2#1 on n2: cancelled
> kill a/r/3#1 on n2: cancelled
> start b/r/0#1 on n1
> start b/r/1#1 on n2
exit a/r/1#1 143
exit a/r/2#1 143
exit a/r/3#1 143
> ended a: failed
> start c/r/0#1 on n1
> start c/r/1#1 on n2
> start c/r/2#1 on n2
started c/r/0#1
started c/r/1#1
exit c/r/1#1 7
> kill c/r/0#1 on n1: gang failed
> kill c/r/2#1 on n2: gang failed
exit c/r/0#1 0
why c
= task "r": was sent to its node and has not started yet
wait 5
exit c/r/2#1 143
> start c/r/0#2 on n1
> start c/r/1#2 on n2
> start c/r/2#2 on n2
# A node that is lost takes the whole gang with it.
down n1
> kill b/r/1#1 on n2: gang failed
> kill c/r/1#2 on n2: gang failed
> kill c/r/2#2 on n2: gang failed
exit c/r/1#2 143
exit c/r/2#2 143
exit b/r/1#1 143
> start b/r/0#2 on n2
> start b/r/1#2 on n2
node n1 2
> start c/r/0#3 on n2
> start c/r/1#3 on n1
> start c/r/2#3 on n1
cancel c
> kill c/r/0#3 on n2: cancelled
> kill c/r/1#3 on n1: cancelled
> kill c/r/2#3 on n1: cancelled
exit c/r/0#3 143
exit c/r/1#3 143
exit c/r/2#3 143
> ended c: canceled
cancel b
> kill b/r/0#2 on n2: cancelled
> kill b/r/1#2 on n2: cancelled
exit b/r/0#2 143
exit b/r/1#2 143
> ended b: canceled
nodes
= n1 up 0/2 slots, 0 live
= n2 up 0/3 slots, 0 live
# Topologies: on one node, on few nodes, on as many as there are copies; and alone on a node.
submit d: one x3 gang topology=one
> start d/one/0#1 on n2
> start d/one/1#1 on n2
> start d/one/2#1 on n2
submit e: one x3 gang topology=one
why e
= task "one": waits for room for all 3 at once on one node, each 1 slot; there is room for 2
cancel e
> ended e: canceled
cancel d
> kill d/one/0#1 on n2: cancelled
> kill d/one/1#1 on n2: cancelled
> kill d/one/2#1 on n2: cancelled
exit d/one/0#1 143
exit d/one/1#1 143
exit d/one/2#1 143
> ended d: canceled
submit f: few x3 gang topology=few
> start f/few/0#1 on n2
> start f/few/1#1 on n2
> start f/few/2#1 on n2
cancel f
> kill f/few/0#1 on n2: cancelled
> kill f/few/1#1 on n2: cancelled
> kill f/few/2#1 on n2: cancelled
exit f/few/0#1 143
exit f/few/1#1 143
exit f/few/2#1 143
> ended f: canceled
submit g: apart x3 topology=apart
> start g/apart/0#1 on n2
> start g/apart/1#1 on n1
why g
= task "apart": was sent to its node and has not started yet
cancel g
> kill g/apart/0#1 on n2: cancelled
> kill g/apart/1#1 on n1: cancelled
exit g/apart/0#1 143
exit g/apart/1#1 143
> ended g: canceled
submit h: x
> start h/x/0#1 on n1
submit i: alone x2 exclusive
> start i/alone/0#1 on n2
> start i/alone/1#1 on n2
submit j: y
> start j/y/0#1 on n1
why j
= task "y": was sent to its node and has not started yet
exit h/x/0#1 0
> ended h: finished
exit i/alone/0#1 0
exit i/alone/1#1 0
> ended i: finished
# What makes no sense.
submit k: x gang elsewhere
= refused: task "x": the instances of a gang cannot be tried elsewhere one by one
submit l: x topology=one
= refused: task "x": only a gang can ask to be on one node or on few
submit m: x gang topology=spread
= refused: task "x": a gang can ask to be apart, not to be spread
# Spread: the emptiest node first.
node n3 3
submit n: x x3 topology=spread
> start n/x/0#1 on n3
> start n/x/1#1 on n2
> start n/x/2#1 on n3
