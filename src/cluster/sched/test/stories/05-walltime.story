# A walltime kill is a failed try, whatever the exit code says.
node n1 4
submit w: a walltime=5s tries=2 delay=1s
> start w/a/0#1 on n1
next
= no deadline
wait 10s
started w/a/0#1
next
= in 5000 ms
wait 4s
wait 1s
> kill w/a/0#1 on n1: walltime
wait 1s
exit w/a/0#1 0
state w/a/0
= delayed for 1000 ms; #1 on n1 exited 0 killed: walltime "ran longer than its walltime of 5 s"
wait 1s
> start w/a/0#2 on n1
started w/a/0#2
wait 5s
> kill w/a/0#2 on n1: walltime
live
= w/a/0#2 on n1, started, killed: walltime
exit w/a/0#2 143
> ended w: failed
state w
= failed (1 faulty) exit code 143 "task "a" failed: ran longer than its walltime of 5 s"
# In time: the deadline is gone.
submit v: a walltime=5s
> start v/a/0#1 on n1
started v/a/0#1
exit v/a/0#1 0
> ended v: finished
next
= no deadline
# Killed by walltime, then cancelled: one kill is enough.
submit u: a walltime=5s
> start u/a/0#1 on n1
started u/a/0#1
wait 5s
> kill u/a/0#1 on n1: walltime
cancel u
exit u/a/0#1 1
> ended u: canceled
state u
= canceled (1 aborted) exit code 1 "cancelled"
# A warning is noted once, with its time; that of an attempt that is over changes nothing.
submit warns: a walltime=60s tries=2 delay=1s
> start warns/a/0#1 on n1
started warns/a/0#1
wait 50s
warned warns/a/0#1
wait 1s
warned warns/a/0#1
state warns/a/0
= running; #1 on n1 warned at 50000 ms
exit warns/a/0#1 3
state warns/a/0
= delayed for 1000 ms; #1 on n1 exited 3 warned at 50000 ms
wait 1s
> start warns/a/0#2 on n1
warned warns/a/0#1
state warns/a/0
= starting; #1 on n1 exited 3 warned at 50000 ms; #2 on n1
# It says that the program runs, too.
warned warns/a/0#2
state warns/a/0
= running; #1 on n1 exited 3 warned at 50000 ms; #2 on n1 warned at 0 ms
exit warns/a/0#2 0
> ended warns: finished
