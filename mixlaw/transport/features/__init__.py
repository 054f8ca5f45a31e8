"""Documents as points: samples, n-grams, embeddings, transforms."""
