"""The command line: the app, what verbs share, and one file a verb in `verbs`.

app               The command line: a verb parses, calls the library, and writes what it returns
appraisal_tables  What samples of text say, for a terminal: a plan without runs, the price of a new source
inputs            What verbs of the command line share: options, and files read and written for them
options           Options and arguments that several verbs share
output            Output of the verbs: messages, files, folders
plan_options      Further options of `recommend`, and their effect on the budget and the constraints
progress          Progress of sweeps and of other long work on stderr: a live line on a terminal, plain lines
                  elsewhere
proxies           Training proxies from the command line, and the plan that follows from them
tables            Tables for a terminal: at most 80 columns; piped, plain text without colours or blanks at the ends
                  of lines
verb_list         The verbs by name; a verb's module is imported when the verb is run or its own help is shown
verbs             The verbs of the command line, one file each
"""

from mixlaw.cli.app import main

__all__ = ["main"]
