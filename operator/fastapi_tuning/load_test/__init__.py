"""A load test: which loads to try, what each of them showed, and what follows from all of them. Pure."""
