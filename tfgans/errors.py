"""The errors that the command line prints as one line."""


class UserError(Exception):
    """Bad input: the message is one line that says what is wrong and what to do.

    The command line prints it without a traceback and exits with code 2.
    """


class Diverged(Exception):
    """A loss became NaN or infinite; the message names the step, the term and the last good checkpoint.

    The command line prints it without a traceback and exits with code 1.
    """
