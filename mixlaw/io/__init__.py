"""Files and single values: read, checked, written.

fields    Checks of single values from a project file or a caller; each error names where the value stands
files     Reading of files: the one place where a local file is opened to be read
json      Files that mixlaw writes as JSON and reads back: fits, plans, leaderboards
notes     Note: a text about keys of a result, with a code
progress  What long work is at, told to whoever listens: nobody, unless the command line or another caller does
section   Section: a frozen dataclass that reads and writes a JSON object without changing it
table     A table as it was written, each row with its line in the file, so that every error can name its cell
yaml      A strict YAML reader: the YAML 1.2 core schema, no duplicate keys, no alias bombs, keys as written
"""
