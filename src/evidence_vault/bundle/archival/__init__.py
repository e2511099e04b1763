"""What archives and forensic tools read: PREMIS, Dublin Core, ISAD(G), a register, CASE, RO-Crate.

Each maker turns the facts of a plan (bundle/facts.py) into files, and adds nothing to them. Each
maps to a standard; none claims to be all that the standard asks for (docs/profile-archive.md).
"""
