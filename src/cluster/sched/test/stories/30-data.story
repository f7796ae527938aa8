# Of nodes with room the one that has the data is taken, within 8 slots for each kind of it.
node n1 4
node n2 4
node n3 12
facts n2 has.volume.db=
submit a: x data=volume.db
> start a/x/0#1 on n2
submit b: y
> start b/y/0#1 on n2
# What nobody has, or what all have, makes no difference.
submit c: z data=volume.new
> start c/z/0#1 on n2
facts n1 has.volume.all=
facts n2 has.volume.db= has.volume.all=
facts n3 has.volume.all= has.space.global=
submit d: z data=volume.all
> start d/z/0#1 on n2
# It draws, and does not force: what has room runs elsewhere.
submit e: w data=volume.db
> start e/w/0#1 on n1
# Eight slots further is far enough to be left, nine are not.
submit f: v slots=2 data=space.global
> start f/v/0#1 on n1
exit e/w/0#1 0
> ended e: finished
exit f/v/0#1 0
> ended f: finished
submit g: v slots=4 topology=spread
> start g/v/0#1 on n3
submit h: v data=space.global
> start h/v/0#1 on n3
# Two kinds count more than one.
exit g/v/0#1 0
> ended g: finished
submit i: u data=volume.db,space.global
> start i/u/0#1 on n3
# Who waits is told where it lies.
submit z: v slots=12 data=volume.db,space.global
why z/v
= waits for 12 slots; node n3 has 10 of 12 slots free; node n2 has volume.db, another node counts as 8 slots; node n3 has space.global, another node counts as 8 slots
