# Of equal priority, who has used least goes first; what runs counts at once.
node n1 2
submit a1 tenant=ann: x x3
> start a1/x/0#1 on n1
> start a1/x/1#1 on n1
submit b1 tenant=bob: x x3
exit a1/x/0#1 0
> start b1/x/0#1 on n1
exit a1/x/1#1 0
> start a1/x/2#1 on n1
exit b1/x/0#1 0
> start b1/x/1#1 on n1
exit b1/x/1#1 0
> start b1/x/2#1 on n1
# What was used long ago counts little, but more than nothing.
submit a2 tenant=ann: x
wait 100
exit a1/x/2#1 0
> ended a1: finished
> start a2/x/0#1 on n1
exit b1/x/2#1 0
> ended b1: finished
exit a2/x/0#1 0
> ended a2: finished
submit f: full x2
> start f/full/0#1 on n1
> start f/full/1#1 on n1
submit b2 tenant=bob: x
submit a3 tenant=ann: x
wait 1h
exit f/full/0#1 0
> start b2/x/0#1 on n1
exit f/full/1#1 0
> ended f: finished
> start a3/x/0#1 on n1
# A higher priority goes before every share.
submit g: full x2
submit a4 tenant=ann: x
submit b3 tenant=bob priority=5: x
exit b2/x/0#1 0
> ended b2: finished
> start b3/x/0#1 on n1
exit a3/x/0#1 0
> ended a3: finished
> start a4/x/0#1 on n1
