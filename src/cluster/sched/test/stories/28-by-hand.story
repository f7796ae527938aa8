# A pause by hand: what runs goes on, and its next try comes after the resume; nothing new starts.
node n1 4
submit j: a tries=2 delay=0; b -> c; big slots=4
> start j/a/0#1 on n1
> start j/b/0#1 on n1
pause nobody
pause j
started j/a/0#1
why j
= is paused: what runs goes on, nothing new starts; resume or cancel it
state j
= paused (1 starting, 1 running, 2 paused)
why j/big
= its job is paused: resume or cancel it
exit j/b/0#1 0
exit j/a/0#1 1
state j
= paused (3 paused, 1 finished)
why j
= is paused: nothing new starts; resume or cancel it
pause j
next
= no deadline
resume j
> start j/a/0#2 on n1
> start j/c/0#1 on n1
why j
= task "a": was sent to its node and has not started yet
exit j/a/0#2 0
exit j/c/0#1 0
> start j/big/0#1 on n1
exit j/big/0#1 0
> ended j: finished
# What has ended is not paused.
pause j
state j
= finished (4 finished) exit code 0
# A pause while it ends does not hold its end up; what is paused can be cancelled.
submit e: a
> start e/a/0#1 on n1
pause e
cancel e
> kill e/a/0#1 on n1: cancelled
pause e
exit e/a/0#1 1
> ended e: canceled
submit f: a slots=9
pause f
why f
= is paused: nothing new starts; resume or cancel it
why f/a
= its job is paused: resume or cancel it
cancel f
> ended f: canceled
# A task in error is told first; the resume tries it again.
submit g: a on_error=suspend; b
> start g/a/0#1 on n1
> start g/b/0#1 on n1
exit g/a/0#1 3
pause g
state g
= paused (1 starting, 1 in_error)
why g
= task "a": is in error (exit code 3): resume or cancel the job
resume g
> start g/a/0#2 on n1
exit g/a/0#2 0
exit g/b/0#1 0
> ended g: finished
