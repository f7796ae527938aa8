node n1 10
# cancel: the others are killed, the rest is skipped, the job fails with that exit code.
submit c: bad; long x2; never slots=50 -> after
> start c/bad/0#1 on n1
> start c/long/0#1 on n1
> start c/long/1#1 on n1
started c/long/0#1
exit c/bad/0#1 3
> kill c/long/0#1 on n1: cancelled
> kill c/long/1#1 on n1: cancelled
why c
= waits for 2 instances to end
state c
= running (1 starting, 1 running, 1 faulty, 2 skipped) "task "bad" failed: exit code 3"
exit c/long/1#1 0
exit c/long/0#1 143
> ended c: failed
state c
= failed (1 faulty, 2 skipped, 2 aborted) exit code 3 "task "bad" failed: exit code 3"
state c/bad
= faulty (1 faulty)
state c/long
= aborted (2 aborted)
state c/never
= skipped (1 skipped)
state c/after
= skipped (1 skipped)
# suspend: the task waits for a resume, other branches go on.
submit s: bad on_error=suspend -> next; other -> last
> start s/bad/0#1 on n1
> start s/other/0#1 on n1
exit s/bad/0#1 3
state s
= in_error (2 waiting, 1 starting, 1 in_error)
why s
= task "bad": is in error (exit code 3): resume or cancel the job
exit s/other/0#1 0
> start s/last/0#1 on n1
exit s/last/0#1 0
state s
= in_error (1 waiting, 1 in_error, 2 finished)
resume s
> start s/bad/0#2 on n1
exit s/bad/0#2 0
> start s/next/0#1 on n1
exit s/next/0#1 0
> ended s: finished
state s
= finished (4 finished) exit code 0
# suspend, then cancel
submit t: bad on_error=suspend -> next
> start t/bad/0#1 on n1
exit t/bad/0#1 3
cancel t
> ended t: canceled
state t
= canceled (1 faulty, 1 skipped) exit code 1 "cancelled"
state t/bad
= faulty (1 faulty)
# pause: what runs ends, nothing new starts.
submit p: bad on_error=pause; run -> next; big slots=9
> start p/bad/0#1 on n1
> start p/run/0#1 on n1
exit p/bad/0#1 1
state p
= paused (1 starting, 2 paused, 1 in_error)
why p
= task "bad": is in error (exit code 1): resume or cancel the job
exit p/run/0#1 0
state p
= paused (2 paused, 1 in_error, 1 finished)
state p/next
= paused (1 paused)
why p/next
= its job is paused: resume or cancel it
resume p
> start p/bad/0#2 on n1
> start p/next/0#1 on n1
exit p/bad/0#2 0
> start p/big/0#1 on n1
exit p/next/0#1 0
exit p/big/0#1 0
> ended p: finished
state p
= finished (4 finished) exit code 0
