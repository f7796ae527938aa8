# Of several nodes without room the nearest to fitting is named, with what is missing there and nothing else.
node n1 4 cpu=4000 memory=4294967296
node n2 2 cpu=2000 memory=2147483648
submit a: x slots=1 memory=4290772992
> start a/x/0#1 on n1
submit b: y slots=2 cpu=1500
> start b/y/0#1 on n2
submit c: z slots=1 memory=1073741824
why c/z
= waits for 1 slot, memory of 1 GiB; none of 2 nodes that would do has room, the nearest: node n1 has 4 MiB of 4 GiB memory free
exit a/x/0#1 0
> ended a: finished
> start c/z/0#1 on n1
submit d: w slots=4 cpu=4000
why d/w
= waits for 4 slots, 4 CPU; node n1 has 3 of 4 slots free
submit e: v slots=2 exclusive
why e/v
= waits for 2 slots; none of 2 nodes that would do has room, the nearest: node n1 is in use, and the task is to be alone there
