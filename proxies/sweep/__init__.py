"""Many runs: store, ledger, backends.

backends   Where runs are trained: one file a backend, each with the four methods of `Backend`
cores      The processor cores that this process may use
job        One run of a sweep, wherever it is trained: claimed, trained or found, stored or reported
ledger     What is known of every run of a sweep: kept, failed, or still missing, and what happens next to the missing
location   A folder, here or at an fsspec URL: files written whole or not at all, locks that die with their process
progress   How far a sweep is: runs done, tokens a second, time left
run_sweep  Many runs: those that the store lacks are trained by a backend, and every finished one stays
store      The store of finished runs: one file a run, named by all that defines it, written whole or not at all
worker     The worker's side of the backend `workers`: jobs come in by the pipe, events go out
"""
