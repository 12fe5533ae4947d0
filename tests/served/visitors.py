"""Users for Django that need no database, and their session cookies."""

LOADED = []


class Backend:
    """Knows a user for every number."""

    def get_user(self, user_id):
        """Return the user with this id, and remember that it was loaded."""
        LOADED.append(user_id)
        return user(user_id)

    async def aget_user(self, user_id):
        """Return it to async code."""
        return self.get_user(user_id)


def user(user_id, password="!"):
    """Return a user who is in no database."""
    from django.contrib.auth.models import User

    return User(pk=user_id, username=f"user-{user_id}", password=password)


def session_key(user_id, password="!"):
    """Return the key of a session, kept in the cookie itself, in which the user is logged in."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.signed_cookies import SessionStore

    session = SessionStore()
    session[SESSION_KEY] = str(user_id)
    session[BACKEND_SESSION_KEY] = "visitors.Backend"
    session[HASH_SESSION_KEY] = user(user_id, password).get_session_auth_hash()
    session.save()
    return session.session_key
