# Room on the disks of nodes: an amount in MiB, of which no part has a number. It is taken, held and taken away like everything else of a node.
node n1 8 has=disk:102400
node n2 8 has=disk:409600,gpu:2
node n3 8
submit a1: big counters=disk:204800 walltime=100
> start a1/big/0#1 on n2
submit a2: x x2 counters=disk:51200 walltime=100
> start a2/x/0#1 on n2
> start a2/x/1#1 on n2
counters
= n1 disk 0/102400
= n2 disk 307200/409600
= n2 gpu 0/2
submit a3: y counters=disk:153600 walltime=100
why a3
= task "y": waits for 1 slot, 150 GiB disk; node n2 has 100 GiB of 400 GiB disk free; should start in 100 s or later
submit a4: huge counters=disk:409601
why a4
= task "huge": needs 1 slot, 409601 MiB disk; node n2 has 400 GiB disk in all
submit a5: free
> start a5/free/0#1 on n2
# What waits is not overtaken for ever, and what ends in time goes on.
submit a6: long counters=disk:102300 walltime=500
> start a6/long/0#1 on n1
submit a7: later counters=disk:102400 walltime=500
why a7
= task "later": node n2 has room and is held for "y" of job a3, which stands before it
submit a8: short counters=disk:102400 walltime=50
> start a8/short/0#1 on n2
exit a8/short/0#1 0
> ended a8: finished
exit a1/big/0#1 0
> ended a1: finished
> start a3/y/0#1 on n2
> start a7/later/0#1 on n2
exit a3/y/0#1 0
> ended a3: finished
exit a7/later/0#1 0
> ended a7: finished
exit a6/long/0#1 0
> ended a6: finished
exit a2/x/0#1 0
exit a2/x/1#1 0
> ended a2: finished
exit a5/free/0#1 0
> ended a5: finished
cancel a4
> ended a4: canceled
# What may be taken gives way.
submit b1 priority=-1: low x4 counters=disk:102400 preemptible
> start b1/low/0#1 on n1
> start b1/low/1#1 on n2
> start b1/low/2#1 on n2
> start b1/low/3#1 on n2
clock 1
submit b2: high counters=disk:307200
> kill b1/low/3#1 on n2: preempted
> kill b1/low/2#1 on n2: preempted
exit b1/low/3#1 143
exit b1/low/2#1 143
> start b2/high/0#1 on n2
exit b2/high/0#1 0
> ended b2: finished
> start b1/low/2#2 on n2
> start b1/low/3#2 on n2
