node n1 1
submit a: t -> u slots=2
> start a/t/0#1 on n1
state a
= running (1 waiting, 1 starting)
exit a/t/0#1 0
state a
= stalled (1 pending, 1 finished)
why a
= task "u": needs 2 slots; node n1 has 1 in all
why a/u
= needs 2 slots; node n1 has 1 in all
submit b: v
> start b/v/0#1 on n1
state b
= running (1 starting)
exit b/v/0#1 0
> ended b: finished
node n1 2
> start a/u/0#1 on n1
state a
= running (1 starting, 1 finished)
exit a/u/0#1 0
> ended a: finished
# Refused at submit.
submit a: x
= refused: job a is already there
submit c: a -> b
> start c/a/0#1 on n1
submit d: a; a
= refused: task "a" is there twice
submit e: a tries=0
= refused: task "a": at least one try is needed
submit f: a x1000001
= refused: task "a": 1000001 instances, more than 1000000
submit g: a backoff=0.5
= refused: task "a": backoff 0.5, at least 1 is needed
