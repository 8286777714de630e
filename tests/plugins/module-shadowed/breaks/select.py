def rows(name):
    return ["row"]
