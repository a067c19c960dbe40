"""What is wrong with a file."""


class SerializationError(RuntimeError):
    """A file is damaged, of another format, or asks for what is not safe to do."""
