# A clock that goes back counts as standing still.
node n1 4
submit a: t tries=2 walltime=10s
> start a/t/0#1 on n1
started a/t/0#1
clock -100s
wait 0s
exit a/t/0#1 1
clock 101s
wait 0s
wait 1s
> start a/t/0#2 on n1
exit a/t/0#2 0
> ended a: finished
state a
= finished (1 finished) exit code 0
