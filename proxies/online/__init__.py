"""Mixtures that change while one proxy trains.

dga              Online mixing by gradient alignment: DGA (Fan, Grangier & Ablin, 2410.02498)
doremi           Online mixing by excess loss, after DoReMi (Xie et al., 2305.10429)
method           Base class of online mixing methods: settings, signal of every source, and update of the weights
mixture_batches  Batches by a mixture that changes during the run, and probes: sequences read for the signal only
result           Result of an online run: its mixture, the path to it, and its row of the run table
run_online       Mixtures found while one run trains: baselines from the literature to compare plans with
steering_text    Text of the targets that steers an online run, disjoint from training and evaluation text
task             Online run of a sweep's task, at the size of its largest proxies
"""
