node n1 10
submit e: list -> map expand -> merge
> start e/list/0#1 on n1
state e/map
= waiting
exit e/list/0#1 0
> expand e/map
live
= expanding e/map
why e
= task "map": waits for its number of instances
why e/map
= waits for its number of instances
state e/map
= pending
state e
= running (1 waiting, 1 finished)
expanded e/map 3
> start e/map/0#1 on n1
> start e/map/1#1 on n1
> start e/map/2#1 on n1
expanded e/map 5
exit e/map/0#1 0
exit e/map/1#1 0
exit e/map/2#1 0
> start e/merge/0#1 on n1
exit e/merge/0#1 0
> ended e: finished
state e
= finished (5 finished) exit code 0
# No instance at all: finished, and what follows runs.
submit z: map expand -> merge
> expand z/map
expanded z/map 0
> start z/merge/0#1 on n1
state z/map
= finished
exit z/merge/0#1 0
> ended z: finished
state z
= finished (1 finished) exit code 0
# An error counts as a failure whose tries are used up.
submit x: map expand; run
> expand x/map
> start x/run/0#1 on n1
expanded x/map 0 error=no-such-space
> kill x/run/0#1 on n1: cancelled
exit x/run/0#1 143
> ended x: failed
state x
= failed (1 aborted) exit code 1 "task "map" failed: no-such-space"
state x/map
= faulty
submit y: map expand on_error=continue -> merge
> expand y/map
expanded y/map 0 error=no-such-space
> start y/merge/0#1 on n1
state y/map
= faulty
exit y/merge/0#1 0
> ended y: finished
state y
= finished (1 finished) exit code 0
submit s: map expand on_error=suspend -> merge
> expand s/map
expanded s/map 0 error=no-such-space
state s
= in_error (1 waiting)
why s
= task "map": is in error (no-such-space): resume or cancel the job
resume s
> expand s/map
expanded s/map 1
> start s/map/0#1 on n1
exit s/map/0#1 0
> start s/merge/0#1 on n1
exit s/merge/0#1 0
> ended s: finished
state s
= finished (2 finished) exit code 0
# Too many.
submit m: one; map expand on_error=suspend
> expand m/map
> start m/one/0#1 on n1
expanded m/map 1000000
state m/map
= in_error
why m/map
= is in error (1000000 more instances make more than 1000000 in the job): resume or cancel the job
cancel m
> kill m/one/0#1 on n1: cancelled
# Late answers are ignored.
expanded m/map 3
exit m/one/0#1 0
> ended m: canceled
expanded m/map 3
# Not asked for while the job is paused.
submit q: bad on_error=pause; a -> map expand
> start q/bad/0#1 on n1
> start q/a/0#1 on n1
exit q/bad/0#1 1
exit q/a/0#1 0
live
resume q
> expand q/map
> start q/bad/0#2 on n1
exit q/bad/0#2 0
expanded q/map 0
> ended q: finished
state q
= finished (2 finished) exit code 0
