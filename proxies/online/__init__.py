"""Mixtures that change while one proxy trains.

dga              Online mixing by gradient alignment: DGA (Fan, Grangier & Ablin, 2410.02498)
doremi           Online mixing by excess loss, after DoReMi (Xie et al., 2305.10429)
method           What a method of online mixing is: settings, a signal for every source, and how weights follow it
mixture_batches  Batches by a mixture that changes along the run, and probes: sequences that are looked at, not
                 trained on
result           What an online run found: its mixture, the path to it, and its row of the run table
run_online       Mixtures found while one run trains: baselines from the field, to compare with the laws' answer
steering_text    Text of the targets that steers an online run, apart from what it trains on and from what it is
                 measured on
task             The online run of a sweep's task: at the size of its largest proxies, on their matched subsets
"""
