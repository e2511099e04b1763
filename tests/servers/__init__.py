"""Real servers for tests: Ceph's object gateway and PostgreSQL, and what cuts their wires."""
