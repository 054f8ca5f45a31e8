"""One run.

checkpoint  State of an unfinished run on disk, from which training resumes
embeddings  Hidden states of a trained proxy as features of documents
evaluate    Losses of held-out text
optimizer   AdamW with clipped gradients, the learning-rate schedule, and the average of the weights
run_spec    RunSpec: all that defines a run, and the key that names it by its content
train       Train one run: mixture, size and tokens in; rows of the run table out
"""
