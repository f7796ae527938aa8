# Growing default delays, then used up; an old epoch does not count.
node n1 4
submit r: a tries=3 on_error=continue -> b
> start r/a/0#1 on n1
exit r/a/0#1 7
state r/a/0
= delayed for 2000 ms; #1 on n1 exited 7
why r
= task "a": next try in 2 s
next
= in 2000 ms
exit r/a/0#1 0
wait 1s
why r/a
= next try in 1 s
state r
= stalled (1 waiting, 1 delayed)
wait 1s
> start r/a/0#2 on n1
started r/a/0#1
started r/a/0#2
started r/a/0#2
exit r/a/0#2 7
next
= in 4000 ms
wait 4s
> start r/a/0#3 on n1
exit r/a/0#3 9
> start r/b/0#1 on n1
state r/a
= faulty (1 faulty)
exit r/b/0#1 0
> ended r: finished
state r
= finished (1 finished, 1 faulty) exit code 0
# Fixed delay with backoff; delay 0 is at once.
submit f: a tries=4 delay=100ms backoff=3; b tries=2 delay=0
> start f/a/0#1 on n1
> start f/b/0#1 on n1
exit f/a/0#1 1
next
= in 100 ms
exit f/b/0#1 1
> start f/b/0#2 on n1
wait 100ms
> start f/a/0#2 on n1
exit f/a/0#2 1
next
= in 300 ms
wait 300ms
> start f/a/0#3 on n1
exit f/a/0#3 1
next
= in 900 ms
exit f/b/0#2 1
> ended f: failed
state f
= failed (1 faulty, 1 skipped) exit code 1 "task "b" failed: exit code 1"
state f/a
= skipped (1 skipped)
