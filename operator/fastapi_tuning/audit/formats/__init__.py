"""A report as people and programs read it: one module a format, each a function from a Report to text. Pure."""
