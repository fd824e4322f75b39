"""`python -m cli`: what `./diptych` becomes once the environment is there."""

from cli.app import app

if __name__ == "__main__":
    app(prog_name="./diptych")
