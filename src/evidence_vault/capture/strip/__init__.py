"""Share copies: a file without what points to people, and the proof that it is one."""
