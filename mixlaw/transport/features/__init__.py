"""Documents as points: samples, n-grams, embeddings, transforms.

embedding   What an embedding is, and embeddings that the user brings in a file
ngrams      Hashed n-grams of words and characters: the same buckets on every machine, in every process, without a
            seed
samples     Points of sources and of a target, equal in number: what every distance between a mixture and a target is
            made of
sampling    Samples of equal size from streams of documents, without holding the streams
transforms  From points to features in which distances mean something: principal components, whitening, unit length
"""
