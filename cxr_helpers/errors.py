"""The one exception that carries a sentence for the person at the keyboard."""


class CxrError(Exception):
    """Say in one sentence what is wrong (naming the file or parameter) and what to do."""
