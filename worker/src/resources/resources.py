"""Describes the threads that a call left, for the rare call that left one. It is loaded before the plugin, and reads
what Python keeps about a thread. It calls nothing of the plugin's; only the garbage collector does."""

import gc
import sys
from _thread import get_ident

collect = gc.collect
modules = sys.modules
current_frames = sys._current_frames
STACK_LIMIT = 64


def threads(known):
    """[(ident, name, key, target, stack)] of all threads but this one and the `known` ones.

    `key` identifies a start: the address of the Thread object, or of the code that runs if there is none. `target` is
    (file, function, line) of the function that the thread was started for. `stack` is a list of the same, innermost
    first."""
    active = dict(getattr(modules.get("threading"), "_active", {}))
    here = get_ident()
    found = []
    for ident, frame in current_frames().items():
        if ident == here or ident in known:
            continue
        stack = []
        while frame is not None:
            code = frame.f_code
            if len(stack) < STACK_LIMIT:
                stack.append((code.co_filename, code.co_name, frame.f_lineno or 0))
            frame = frame.f_back
        thread = active.get(ident)
        if thread is None:
            target = (code.co_filename, code.co_name, code.co_firstlineno)
            found.append((ident, code.co_name, id(code), target, stack))
        else:
            found.append((ident, name_of(thread), id(thread), target_of(thread), stack))
    return found


def name_of(thread):
    name = vars(thread).get("_name")
    return name if type(name) is str else ""


def target_of(thread):
    own = vars(thread)
    target = own.get("_target") or own.get("function") or type(thread).run
    for _ in range(8):
        inner = getattr(target, "__func__", None) or getattr(target, "func", None)
        if inner is None:
            break
        target = inner
    code = getattr(target, "__code__", None)
    return code and (code.co_filename, code.co_name, code.co_firstlineno)


def kept_descriptors():
    """The descriptors that the standard library keeps as long as the process lives."""
    kept = []
    for module, holder, names in (
        ("multiprocessing.resource_tracker", "_resource_tracker", ("_fd",)),
        ("multiprocessing.forkserver", "_forkserver", ("_forkserver_alive_fd",)),
    ):
        own = getattr(modules.get(module), holder, None)
        kept.extend(getattr(own, name, None) for name in names)
    return [descriptor for descriptor in kept if type(descriptor) is int]
