"""The command line: parse, call, render. One error boundary, one exit-status table."""
