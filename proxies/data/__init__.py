"""Corpus, held-out split, exact batches."""
