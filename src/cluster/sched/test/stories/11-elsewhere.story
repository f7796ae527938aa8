# Not again where it failed; a lost attempt bans nothing.
node n1 4
node n2 5
submit e: a x2 tries=3 delay=0 elsewhere
> start e/a/0#1 on n1
> start e/a/1#1 on n1
lost e/a/0#1
> start e/a/0#2 on n1
exit e/a/0#2 1
> start e/a/0#3 on n2
exit e/a/0#3 1
why e/a
= was sent to its node and has not started yet
state e/a/0
= pending; #1 on n1 lost 0; #2 on n1 exited 1; #3 on n2 exited 1
exit e/a/1#1 1
> start e/a/1#2 on n2
exit e/a/1#2 0
node n3 1
> start e/a/0#4 on n3
exit e/a/0#4 0
> ended e: finished
state e
= finished (2 finished) exit code 0
# Resume gives fresh tries everywhere.
submit s: a tries=4 delay=0 elsewhere on_error=suspend
> start s/a/0#1 on n3
exit s/a/0#1 1
> start s/a/0#2 on n1
exit s/a/0#2 1
> start s/a/0#3 on n2
exit s/a/0#3 1
why s
= task "a": may not run again where it failed (node n1, n2, n3), and no other node that is up is large enough
down n1
down n2
down n3
why s
= task "a": no node is up
node n1 4
cancel s
> ended s: canceled
state s
= canceled (1 skipped) exit code 1 "cancelled"
# A node that is too small is not the reason.
node big 8
node small 1
down n1
submit w: a slots=4 tries=4 delay=0 elsewhere
> start w/a/0#1 on big
exit w/a/0#1 1
why w/a
= may not run again where it failed (node big), and no other node that is up is large enough
