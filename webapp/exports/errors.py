class ExportError(Exception):
    """It can't be exported as asked; the message says why and what to do."""
