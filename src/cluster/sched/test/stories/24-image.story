# A node that has the image is better than one that is a few slots fuller: 2 slots, and one more for each 256 MiB, 8 at most.
node n1 20
node n2 20
facts n2 has.image.small:1=1000000 has.image.large:1=1073741824 has.image.huge:1=99999999999
submit a: x image=small:1
> start a/x/0#1 on n2
# All the same when nobody has it.
submit b: x image=other:1
> start b/x/0#1 on n2
submit c: x slots=10 select=hostname==n1; y slots=2 select=hostname==n1
> start c/x/0#1 on n1
> start c/y/0#1 on n1
# n1 has 8 free, n2 has 18.
submit d: x image=small:1
> start d/x/0#1 on n1
submit e: y slots=9 select=hostname==n2
> start e/y/0#1 on n2
# n1 has 7 free, n2 has 9.
submit f: x image=small:1; y image=large:1; z image=huge:1
> start f/x/0#1 on n1
> start f/y/0#1 on n2
> start f/z/0#1 on n2
submit g: x slots=0 image=small:1 topology=spread
> start g/x/0#1 on n2
facts n1 has.image.small:1=1000000
submit h: x image=small:1
> start h/x/0#1 on n1
facts n2 labels.a=b
submit i: x image=large:1
> start i/x/0#1 on n1
submit j: x select=has(image.small:1)
> start j/x/0#1 on n1
nodes
= n1 up 17/20 slots, 7 live
= n2 up 13/20 slots, 6 live
# Who waits is told where it is, and what another node costs.
facts n2 has.image.large:1=1073741900
submit k: x slots=20 image=large:1
why k/x
= waits for 20 slots; none of 2 nodes that would do has room, the nearest: node n2 has 7 of 20 slots free; node n2 has its image, elsewhere 1 GiB have to come first, which counts as 6 slots
submit l: x slots=20 image=small:1
why l/x
= waits for 20 slots; none of 2 nodes that would do has room, the nearest: node n2 has 7 of 20 slots free; node n1 has its image, elsewhere 1000000 bytes have to come first, which counts as 2 slots
