"""The services that receive events: the form that each expects, and its protocol."""
