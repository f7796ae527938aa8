# Nothing starts before its time.
node n1 2
submit a start=60: x; e expand
why a
= does not start before its time, in 60 s
why a/x
= its job does not start before its time
next
= in 60000 ms
submit b: y
> start b/y/0#1 on n1
wait 59
exit b/y/0#1 0
> ended b: finished
wait 1
> expand a/e
> start a/x/0#1 on n1
expanded a/e 1
> start a/e/0#1 on n1
exit a/x/0#1 0
exit a/e/0#1 0
> ended a: finished
submit c start=60: x
cancel c
> ended c: canceled
next
= no deadline
# The nearest deadline first, then those without.
submit d: full x2
> start d/full/0#1 on n1
> start d/full/1#1 on n1
submit e: x
submit f deadline=100: x
submit g deadline=50: x
exit d/full/0#1 0
> start g/x/0#1 on n1
exit d/full/1#1 0
> ended d: finished
> start f/x/0#1 on n1
exit g/x/0#1 0
> ended g: finished
> start e/x/0#1 on n1
exit f/x/0#1 0
> ended f: finished
exit e/x/0#1 0
> ended e: finished
# At most so many copies at once.
submit h: x x3 running=1
> start h/x/0#1 on n1
submit i: y
> start i/y/0#1 on n1
exit h/x/0#1 0
> start h/x/1#1 on n1
exit h/x/1#1 1
> ended h: failed
submit j: x gang running=2
= refused: task "x": all of a gang run at the same time, max_running does not apply
