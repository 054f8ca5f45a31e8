"""The text of weights files, and the parts of it that several trainers share.

blends         Blends of Megatron-LM and of trainers that use its parser: weights and prefixes, or prefixes alone
parse          Parse a weights file into plain values: JSON, YAML, words, or calls and lists of a Python file
shell          Flags of a shell command or script, read and never run
slices         Splits of Hugging Face datasets, such as `train[:20%]`, as amounts of a source
strict_fields  Checks of the fields of a documented format; errors name the file, the key and the fix
"""
