# A node that is to be empty: what runs there is told to end, and starts elsewhere only when it has ended.
node n1 4
node n2 4
submit a: x; y x2 gang
> start a/x/0#1 on n1
> start a/y/0#1 on n1
> start a/y/1#1 on n1
started a/x/0#1
close n1
empty n1
> kill a/x/0#1 on n1: drained
> kill a/y/0#1 on n1: drained
> kill a/y/1#1 on n1: drained
# Whatever its code: it has not done its work. No try is used up.
exit a/x/0#1 0
> start a/x/0#2 on n2
exit a/y/0#1 143
exit a/y/1#1 143
> start a/y/0#2 on n2
> start a/y/1#2 on n2
# Nothing is there any more, and nobody knows the other one.
empty n1
empty nowhere
# Once is enough; a loss does the rest.
empty n2
> kill a/x/0#2 on n2: drained
> kill a/y/0#2 on n2: drained
> kill a/y/1#2 on n2: drained
empty n2
open n1
down n2
> start a/x/0#3 on n1
> start a/y/0#3 on n1
> start a/y/1#3 on n1
