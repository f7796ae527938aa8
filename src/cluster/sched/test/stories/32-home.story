# What hands files on through spaces of its job runs where the first of it started, and waits there for room.
node n1 2
node n2 2
node n3 8
submit a: gen home; use x4 home after=gen; other after=gen
> start a/gen/0#1 on n1
exit a/gen/0#1 0
> start a/use/0#1 on n1
> start a/use/1#1 on n1
> start a/other/0#1 on n2
started a/use/0#1
started a/use/1#1
why a/use
= 2 more wait: waits for 1 slot; node n1 has 0 of 2 slots free
exit a/use/0#1 0
> start a/use/2#1 on n1
# When its node is lost, what has finished there is missing: it waits, and says for what.
down n1
why a/use
= waits for node n1, which is down: the files that its job has staged out lie there
node n1 2
> start a/use/1#2 on n1
> start a/use/2#2 on n1
exit a/use/1#2 0
> start a/use/3#1 on n1
close n1
exit a/use/2#2 0
exit a/use/3#1 0
open n1
exit a/other/0#1 0
> ended a: finished
# As long as nothing of it has finished, another node does as well.
submit b: gen x2 home tries=2 delay=0 elsewhere
> start b/gen/0#1 on n1
> start b/gen/1#1 on n1
down n1
> start b/gen/0#2 on n2
> start b/gen/1#2 on n2
node n1 2
exit b/gen/0#2 0
# What has finished keeps the others there, also those that would rather be elsewhere.
exit b/gen/1#2 1
> start b/gen/1#3 on n2
exit b/gen/1#3 0
> ended b: finished
# Alone it goes where it has not failed.
submit c: gen home tries=2 delay=0 elsewhere
> start c/gen/0#1 on n1
exit c/gen/0#1 1
> start c/gen/0#2 on n2
exit c/gen/0#2 0
> ended c: finished
# Nodes whose spaces are one file system are one home.
facts n2 spaces=s1
facts n3 spaces=s1
node n1 1
submit d: gen home slots=2 -> use x4 home
> start d/gen/0#1 on n2
exit d/gen/0#1 0
> start d/use/0#1 on n2
> start d/use/1#1 on n2
> start d/use/2#1 on n3
> start d/use/3#1 on n3
# A gang, and what is to be apart, asks for nodes of its own.
submit e: all gang x4 home
> start e/all/0#1 on n1
> start e/all/1#1 on n3
> start e/all/2#1 on n3
> start e/all/3#1 on n3
submit f: all x2 home topology=apart
> start f/all/0#1 on n3
# Where the first of it starts is large enough for all of it.
node n4 2
> start f/all/1#1 on n4
node n5 6
submit g: gen home select=hostname~in~[n4,n5] -> use slots=5 home select=hostname~in~[n4,n5]
> start g/gen/0#1 on n5
# What has a number only since it ran, and was taken as done before all of it had started, is counted the same after a restart.
node n6 2
submit h: gen expand home select=hostname==n6; hold select=hostname==n6
> expand h/gen
> start h/hold/0#1 on n6
expanded h/gen 5
> start h/gen/0#1 on n6
take h 0
> kill h/gen/0#1 on n6: finished
exit h/gen/0#1 0
exit h/hold/0#1 0
> ended h: finished
