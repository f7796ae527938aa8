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
# A restart by hand: what runs is killed and starts again, without using up a try, whatever its exit code was.
submit r: a x3 tries=2 delay=1h
> start r/a/0#1 on n1
> start r/a/1#1 on n1
> start r/a/2#1 on n1
started r/a/0#1
restart r 0 0
> kill r/a/0#1 on n1: restarted
restart r 0 0
state r/a/0
= running; #1 on n1 killed: restarted
exit r/a/0#1 0
> start r/a/0#2 on n1
state r/a/0
= starting; #1 on n1 exited 0 killed: restarted; #2 on n1
exit r/a/0#2 1
why r
= task "a": was sent to its node and has not started yet
# What waits for its next try has it now, and its tries count as before; what has finished stays so.
exit r/a/1#1 0
restart r 0
> kill r/a/2#1 on n1: restarted
> start r/a/0#3 on n1
exit r/a/2#1 143
> start r/a/2#2 on n1
next
= no deadline
exit r/a/2#2 0
restart r 0 7
restart r 9
restart nobody 0
exit r/a/0#3 0
> ended r: finished
state r/a
= finished (3 finished)
restart r 0
# In error: fresh tries for one of them; the other stays in error.
submit q: a x2 tries=1 on_error=pause
> start q/a/0#1 on n1
> start q/a/1#1 on n1
exit q/a/0#1 4
exit q/a/1#1 5
restart q 0 1
state q
= paused (1 paused, 1 in_error)
resume q
> start q/a/0#2 on n1
> start q/a/1#2 on n1
exit q/a/1#2 5
restart q 0 1
resume q
> start q/a/1#3 on n1
exit q/a/1#3 0
exit q/a/0#2 0
> ended q: finished
# A gang starts again as a whole.
submit h: a x2 gang
> start h/a/0#1 on n1
> start h/a/1#1 on n1
restart h 0 1
> kill h/a/1#1 on n1: restarted
exit h/a/1#1 0
> kill h/a/0#1 on n1: gang failed
exit h/a/0#1 0
> start h/a/0#2 on n1
> start h/a/1#2 on n1
exit h/a/0#2 0
exit h/a/1#2 0
> ended h: finished
# A service; one that is being killed for its job's end is left alone.
submit w: a service restart=no
> start w/a/0#1 on n1
started w/a/0#1
restart w 0
> kill w/a/0#1 on n1: restarted
exit w/a/0#1 0
> start w/a/0#2 on n1
cancel w
> kill w/a/0#2 on n1: cancelled
restart w 0
exit w/a/0#2 0
> ended w: canceled
# An expansion that failed is asked for again.
submit x: a expand on_error=suspend
> expand x/a
expanded x/a error=no-such-space
restart x 0
> expand x/a
expanded x/a 1
> start x/a/0#1 on n1
exit x/a/0#1 0
> ended x: finished
# Finished by hand: what runs ends first and counts as done, however it ends; what is delayed or in error at once; what waits is left alone.
submit k: a x4 slots=1 delay=1h tries=2 -> after; b x2 tries=1 on_error=suspend -> last; big slots=9
> start k/a/0#1 on n1
> start k/a/1#1 on n1
> start k/a/2#1 on n1
> start k/a/3#1 on n1
exit k/a/0#1 1
> start k/b/0#1 on n1
started k/a/1#1
finish k 0 0
next
= no deadline
finish k 0 1
> kill k/a/1#1 on n1: finished
exit k/a/1#1 9
> start k/b/1#1 on n1
finish k 4
state k/big
= pending (1 pending)
finish k 0
> kill k/a/2#1 on n1: finished
> kill k/a/3#1 on n1: finished
lost k/a/2#1
exit k/a/3#1 0
> start k/after/0#1 on n1
state k/a
= finished (4 finished)
exit k/after/0#1 0
exit k/b/0#1 3
exit k/b/1#1 4
why k
= task "b": is in error (instance 0: exit code 3): resume or cancel the job
finish k 2 1
state k/b
= in_error (1 in_error, 1 finished)
finish k 2
> start k/last/0#1 on n1
finish k 9
exit k/last/0#1 0
cancel k
> ended k: canceled
state k
= canceled (8 finished, 1 skipped) exit code 1 "cancelled"
# A restart after it changes nothing; a service is finished, too, and is not started again.
submit l: a service restart=always health; y after=a:healthy
> start l/a/0#1 on n1
finish l 0
> kill l/a/0#1 on n1: finished
restart l 0
exit l/a/0#1 1
> start l/y/0#1 on n1
exit l/y/0#1 0
> ended l: finished
