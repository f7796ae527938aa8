# What a user may have at the same time: CPUs (a slot is one), memory, running copies.
node n1 10
quota user:ann cpus=2000
submit a1 tenant=ann: x x4 slots=1
> start a1/x/0#1 on n1
> start a1/x/1#1 on n1
submit b1 tenant=bob: x x2 slots=1
> start b1/x/0#1 on n1
> start b1/x/1#1 on n1
quotas
= user:ann cpus 2000, memory 0, tasks 2, jobs 1
= user:bob (no quota) cpus 2000, memory 0, tasks 2, jobs 1
started a1/x/1#1
why a1/x
= 2 more wait: user ann has 2 of 2 CPUs in use; this one needs 1
exit a1/x/0#1 0
> start a1/x/2#1 on n1
# Reserved CPU counts beside slots.
submit a2 tenant=ann priority=1: x slots=1 cpu=1500
exit a1/x/1#1 0
> start a1/x/3#1 on n1
why a2
= task "x": user ann has 2 of 2 CPUs in use; this one needs 2.5: more than the quota will ever allow
quota user:ann cpus=3000
quota user:ann memory=1000 tasks=3
> start a2/x/0#1 on n1
exit a2/x/0#1 0
> ended a2: finished
submit a3 tenant=ann: m memory=600 x2
> start a3/m/0#1 on n1
exit a1/x/2#1 0
exit a1/x/3#1 0
> ended a1: finished
started a3/m/0#1
why a3/m
= 1 more waits: user ann has 600 bytes of 1000 bytes memory in use; this one needs 600 bytes
quota user:ann
> start a3/m/1#1 on n1
exit a3/m/0#1 0
exit a3/m/1#1 0
> ended a3: finished
exit b1/x/0#1 0
exit b1/x/1#1 0
> ended b1: finished
# A project's quota counts beside that of the user; one for every user without a quota of their own.
quota project:p tasks=1
quota user:* tasks=2
quota user:bob tasks=9
submit p1 tenant=ann project=p: x x2
> start p1/x/0#1 on n1
submit p2 tenant=bob project=p: y
submit a4 tenant=ann: x x3
> start a4/x/0#1 on n1
submit b2 tenant=bob: x x3
> start b2/x/0#1 on n1
> start b2/x/1#1 on n1
> start b2/x/2#1 on n1
why p2
= task "y": project p has 1 of 1 running copies; this one needs 1
started a4/x/0#1
why a4/x
= 2 more wait: user ann has 2 of 2 running copies; this one needs 1
quotas
= project:p cpus 1000, memory 0, tasks 1, jobs 2
= user:* cpus 0, memory 0, tasks 0, jobs 0
= user:ann (no quota) cpus 2000, memory 0, tasks 2, jobs 2
= user:bob cpus 3000, memory 0, tasks 3, jobs 2
cancel a4
> kill a4/x/0#1 on n1: cancelled
exit a4/x/0#1 0
> ended a4: canceled
exit p1/x/0#1 0
> start p1/x/1#1 on n1
exit p1/x/1#1 0
> ended p1: finished
> start p2/y/0#1 on n1
exit p2/y/0#1 0
> ended p2: finished
exit b2/x/0#1 0
exit b2/x/1#1 0
exit b2/x/2#1 0
> ended b2: finished
# A gang fits whole or not at all.
quota user:bob cpus=3000
submit b3 tenant=bob: one
> start b3/one/0#1 on n1
submit b4 tenant=bob: g x3 gang
why b4
= task "g": user bob has 1 of 3 CPUs in use; all of it together needs 3
submit b5 tenant=bob: g x4 gang
why b5
= task "g": user bob has 1 of 3 CPUs in use; all of it together needs 4: more than the quota will ever allow
exit b3/one/0#1 0
> ended b3: finished
> start b4/g/0#1 on n1
> start b4/g/1#1 on n1
> start b4/g/2#1 on n1
exit b4/g/0#1 0
exit b4/g/1#1 0
exit b4/g/2#1 0
> ended b4: finished
cancel b5
> ended b5: canceled
# Who waits for a quota holds no nodes: those behind go on.
submit b6 tenant=bob: big slots=5
submit o1: wide slots=10
> start o1/wide/0#1 on n1
exit o1/wide/0#1 0
> ended o1: finished
cancel b6
> ended b6: canceled
# Jobs that have not ended: refused at once.
quota user:bob jobs=1
submit b7 tenant=bob: x
> start b7/x/0#1 on n1
submit b8 tenant=bob: x
= refused: user bob has 1 of 1 jobs that have not ended: wait for one to end, or ask for more (berth quota ls)
submit a5 tenant=ann: x
> start a5/x/0#1 on n1
cancel b7
> kill b7/x/0#1 on n1: cancelled
exit b7/x/0#1 0
> ended b7: canceled
submit b8 tenant=bob: x
> start b8/x/0#1 on n1
# Caps of a job and of a task.
submit c1 running=2: a x2; b x2
> start c1/a/0#1 on n1
> start c1/a/1#1 on n1
why c1/b
= its job runs 2 of at most 2 copies at the same time (max_running)
why c1/a
= was sent to its node and has not started yet
exit c1/a/0#1 0
> start c1/b/0#1 on n1
submit c2: t x3 running=1
> start c2/t/0#1 on n1
started c2/t/0#1
why c2/t
= 2 more wait: its task runs 1 of at most 1 copies at the same time (max_running)
submit c3 running=2: g x3 gang
= refused: task "g": its gang of 3 can never start, the job runs 2 at a time (max_running)
