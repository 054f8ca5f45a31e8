"""Designs of runs: mixtures to run first, and the next runs after a table.

acquisition    Which runs to make next: by what they are expected to take off the plan's regret, or by Thompson's
               sampling
batch_report   Sections of the report on a batch of next runs
candidates     On what the next runs are chosen: the plan's problem, mixtures that may come to be the plan, mixtures
               to run
d_optimality   Which mixtures to run to learn a law's parameters: a D-optimal design, before there are any runs
next_batch     The next batch of runs: which mixtures, at which size, and what they are expected to be worth to the
               plan
options        How the next runs are chosen
pool           The next batch if the plan is one of given mixtures, at the size of the runs
run_sizes      At which sizes a table's runs were made: what one more run of each would be
sample_size    How many more runs until the verdict is likely to be other than a tie
space_filling  Which mixtures to run before there are any: a space-filling design within a project's constraints
"""
