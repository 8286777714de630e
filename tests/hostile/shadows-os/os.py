# In the way of the standard library's.
raise RuntimeError("os is not what it was")
