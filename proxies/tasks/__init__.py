"""Run specifications from a project: sizes, mixtures, seeds and cost of the proxies.

climb_search  CLIMB's search over the sweep: propose, run, refit, narrow, repeated (Diao et al., 2504.13161)
cost          Estimated cost of a sweep before it starts
proxy_sizes   Sizes of the proxies for a budget, and how many runs each size gets
run_specs     Run specs of a proposal, with sources subsampled so that their epochs match the budget's
stated_sizes  Proxy sizes read from a design that states params, tokens and unique tokens
task          Task of a sweep: corpus, sources, targets, budget and proxy sizes; and the mixtures of its runs
"""
