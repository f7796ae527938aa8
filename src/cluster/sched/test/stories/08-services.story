node n1 20
# always: delays double, and start anew after 10 s of running.
submit s: web service slots=0 restart=always
> start s/web/0#1 on n1
started s/web/0#1
exit s/web/0#1 0
next
= in 100 ms
wait 100ms
> start s/web/0#2 on n1
exit s/web/0#2 1
next
= in 200 ms
wait 200ms
> start s/web/0#3 on n1
started s/web/0#3
wait 9999ms
exit s/web/0#3 1
next
= in 400 ms
wait 400ms
> start s/web/0#4 on n1
started s/web/0#4
wait 10s
exit s/web/0#4 1
next
= in 100 ms
state s
= stalled (1 delayed)
cancel s
> ended s: canceled
state s
= canceled (1 skipped) exit code 1 "cancelled"
# no: exit 0 is finished, else faulty with on_error.
submit n: a service restart=no; b service restart=no on_error=continue
> start n/a/0#1 on n1
> start n/b/0#1 on n1
exit n/a/0#1 0
exit n/b/0#1 2
> ended n: finished
state n
= finished (1 finished, 1 faulty) exit code 0
# on-failure with a limit.
submit f: a service restart=on-failure max=2
> start f/a/0#1 on n1
exit f/a/0#1 1
wait 100ms
> start f/a/0#2 on n1
exit f/a/0#2 1
wait 200ms
> start f/a/0#3 on n1
exit f/a/0#3 5
> ended f: failed
state f
= failed (1 faulty) exit code 5 "task "a" failed: exit code 5"
submit g: a service restart=on-failure
> start g/a/0#1 on n1
exit g/a/0#1 1
wait 100ms
> start g/a/0#2 on n1
exit g/a/0#2 0
> ended g: finished
state g
= finished (1 finished) exit code 0
# Services keep their job running.
submit k: web service restart=always; t
> start k/web/0#1 on n1
> start k/t/0#1 on n1
started k/web/0#1
exit k/t/0#1 0
state k
= running (1 running, 1 finished)
why k
= 
cancel k
> kill k/web/0#1 on n1: cancelled
exit k/web/0#1 0
> ended k: canceled
state k
= canceled (1 finished, 1 aborted) exit code 1 "cancelled"
# A lost service starts again whatever its policy.
submit l: a service restart=no
> start l/a/0#1 on n1
started l/a/0#1
lost l/a/0#1
> start l/a/0#2 on n1
exit l/a/0#2 0
> ended l: finished
state l
= finished (1 finished) exit code 0
