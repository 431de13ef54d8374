"""What can go wrong in a data set, said so that a person can act on it."""


class DatasetError(ValueError):
    """What was asked can't be done; the message says why and what to do."""
