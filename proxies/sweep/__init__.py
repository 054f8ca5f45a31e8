"""Many runs: store, ledger, backends.

backends   Backends, which train the runs: one file each, with the four methods of `Backend`
cores      Number of processor cores that this process may use
job        Train one run of a sweep: lock its key, train it or find it stored, write its rows or its failure
ledger     State of every run of a sweep (finished, failed or missing), and the handling of events that change it
location   A local folder or an fsspec URL, with atomic writes and, in folders, locks that end with their process
progress   Progress of a sweep: runs done, tokens per second, time left
run_sweep  Sweep: train the runs that the store lacks with a backend, and store every finished run
store      The store of finished runs: one file per run, named by the run's key and written atomically
worker     Main loop of a worker process: reads jobs from its input pipe and writes events to its output pipe
"""
