"""The way of events to other machines: kept until they arrived, sent again, never lost unseen."""
