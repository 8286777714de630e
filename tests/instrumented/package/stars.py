"""`except*`, from Python 3.11."""


def caught():
    seen = []
    try:
        raise ExceptionGroup("group", [ValueError("v"), KeyError("k"), OSError("o")])
    except* (ValueError, KeyError) as group:
        seen.append([repr(error) for error in group.exceptions if error.args != ("k",)])
    except* OSError as group:
        seen.append(len(group.exceptions) == 1)
    return seen
