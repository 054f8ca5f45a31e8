"""The one exception that means the input is wrong, not the program."""


class MixlawError(ValueError):
    """Bad input: a file, a table, a project or a budget that cannot be used.

    The message is one line for the person who has to mend it: it names the file, row or column and says what
    would be right. The command line prints it and exits with 2; every other exception is a defect of mixlaw.
    """
