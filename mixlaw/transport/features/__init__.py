"""Documents as points: samples, n-grams, embeddings, transforms.

embedding   Protocol of embeddings, and embeddings read from a file
ngrams      Hashed n-grams of words and characters: the same buckets on every machine, in every process, without a
            seed
samples     Equal samples of points of the sources and a sample of the target: the input of every distance
sampling    Samples of equal size from streams of documents, in bounded memory
transforms  Transforms of points before distances: principal components, whitening, unit length
"""
