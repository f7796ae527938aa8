# Numbers of the whole cluster that copies take while they run, wherever that is.
node n1 4
node n2 4
submit a0: x licences=matlab
= refused: task "x": there is no licence "matlab" (berth licence ls)
licence matlab 3
licences
= matlab 0/3
submit a1: x x3 licences=matlab
> start a1/x/0#1 on n1
> start a1/x/1#1 on n1
> start a1/x/2#1 on n1
submit a2: y licences=matlab:2
submit a3: z licences=octave
= refused: task "z": there is no licence "octave" (berth licence ls)
licence octave 1
submit a3: z licences=octave,matlab
submit a4: big licences=matlab:4
= refused: task "big": needs 4 of the licence "matlab", the cluster has 3
submit a5: free
> start a5/free/0#1 on n1
licences
= matlab 3/3
= octave 0/1
why a2
= task "y": needs 2 of the licence "matlab"; 3 of 3 are in use
why a3
= task "z": needs 1 of the licence "matlab"; 3 of 3 are in use
started a1/x/0#1
why a1/x
= 
exit a1/x/0#1 0
> start a3/z/0#1 on n1
exit a1/x/1#1 0
exit a1/x/2#1 0
> ended a1: finished
> start a2/y/0#1 on n1
licences
= matlab 3/3
= octave 1/1
exit a2/y/0#1 0
> ended a2: finished
exit a3/z/0#1 0
> ended a3: finished
exit a5/free/0#1 0
> ended a5: finished
# All of a gang take theirs together.
submit b1: one licences=matlab
> start b1/one/0#1 on n1
submit b2: g x3 gang licences=matlab
submit b3: h x4 gang licences=matlab
= refused: task "h": needs 4 of the licence "matlab", the cluster has 3
why b2
= task "g": needs 3 of the licence "matlab"; 1 of 3 are in use
exit b1/one/0#1 0
> ended b1: finished
> start b2/g/0#1 on n1
> start b2/g/1#1 on n1
> start b2/g/2#1 on n1
exit b2/g/0#1 0
exit b2/g/1#1 0
exit b2/g/2#1 0
> ended b2: finished
# Whoever needs many is not overtaken for ever by those who need few: they are kept for it, by walltimes.
submit c1: x licences=matlab:2 walltime=100
> start c1/x/0#1 on n1
submit c2: wide licences=matlab:3
submit c3: long licences=matlab walltime=200
why c2
= task "wide": needs 3 of the licence "matlab"; 2 of 3 are in use; should start in 100 s at the latest
why c3
= task "long": needs 1 of the licence "matlab"; 2 of 3 are in use, the rest is kept for "wide" of job c2, which stands before it
submit c4: short licences=matlab walltime=50
> start c4/short/0#1 on n1
submit c5: other walltime=500
> start c5/other/0#1 on n1
exit c4/short/0#1 0
> ended c4: finished
exit c1/x/0#1 0
> ended c1: finished
> start c2/wide/0#1 on n1
exit c2/wide/0#1 0
> ended c2: finished
> start c3/long/0#1 on n1
exit c3/long/0#1 0
> ended c3: finished
exit c5/other/0#1 0
> ended c5: finished
# Fewer than are in use: nothing ends, nothing starts. Taken away: it waits and says so.
submit d1: x x2 licences=matlab
> start d1/x/0#1 on n1
> start d1/x/1#1 on n1
licence matlab 1
submit d2: y licences=matlab
exit d1/x/0#1 0
exit d1/x/1#1 0
> ended d1: finished
> start d2/y/0#1 on n1
submit d3: z licences=matlab
licence matlab
licences
= matlab (not set) 1/0
= octave 0/1
exit d2/y/0#1 0
> ended d2: finished
why d3
= task "z": needs the licence "matlab", which nobody has set (berth licence set)
licence matlab 1
> start d3/z/0#1 on n1
exit d3/z/0#1 0
> ended d3: finished
