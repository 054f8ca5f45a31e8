"""From a project to the runs to make.

climb_search  CLIMB's loop over the sweep engine: propose, run, refit, narrow; and again (Diao et al., 2504.13161)
cost          What a sweep will cost, before it starts
proxy_sizes   At which sizes to run proxies for a budget
run_specs     The runs of a proposal: each source cut down with the budget's tokens, so that its epochs stay
stated_sizes  The runs of a design that names their sizes: each is trained at its own params, tokens and unique tokens
task          From text to runs: a project's corpus, which mixtures to run at which scale, and the demo with its check
"""
