"""`match`, from Python 3.10."""


def kind(subject):
    match subject:
        case "word" | "other":
            return "word"
        case 7 | -1 if isinstance(subject, int):
            return "number"
        case None:
            return "none"
        case ["a", int(number)] if number == 1:
            return "list", number
        case ["b", *rest]:
            return "rest", rest
        case {"kind": "k" as name, **more}:
            return name, more
        case object(x=1, y=y):
            return "point", y
    return "no match"
