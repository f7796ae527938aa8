# A lost attempt does not use up a try; the sixth in a row does.
node n1 1
submit l: a tries=2 delay=1s
> start l/a/0#1 on n1
lost l/a/0#1
> start l/a/0#2 on n1
started l/a/0#2
lost l/a/0#2
> start l/a/0#3 on n1
lost l/a/0#3
> start l/a/0#4 on n1
lost l/a/0#4
> start l/a/0#5 on n1
lost l/a/0#5
> start l/a/0#6 on n1
state l/a/0
= starting; #1 on n1 lost 0; #2 on n1 lost 0; #3 on n1 lost 0; #4 on n1 lost 0; #5 on n1 lost 0; #6 on n1
lost l/a/0#6
state l/a/0
= delayed for 1000 ms; #1 on n1 lost 0; #2 on n1 lost 0; #3 on n1 lost 0; #4 on n1 lost 0; #5 on n1 lost 0; #6 on n1 lost 0
wait 1s
> start l/a/0#7 on n1
lost l/a/0#7
> start l/a/0#8 on n1
exit l/a/0#8 0
> ended l: finished
state l
= finished (1 finished) exit code 0
# A node that goes down loses what runs on it; elsewhere it starts again.
node n2 4
submit d: a x3 walltime=10s
> start d/a/0#1 on n1
> start d/a/1#1 on n2
> start d/a/2#1 on n2
started d/a/0#1
started d/a/1#1
down n2
nodes
= n1 up 1/1 slots, 1 live
= n2 down 0/4 slots, 0 live
next
= in 10000 ms
why d/a
= 2 more wait: waits for 1 slot; node n1 has 0 of 1 slot free; should start in 10 s or later
exit d/a/0#1 0
> start d/a/1#2 on n1
exit d/a/2#2 0
node n2 4
> start d/a/2#2 on n2
exit d/a/2#1 0
exit d/a/0#2 0
exit d/a/1#2 0
state d
= running (1 starting, 2 finished)
state d/a/1
= finished; #1 on n2 lost 0 "node n2 went down"; #2 on n1 exited 0
down n2
> start d/a/2#3 on n1
down n2
down nowhere
