"""``python -m evidence_vault`` is the command ``evidence-vault``."""

from __future__ import annotations

from evidence_vault.cli.main import main

if __name__ == "__main__":
    main()
