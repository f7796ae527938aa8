node n1 20
# started: all instances have started once. Fast ones may end before that is told.
submit a: db x2; web after=db:started
> start a/db/0#1 on n1
> start a/db/1#1 on n1
started a/db/0#1
why a/web
= waits for "db" to start
exit a/db/1#1 0
> start a/web/0#1 on n1
exit a/db/0#1 0
exit a/web/0#1 0
> ended a: finished
# healthy: all at the same time.
submit h: db x2 service health restart=no; web after=db:healthy
> start h/db/0#1 on n1
> start h/db/1#1 on n1
started h/db/0#1
started h/db/1#1
healthy h/db/0#1
unhealthy h/db/0#1
healthy h/db/1#1
why h/web
= waits for "db" to become healthy
healthy h/db/0#1
> start h/web/0#1 on n1
unhealthy h/db/1#1
exit h/web/0#1 0
state h
= running (2 running, 1 finished)
exit h/db/0#1 0
state h/db
= running (1 running, 1 finished)
exit h/db/1#1 0
> ended h: finished
state h
= finished (3 finished) exit code 0
# healthy without a health check: started is enough. A health report says started too.
submit w: db service; web after=db:healthy; cache service health; app after=cache:healthy
> start w/db/0#1 on n1
> start w/cache/0#1 on n1
started w/db/0#1
> start w/web/0#1 on n1
healthy w/cache/0#1
> start w/app/0#1 on n1
state w/cache/0
= running; #1 on n1 healthy
cancel w
> kill w/db/0#1 on n1: cancelled
> kill w/web/0#1 on n1: cancelled
> kill w/cache/0#1 on n1: cancelled
> kill w/app/0#1 on n1: cancelled
exit w/db/0#1 0
exit w/web/0#1 0
exit w/cache/0#1 0
exit w/app/0#1 0
> ended w: canceled
state w
= canceled (4 aborted) exit code 1 "cancelled"
# It ended without having been healthy: impossible. Required skips, not required goes on, and what waits for the skipped is skipped.
submit i: db service health; web after=db:healthy -> page; opt after=db:healthy?; late after=page?; all after=page,opt
> start i/db/0#1 on n1
exit i/db/0#1 0
> start i/opt/0#1 on n1
> start i/late/0#1 on n1
exit i/opt/0#1 0
exit i/late/0#1 0
> ended i: failed
state i
= failed (3 finished, 3 skipped) exit code 1 "task "web" could not run: what it waits for did not happen"
state i/web
= skipped (1 skipped)
state i/page
= skipped (1 skipped)
state i/all
= skipped (1 skipped)
# Two edges; why names the first that is open.
submit two: a; b; c after=a,b:started
> start two/a/0#1 on n1
> start two/b/0#1 on n1
why two/c
= waits for "a" to complete and for 1 more
started two/b/0#1
why two/c
= waits for "a" to complete
exit two/b/0#1 0
exit two/a/0#1 0
> start two/c/0#1 on n1
exit two/c/0#1 0
> ended two: finished
# A faulty task under continue: its children run, whatever they wait for.
submit k: a on_error=continue health; b after=a; c after=a:started; d after=a:healthy
> start k/a/0#1 on n1
fail k/a/0#1 no-such-image
> start k/b/0#1 on n1
> start k/c/0#1 on n1
> start k/d/0#1 on n1
exit k/b/0#1 0
exit k/c/0#1 0
exit k/d/0#1 0
> ended k: finished
state k
= finished (3 finished, 1 faulty) exit code 0
state k/a/0
= faulty; #1 on n1 failed 0 "no-such-image"
