# In the way of the standard library's.
raise RuntimeError("encodings is not what it was")
