# All hooks exist, although the class defines none itself: inherited, assigned, made by functools.partialmethod.
import functools


class Base:
    def get_password_list(self):
        return None

    def answer(self, what):
        return None


class Plugin(Base):
    get_private_key_list = Base.get_password_list
    authentication_completed = functools.partialmethod(Base.answer, "completed")
    session_ended = lambda self: None  # noqa: E731
