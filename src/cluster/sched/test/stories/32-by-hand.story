# GPUs that somebody has whom no job has brought: a fact of the node. What runs goes on, and nothing more starts there than is left.
node n1 8 has=gpu:2,scratch:2
facts n1 gpus_by_hand=1
counters
= n1 gpu 1/2
= n1 scratch 0/2
submit a1: x counters=gpu
> start a1/x/0#1 on n1
submit a2: y counters=gpu
why a2
= task "y": waits for 1 slot, 1 gpu; node n1 has 0 of 2 gpu free
submit a3: z counters=scratch
> start a3/z/0#1 on n1
# He takes one that a job has, too, when that ends: never are more in use than there are.
facts n1 gpus_by_hand=2
counters
= n1 gpu 2/2
= n1 scratch 1/2
exit a1/x/0#1 0
> ended a1: finished
# It comes back with more, and nobody has said anything new of them.
node n1 8 has=gpu:3,scratch:2
> start a2/y/0#1 on n1
counters
= n1 gpu 3/3
= n1 scratch 1/2
submit a4: g x2 gang counters=gpu
why a4
= task "g": waits for room for all 2 at once, each 1 slot, 1 gpu; there is room for 0
facts n1 gpus_by_hand=0
> start a4/g/0#1 on n1
> start a4/g/1#1 on n1
facts n1 gpus_by_hand=99999999999999999999
counters
= n1 gpu 3/3
= n1 scratch 1/2
# What is asked for is told by what the node has in all, whoever has it now.
submit a5: w counters=gpu:4
why a5
= task "w": needs 1 slot, 4 gpu; node n1 has 3 gpu in all
# What is no number is nobody's.
submit b1 priority=5: p counters=gpu
exit a4/g/0#1 0
exit a4/g/1#1 0
> ended a4: finished
facts n1 gpus_by_hand=x
> start b1/p/0#1 on n1
