"""The verbs of the command line, one file each.

appraise     The verb `mixlaw appraise`, and the plan of `mixlaw recommend --no-proxies`: results from text samples
audit        The verb `mixlaw audit`: weights, sources and tokens into an `Audit`, printed as one table with its
             errors last
changes      The verbs for changed sources: `adapt` (run tables), `reuse` (runs for new sources), `stale` (a plan
             compared with its project)
design       The verb `mixlaw design`: mixtures to run, without data or after a table of runs
export       The verb `mixlaw export`: a plan in a trainer's format to the terminal or a file, notes on it to
             stderr
fitting      Verbs about laws: fit, compare, predict, laws
import_runs  The verb `mixlaw import`: options into `ImportOptions`, the run table to a file, what was read to the
             terminal
online       `mixlaw online`: a mixture found by DGA or DoReMi while one proxy trains, written to a file
recommend    The verb `mixlaw recommend`: a plan from a run table, from proxies trained on the text, or from text
             distances
report       The verb `mixlaw report`: a plan's folder into one HTML file, or into an executed notebook
score_plan   The verb `mixlaw score-plan`: a plan and the table of the real run into a `PlanScore`, printed as tables
search       `mixlaw search`: rounds of proxies, each chosen to reduce the expected regret of the plan most
sweep        `mixlaw sweep`: train proxies on a design of mixtures
tokenizer    `mixlaw tokenizer train`: train a tokenizer on a project's sources and write its JSON file
transport    The verbs `mixlaw score` and `mixlaw cluster`: documents scored for a target; a corpus split into
             sources
"""
