"""The resources under /v1, a file each: handlers as methods of a class that holds only what they use."""
