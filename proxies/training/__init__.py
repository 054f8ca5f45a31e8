"""One run.

checkpoint  A run half done, on disk: what training needs to go on as if it had not been stopped
embeddings  Hidden states of a trained proxy as features of documents: what a small model has learnt to tell apart
evaluate    Losses of held-out text
optimizer   How parameters move: AdamW with clipped gradients, the learning rate's schedule, the average of the
            weights
run_spec    What defines a run, and the name that its content gives it
train       One run: a mixture, a size and a token count in; rows of the run table out
"""
