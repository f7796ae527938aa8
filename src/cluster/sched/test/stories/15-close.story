# A closed node takes nothing new; what runs on it goes on.
node n1 2
submit a: x
> start a/x/0#1 on n1
close n1
submit b: y
why b/y
= node n1 is locked or being drained, and no other is up
exit a/x/0#1 0
> ended a: finished
# Another one takes it.
node n2 1
> start b/y/0#1 on n2
submit c: z
# Closed stays closed over a loss.
down n1
node n1 2
nodes
= n1 up closed 0/2 slots, 0 live
= n2 up 1/1 slots, 1 live
open n1
> start c/z/0#1 on n1
# Before it came.
close n3
node n3 4
submit d: w slots=4
why d/w
= needs 4 slots; node n1 has 2 in all
open n3
> start d/w/0#1 on n3
