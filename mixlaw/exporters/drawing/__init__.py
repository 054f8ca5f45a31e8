"""What a trainer draws from its sources under its own rule.

grain         Grain's rounding of the weights of a mixture
realised      realise: token shares and epochs that a run gets from weights under the trainer's own rule
replay        Replay of the draws of Hugging Face `interleave_datasets`
rules         Rules by which a trainer draws from its sources: units taken from each stream in a run of D tokens
stream_notes  Notes on what a rule of drawing does to a run: an early end, repeated streams, few documents
weights_read  Weights: what a weights file states for the sources, and by which rule its trainer draws
"""
