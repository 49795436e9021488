"""`python -m isocenter` is the command `isocenter`."""

from isocenter.cli import main

if __name__ == "__main__":
    main()
