# Things that a node has a number of, and copies take while they run there.
node n1 8 has=gpu:2,scratch:4
node n2 8
node n3 8 has=gpu:4
counters
= n1 gpu 0/2
= n1 scratch 0/4
= n3 gpu 0/4
submit a1: x x3 counters=gpu
> start a1/x/0#1 on n1
> start a1/x/1#1 on n1
> start a1/x/2#1 on n3
submit a2: y counters=gpu:2,scratch:3
why a2
= task "y": waits for 1 slot, 2 gpu, 3 scratch; node n1 has 0 of 2 gpu free
counters
= n1 gpu 2/2
= n1 scratch 0/4
= n3 gpu 1/4
submit a3: z counters=gpu:5
why a3
= task "z": needs 1 slot, 5 gpu; node n3 has 4 gpu in all
submit a4: w counters=fpga
why a4
= task "w": needs 1 slot, 1 fpga; node n1 has 0 fpga in all
submit a5: free
> start a5/free/0#1 on n1
exit a1/x/0#1 0
exit a1/x/1#1 0
> start a2/y/0#1 on n1
counters
= n1 gpu 2/2
= n1 scratch 3/4
= n3 gpu 1/4
exit a1/x/2#1 0
> ended a1: finished
exit a2/y/0#1 0
> ended a2: finished
exit a5/free/0#1 0
> ended a5: finished
cancel a3
> ended a3: canceled
cancel a4
> ended a4: canceled
counters
= n1 gpu 0/2
= n1 scratch 0/4
= n3 gpu 0/4
# A gang takes all of its units at once, where they are.
submit b1: one counters=gpu:3
> start b1/one/0#1 on n3
submit b2: g x3 gang counters=gpu
> start b2/g/0#1 on n3
> start b2/g/1#1 on n1
> start b2/g/2#1 on n1
submit b3: h x4 gang counters=gpu
why b3
= task "h": waits for room for all 4 at once, each 1 slot, 1 gpu; there is room for 0
exit b1/one/0#1 0
> ended b1: finished
exit b2/g/0#1 0
> start b3/h/0#1 on n3
> start b3/h/1#1 on n3
> start b3/h/2#1 on n3
> start b3/h/3#1 on n3
exit b2/g/1#1 0
exit b2/g/2#1 0
> ended b2: finished
exit b3/h/0#1 0
exit b3/h/1#1 0
exit b3/h/2#1 0
exit b3/h/3#1 0
> ended b3: finished
# What wants many is not overtaken for ever by what wants few; what needs none of them goes on.
submit c1: x x4 counters=gpu walltime=100
> start c1/x/0#1 on n1
> start c1/x/1#1 on n1
> start c1/x/2#1 on n3
> start c1/x/3#1 on n3
submit c2: y x2 counters=gpu walltime=100
> start c2/y/0#1 on n3
> start c2/y/1#1 on n3
submit c3: wide counters=gpu:4
why c3
= task "wide": waits for 1 slot, 4 gpu; node n3 has 0 of 4 gpu free; should start in 100 s or later
exit c1/x/0#1 0
submit c4: long counters=gpu walltime=200
> start c4/long/0#1 on n1
exit c2/y/0#1 0
submit c5: later counters=gpu walltime=200
why c5
= task "later": node n3 has room and is held for "wide" of job c3, which stands before it
submit c6: short counters=gpu walltime=50
> start c6/short/0#1 on n3
submit c7: none walltime=500
> start c7/none/0#1 on n3
exit c6/short/0#1 0
> ended c6: finished
exit c4/long/0#1 0
> ended c4: finished
> start c5/later/0#1 on n1
exit c2/y/1#1 0
> ended c2: finished
exit c1/x/1#1 0
exit c1/x/2#1 0
exit c1/x/3#1 0
> ended c1: finished
> start c3/wide/0#1 on n3
counters
= n1 gpu 1/2
= n1 scratch 0/4
= n3 gpu 4/4
exit c3/wide/0#1 0
> ended c3: finished
exit c5/later/0#1 0
> ended c5: finished
exit c7/none/0#1 0
> ended c7: finished
counters
= n1 gpu 0/2
= n1 scratch 0/4
= n3 gpu 0/4
# A higher priority takes them from what may be taken, and no more than it needs.
submit d1 priority=-1: low x4 counters=gpu preemptible
> start d1/low/0#1 on n1
> start d1/low/1#1 on n1
> start d1/low/2#1 on n3
> start d1/low/3#1 on n3
submit d2 priority=-1: more x2 counters=gpu preemptible
> start d2/more/0#1 on n3
> start d2/more/1#1 on n3
clock 1
submit d3: high counters=gpu:3
> kill d2/more/1#1 on n3: preempted
> kill d2/more/0#1 on n3: preempted
> kill d1/low/3#1 on n3: preempted
why d3
= task "high": waits for 1 slot, 3 gpu; node n3 has 0 of 4 gpu free; room is being made for it: preempted copies end
exit d2/more/0#1 143
exit d2/more/1#1 143
exit d1/low/3#1 143
> start d3/high/0#1 on n3
why d1
= task "low": was sent to its node and has not started yet
counters
= n1 gpu 2/2
= n1 scratch 0/4
= n3 gpu 4/4
exit d3/high/0#1 0
> ended d3: finished
> start d1/low/3#2 on n3
> start d2/more/0#2 on n3
> start d2/more/1#2 on n3
exit d1/low/0#1 0
exit d1/low/1#1 0
exit d1/low/2#1 0
exit d1/low/3#2 0
> ended d1: finished
exit d2/more/0#2 0
exit d2/more/1#2 0
> ended d2: finished
# A node that comes back with fewer ends nothing; with more, what waited starts.
submit e1: x x2 counters=scratch:2
> start e1/x/0#1 on n1
> start e1/x/1#1 on n1
node n1 8 has=gpu:2,scratch:1
counters
= n1 gpu 0/2
= n1 scratch 4/1
= n3 gpu 0/4
submit e2: y counters=scratch
why e2
= task "y": waits for 1 slot, 1 scratch; node n1 has 0 of 1 scratch free
exit e1/x/0#1 0
exit e1/x/1#1 0
> ended e1: finished
> start e2/y/0#1 on n1
node n1 8
exit e2/y/0#1 0
> ended e2: finished
counters
= n3 gpu 0/4
submit e3: z counters=scratch
why e3
= task "z": needs 1 slot, 1 scratch; node n1 has 0 scratch in all
node n1 8 has=scratch:1
> start e3/z/0#1 on n1
exit e3/z/0#1 0
> ended e3: finished
counters
= n1 scratch 0/1
= n3 gpu 0/4
# A quota of GPUs.
quota user:ann gpus=3
submit f1 tenant=ann: x counters=gpu:2
> start f1/x/0#1 on n3
submit f2 tenant=ann: y counters=gpu:2
submit f3 tenant=bob: z counters=gpu
> start f3/z/0#1 on n3
submit f4 tenant=ann: plain
> start f4/plain/0#1 on n3
why f2
= task "y": user ann has 2 of 3 GPUs in use; this one needs 2
quotas
= user:ann cpus 2000, memory 0, tasks 2, jobs 3, gpus 2
= user:bob (no quota) cpus 1000, memory 0, tasks 1, jobs 1, gpus 1
exit f1/x/0#1 0
> ended f1: finished
> start f2/y/0#1 on n3
