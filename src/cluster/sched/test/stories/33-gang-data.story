# A gang goes to nodes that have its image and its data before others, as far as there is room, and waiting it is told where they are.
node n1 4
node n2 4
node n3 4
node n4 8
facts n2 has.image.i:1=1073741824
facts n3 has.image.i:1=1073741824 has.volume.db=
# The others would be filled first: n1 is.
submit a: x slots=3
> start a/x/0#1 on n1
submit b: g x2 gang image=i:1
> start b/g/0#1 on n2
> start b/g/1#1 on n2
# Both it has on n3 alone; what has no room there goes elsewhere.
submit c: g x6 gang image=i:1 data=volume.db
> start c/g/0#1 on n3
> start c/g/1#1 on n3
> start c/g/2#1 on n3
> start c/g/3#1 on n3
> start c/g/4#1 on n1
> start c/g/5#1 on n2
submit d: g x10 gang image=i:1 data=volume.db
why d/g
= waits for room for all 10 at once, each 1 slot; there is room for 9; nodes n2, n3 have its image, elsewhere 1 GiB have to come first; node n3 has volume.db; it goes there first
submit e: g x10 gang image=i:1 data=volume.db topology=few
why e/g
= waits for room for all 10 at once, each 1 slot; there is room for 9
cancel d
> ended d: canceled
cancel e
> ended e: canceled
# On one node: there if it has room for all. As few nodes as can be: the emptiest, whatever they have.
exit c/g/0#1 0
exit c/g/1#1 0
exit c/g/2#1 0
exit c/g/3#1 0
submit f: g x2 gang image=i:1 topology=one
> start f/g/0#1 on n3
> start f/g/1#1 on n3
submit g: g x3 gang image=i:1 topology=one
> start g/g/0#1 on n4
> start g/g/1#1 on n4
> start g/g/2#1 on n4
submit h: g x2 gang image=i:1 topology=few
> start h/g/0#1 on n4
> start h/g/1#1 on n4
