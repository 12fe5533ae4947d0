"""Django users without a database, and their session cookies."""

LOADED = []


class Backend:
    """An authentication backend that has a user for every id."""

    def get_user(self, user_id):
        """Return the user with this id, and note it in `LOADED`."""
        LOADED.append(user_id)
        return user(user_id)

    async def aget_user(self, user_id):
        """Return the user to async code."""
        return self.get_user(user_id)


def user(user_id, password="!"):
    """Return a user that is not in a database."""
    from django.contrib.auth.models import User

    return User(pk=user_id, username=f"user-{user_id}", password=password)


def session_key(user_id, password="!"):
    """Return the key of a session of the user; the cookie backend keeps all of it in the key."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.signed_cookies import SessionStore

    session = SessionStore()
    session[SESSION_KEY] = str(user_id)
    session[BACKEND_SESSION_KEY] = "visitors.Backend"
    session[HASH_SESSION_KEY] = user(user_id, password).get_session_auth_hash()
    session.save()
    return session.session_key
