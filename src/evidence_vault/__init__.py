"""evidence-vault: takes in files and hands them out with a proof that a stranger checks offline."""

__version__ = "0.1.0"
