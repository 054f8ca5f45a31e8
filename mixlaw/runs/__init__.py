"""The run table: read, validated, grouped; what its losses are measured with.

columns      The columns of a run table, each read and checked on its own and then against the others
grouping     Runs that belong together: equal mixtures, equal sizes
measurement  What losses are measured with: the tokenizer, and which text each target is
run_table    The run table: read, validate, select, write
"""
