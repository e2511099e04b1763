"""The verifier page: built again, and used in a real browser as its readers use it."""
