submit a: one x2 -> two
why a
= task "one": no node is up
state a
= pending (1 waiting, 2 pending)
cancel a
> ended a: canceled
state a
= canceled (3 skipped) exit code 1 "cancelled"
cancel a
resume a
node n1 1
submit b: one x2 tries=3 delay=5s -> two
> start b/one/0#1 on n1
started b/one/0#1
forget b
state b
= running (1 waiting, 1 pending, 1 running)
cancel b
> kill b/one/0#1 on n1: cancelled
live
= b/one/0#1 on n1, started, killed: cancelled
cancel b
started b/one/0#1
state b
= running (1 running, 2 skipped) "cancelled"
why b
= waits for 1 instance to end
why b/one
= 
exit b/one/0#1 0
> ended b: canceled
state b
= canceled (2 skipped, 1 aborted) exit code 1 "cancelled"
state b/one
= aborted (1 skipped, 1 aborted)
state b/two
= skipped (1 skipped)
forget b
forget b
cancel b
# Cancelled while it waits for its next try.
submit c: one tries=2
> start c/one/0#1 on n1
exit c/one/0#1 1
cancel c
> ended c: canceled
state c/one
= skipped (1 skipped)
next
= no deadline
# Unknown things are ignored.
cancel nobody
exit nobody/x/0#1 0
exit c/one/5#1 0
