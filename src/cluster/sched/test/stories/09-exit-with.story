node n1 20
submit e exit_with=test: db service restart=always; test after=db:started; more after=test
> start e/db/0#1 on n1
started e/db/0#1
> start e/test/0#1 on n1
exit e/test/0#1 0
> kill e/db/0#1 on n1: job ended
state e/more
= skipped (1 skipped)
exit e/db/0#1 143
> ended e: finished
state e
= finished (1 finished, 1 skipped, 1 aborted) exit code 0 "task "test" ended"
state e/db
= aborted (1 aborted)
# Its failure is the job's, exit code included.
submit f exit_with=test: db service restart=always; test on_error=continue
> start f/db/0#1 on n1
> start f/test/0#1 on n1
started f/db/0#1
exit f/test/0#1 42
> kill f/db/0#1 on n1: job ended
exit f/db/0#1 0
> ended f: failed
state f
= failed (1 faulty, 1 aborted) exit code 42 "task "test" failed: exit code 42"
# A service can decide too; two instances.
submit g exit_with=main: main service x2 restart=no; side service restart=always
> start g/main/0#1 on n1
> start g/main/1#1 on n1
> start g/side/0#1 on n1
exit g/main/0#1 0
started g/side/0#1
exit g/main/1#1 0
> kill g/side/0#1 on n1: job ended
exit g/side/0#1 0
> ended g: finished
state g
= finished (2 finished, 1 aborted) exit code 0 "task "main" ended"
# It cannot run at all.
submit h exit_with=test: db service health; test after=db:healthy; side service
> start h/db/0#1 on n1
> start h/side/0#1 on n1
exit h/db/0#1 0
> kill h/side/0#1 on n1: job ended
exit h/side/0#1 0
> ended h: failed
state h
= failed (1 finished, 1 skipped, 1 aborted) exit code 1 "task "test" could not run"
