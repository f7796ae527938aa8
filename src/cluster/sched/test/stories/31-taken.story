# Single copies that wait for room, taken by hand: they never start, and the others are started as if they were not there.
node n1 2
submit j: a x8 slots=1 -> after
> start j/a/0#1 on n1
> start j/a/1#1 on n1
take j 0 4
take j 0 6
take j 0 2
state j
= running (1 waiting, 3 pending, 2 starting, 3 finished)
take j 0 4
take j 0 99
state j/a/4
= finished
state j/a/5
= pending
why j/a
= was sent to its node and has not started yet
exit j/a/0#1 0
> start j/a/3#1 on n1
exit j/a/1#1 0
> start j/a/5#1 on n1
exit j/a/3#1 0
> start j/a/7#1 on n1
exit j/a/5#1 0
exit j/a/7#1 0
> start j/after/0#1 on n1
exit j/after/0#1 0
> ended j: finished
state j
= finished (9 finished) exit code 0
# Before its turn: it waits for another task, for its time, in a paused job. One that waits for its whole task goes on when the last is done.
# Before its turn: it waits for another task; what waits for all of it goes on when the last is done.
submit w: first -> a x3 -> last
> start w/first/0#1 on n1
take w 1 0
take w 1 2
state w
= running (2 waiting, 1 starting, 2 finished)
exit w/first/0#1 0
> start w/a/1#1 on n1
exit w/a/1#1 0
> start w/last/0#1 on n1
exit w/last/0#1 0
> ended w: finished
# A whole task that has not begun, also one whose copies nobody knows yet: whoever waits for it goes on, whatever for.
submit v: first slots=1 -> a x100000; b after=a:started; e expand after=b; c after=e:healthy
> start v/first/0#1 on n1
take v 1
> start v/b/0#1 on n1
state v/a
= finished (100000 finished)
take v 3
exit v/b/0#1 0
> start v/c/0#1 on n1
exit v/c/0#1 0
exit v/first/0#1 0
> ended v: finished
# In a paused job, before its time, and during a delay.
submit p: a x2 slots=2 tries=2 delay=1h
> start p/a/0#1 on n1
exit p/a/0#1 1
> start p/a/1#1 on n1
pause p
take p 0 0
state p
= paused (1 starting, 1 finished)
take p 0 1
> kill p/a/1#1 on n1: finished
exit p/a/1#1 143
> ended p: finished
submit s start=7200: a x2
take s 0 1
state s
= pending (1 pending, 1 finished)
take s 0 0
> ended s: finished
# As failed: what the policy says. One that was killed to start again does not.
submit c: a x3 on_error=continue -> after
> start c/a/0#1 on n1
> start c/a/1#1 on n1
restart c 0 0
> kill c/a/0#1 on n1: restarted
take c 0 0 as=failed
take c 0 2 as=failed
exit c/a/1#1 0
exit c/a/0#1 0
> start c/after/0#1 on n1
exit c/after/0#1 0
> ended c: finished
state c
= finished (2 finished, 2 faulty) exit code 0
submit d: a x3 slots=1 on_error=cancel; b
> start d/a/0#1 on n1
> start d/a/1#1 on n1
take d 0 2 as=failed
> kill d/a/0#1 on n1: cancelled
> kill d/a/1#1 on n1: cancelled
exit d/a/0#1 0
exit d/a/1#1 0
> ended d: failed
state d
= failed (1 faulty, 1 skipped, 2 aborted) exit code 1 "task "a" failed: instance 2: taken as failed by hand"
submit e: a x2 tries=1 on_error=suspend -> after
> start e/a/0#1 on n1
> start e/a/1#1 on n1
exit e/a/0#1 5
take e 0 0 as=failed
exit e/a/1#1 0
> ended e: failed
state e
= failed (1 finished, 1 faulty, 1 skipped) exit code 1 "task "after" could not run: what it waits for did not happen"
# Cancelled: the others go on, what needs the task is skipped, and the job has failed.
submit k: a x4 -> after
> start k/a/0#1 on n1
> start k/a/1#1 on n1
take k 0 3 as=cancelled
take k 0 0 as=cancelled
> kill k/a/0#1 on n1: cancelled
exit k/a/0#1 0
> start k/a/2#1 on n1
exit k/a/1#1 0
exit k/a/2#1 0
> ended k: failed
state k
= failed (2 finished, 2 skipped, 1 aborted) exit code 1 "task "a": instance 3: cancelled by hand"
submit l: a x3; b after=a
> start l/a/0#1 on n1
> start l/a/1#1 on n1
take l 0 as=cancelled
> kill l/a/0#1 on n1: cancelled
> kill l/a/1#1 on n1: cancelled
take l 0 2
exit l/a/0#1 0
exit l/a/1#1 0
> ended l: failed
state l
= failed (2 skipped, 2 aborted) exit code 1 "task "a": cancelled by hand"
# A gang that waits is taken as a whole, or not at all.
submit g: a x3 gang slots=1; b after=a
take g 0 1
state g
= pending (1 waiting, 3 pending)
take g 0
> start g/b/0#1 on n1
exit g/b/0#1 0
> ended g: finished
# All of them, while some run: what waits does not start any more.
submit m: a x5 -> b
> start m/a/0#1 on n1
> start m/a/1#1 on n1
take m 0
> kill m/a/0#1 on n1: finished
> kill m/a/1#1 on n1: finished
state m
= running (1 waiting, 2 starting, 3 finished)
exit m/a/0#1 1
exit m/a/1#1 1
> start m/b/0#1 on n1
exit m/b/0#1 0
> ended m: finished
# Lost copies that wait again, and one of them is what nodes are held for.
node n2 4
submit big: a slots=6
submit q: a x4 slots=2 tries=1
> start q/a/0#1 on n1
> start q/a/1#1 on n2
> start q/a/2#1 on n2
down n2
take q 0 2
node n2 4
> start q/a/1#2 on n2
> start q/a/3#1 on n2
take q 0 1
> kill q/a/1#2 on n2: finished
exit q/a/1#2 0
exit q/a/3#1 0
exit q/a/0#1 0
> ended q: finished
cancel big
> ended big: canceled
