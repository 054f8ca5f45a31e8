"""The run table: read, validated, grouped; the measurement behind its losses.

columns      The columns of a run table, each read and checked on its own and then against the others
grouping     Runs that belong together: equal mixtures, equal sizes
measurement  The measurement behind losses: the tokenizer, and the text of each target
run_table    The run table: read, validate, select, write
"""
