# The main job: split, three maps, one merge, on a node with two slots.
node n1 2
submit demo: split -> map x3 -> merge
> start demo/split/0#1 on n1
state demo/map
= waiting (3 waiting)
why demo/map
= waits for "split" to complete
started demo/split/0#1
exit demo/split/0#1 0
> start demo/map/0#1 on n1
> start demo/map/1#1 on n1
why demo
= task "map": was sent to its node and has not started yet
started demo/map/1#1
exit demo/map/1#1 0
> start demo/map/2#1 on n1
state demo/map
= running (2 starting, 1 finished)
exit demo/map/0#1 0
exit demo/map/2#1 0
> start demo/merge/0#1 on n1
started demo/merge/0#1
nodes
= n1 up 1/2 slots, 1 live
exit demo/merge/0#1 0
> ended demo: finished
state demo
= finished (5 finished) exit code 0
nodes
= n1 up 0/2 slots, 0 live
# Reports may come twice and late: nothing happens.
exit demo/merge/0#1 1
exit demo/map/0#1 1
started demo/map/0#1
state demo
= finished (5 finished) exit code 0
forget demo
state demo
= is not there
