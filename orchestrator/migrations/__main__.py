"""`python -m orchestrator.migrations "what changes"`: writes the next migration, from what the tables in the code have
and those of all migrations so far have not. Read it before it is committed.
"""

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config

import orchestrator.app  # noqa: F401 - so that all tables are known
from orchestrator.migrating import SCRIPTS, alone_in, migrate
from shared.database import open_engine


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{Path(folder) / 'ledger.db'}")
        migrate(engine)
        config = Config()
        config.set_main_option("script_location", str(SCRIPTS))
        number = len(list((SCRIPTS / "versions").glob("*.py"))) + 1
        with alone_in(engine) as connection:
            config.attributes["connection"] = connection
            command.revision(config, sys.argv[1], autogenerate=True, rev_id=f"{number:04}")


if __name__ == "__main__":
    main()
