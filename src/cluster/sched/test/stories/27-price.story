# Among nodes with as much room the cheaper one is taken, whichever came first.
node n1 4
node n2 4
node n3 4
facts n1 price=2
facts n2 price=0.5
facts n3 price=0.75
submit a: x
> start a/x/0#1 on n2
# Room comes before money: filled nodes first.
submit b: x
> start b/x/0#1 on n2
submit c: x slots=4
> start c/x/0#1 on n3
exit c/x/0#1
> ended c: finished
# So for those that are spread: the emptiest, and of these the cheapest.
submit d: x x2 topology=spread
> start d/x/0#1 on n3
> start d/x/1#1 on n1
# A price that changes counts from then on; one that is none is 0.
facts n3 price=9
submit e: x x2
> start e/x/0#1 on n2
> start e/x/1#1 on n2
facts n1 price=nan
submit f: x
> start f/x/0#1 on n1
