"""Designs of runs: mixtures to run first, and the next runs after a table.

acquisition    Choice of the next runs by expected regret reduction (knowledge gradient) or Thompson sampling
candidates     The decision problem of the next runs: the plan's problem, the possible plans, the runs that can be made
d_optimality   D-optimal designs: first runs for learning the parameters of one law
next_batch     The next batch of runs: mixtures, size, and expected reduction of the plan's regret
options        Options of `next_runs`
pool           The next batch if the plan must be one of given mixtures
run_sizes      Sizes of a table's runs: N, D and unique tokens of one more run
sample_size    Number of further runs until the verdict is likely to be "better"
space_filling  Space-filling designs: first runs within a project's constraints
"""
